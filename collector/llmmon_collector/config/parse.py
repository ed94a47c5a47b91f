"""Configuration texts in, settings out. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from llmmon_collector.config.crosscheck import cross_check
from llmmon_collector.config.document import Document, validate
from llmmon_collector.config.settings import RulesFile, Settings


def parse_settings(main: Document | None, more_rules: Sequence[Document] = ()) -> Settings:
    """The settings in ``main`` (all defaults where there is none) with the rules of the others.

    Raises:
        ConfigError: names file, line, key, what is wrong and how to mend it.
    """
    main = main or Document("llmmon.toml", "")
    settings = validate(main, Settings)
    files = [(document, validate(document, RulesFile)) for document in more_rules]
    cross_check((main, settings), files)
    sets: tuple[Settings | RulesFile, ...] = (settings, *(rules for _, rules in files))
    return settings.model_copy(
        update={
            "rules": tuple(spec for each in sets for spec in each.rules),
            "slos": tuple(spec for each in sets for spec in each.slos),
            "budgets": tuple(spec for each in sets for spec in each.budgets),
        }
    )
