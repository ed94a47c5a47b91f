"""Rules out of a file: a whole configuration, or a file of ``rules_dir``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from llmmon_collector.config.crosscheck import check_names
from llmmon_collector.config.document import Document, toml_of, validate
from llmmon_collector.config.load import load, read_document
from llmmon_collector.config.parse import parse_settings
from llmmon_collector.config.settings import RulesFile, Settings
from llmmon_collector.rules.model import RuleSpec

_RULES_KEYS = frozenset(field.alias or name for name, field in RulesFile.model_fields.items())


class RuleSet(NamedTuple):
    """What one file gives."""

    document: Document
    settings: Settings
    """With the rules of the file; all else is default where ``whole`` is False."""
    rules: tuple[RuleSpec, ...]
    """Those of the file itself, and of its ``rules_dir`` where it has one."""
    whole: bool
    """Whether channels and windows are known, so that they were checked too."""


def read_rules(file: Path, environ: Mapping[str, str], config: Path | None = None) -> RuleSet:
    """The rules in ``file``; one of rules alone is checked against ``config`` where that is given.

    Raises:
        ConfigError: a file cannot be read or is wrong; names file, line, key and reason.
    """
    document = read_document(file)
    if not set(toml_of(document)) <= _RULES_KEYS:
        settings = load(file, environ, Path.cwd()).settings
        return RuleSet(document, settings, settings.rules, whole=True)
    given = validate(document, RulesFile)
    check_names([(document, given)])
    if config is None:
        settings = Settings().model_copy(update=dict(given))
        return RuleSet(document, settings, given.rules, whole=False)
    settings = parse_settings(read_document(config), [document])
    return RuleSet(document, settings, given.rules, whole=True)
