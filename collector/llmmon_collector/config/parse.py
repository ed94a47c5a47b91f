"""Configuration texts in, settings out. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from llmmon.errors import ConfigError
from llmmon_collector.config.explain import explain_syntax, explain_validation
from llmmon_collector.config.locate import Path, line_of
from llmmon_collector.config.settings import CollectorSettings, RulesFile, Settings
from llmmon_collector.config.suggest import nearest
from llmmon_collector.duration import format_duration
from llmmon_collector.notify.model import DEFAULT_CHANNELS
from llmmon_collector.rules.model import RuleSpec

M = TypeVar("M", bound=BaseModel)


class Document(NamedTuple):
    """One configuration file."""

    file: str
    """Its name in messages."""
    text: str


class _RuleSet(NamedTuple):
    document: Document
    rules: tuple[RuleSpec, ...]


def parse_settings(main: Document | None, more_rules: Sequence[Document] = ()) -> Settings:
    """The settings in ``main`` (all defaults where there is none) with the rules of the others.

    Raises:
        ConfigError: names file, line, key, what is wrong and how to mend it.
    """
    main = main or Document("llmmon.toml", "")
    settings = _validate(main, Settings)
    sets = [_RuleSet(main, settings.rules)]
    sets += [_RuleSet(document, _validate(document, RulesFile).rules) for document in more_rules]
    _check_rule_names(sets)
    _check_check_names(main, [check.name for check in settings.checks])
    channels = settings.channels or DEFAULT_CHANNELS
    for document, rules in sets:
        for number, rule in enumerate(rules):
            _check_channels(document, number, rule, channels)
            _check_window(document, number, rule, settings.collector)
    return settings.model_copy(
        update={"rules": tuple(rule for each in sets for rule in each.rules)}
    )


def _validate(document: Document, model: type[M]) -> M:
    text = document.text.removeprefix("\ufeff")
    try:
        data: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise explain_syntax(error, text, document.file) from None
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise explain_validation(error, model, data, text, document.file) from None


def _check_rule_names(sets: Iterable[_RuleSet]) -> None:
    places: dict[str, str] = {}
    for document, rules in sets:
        for number, rule in enumerate(rules):
            path = ("rule", number, "name")
            if rule.name in places:
                reason = f"a rule of this name is in {places[rule.name]} too: rename one"
                raise _error(document, path, f"rule[{rule.name}].name", reason)
            places[rule.name] = f"{document.file}:{line_of(document.text, path)}"


def _check_check_names(document: Document, names: Sequence[str]) -> None:
    for number, name in enumerate(names):
        if name in names[:number]:
            first = line_of(document.text, ("check", names.index(name), "name"))
            raise _error(
                document,
                ("check", number, "name"),
                f"check[{name}].name",
                f"a check of this name is in line {first} too: rename one",
            )


def _check_channels(
    document: Document, number: int, rule: RuleSpec, channels: Mapping[str, object]
) -> None:
    for name in rule.channels:
        if name not in channels:
            reason = f"there is no [channels.{name}]: add it{nearest(name, channels)}"
            path = ("rule", number, "channels")
            raise _error(document, path, f"rule[{rule.name}].channels", reason)


def _check_window(
    document: Document, number: int, rule: RuleSpec, collector: CollectorSettings
) -> None:
    if rule.window_s not in collector.windows_s:
        kept = ", ".join(format_duration(window_s) for window_s in collector.windows_s)
        reason = (
            f"the collector keeps no window of {format_duration(rule.window_s)}, only {kept}: "
            "choose one of these or add it to collector.windows"
        )
        raise _error(document, ("rule", number, "window"), f"rule[{rule.name}].window", reason)


def _error(document: Document, path: Path, key: str, reason: str) -> ConfigError:
    return ConfigError(reason, file=document.file, line=line_of(document.text, path), key=key)
