"""What no table of a configuration can tell by itself: names that must be one, or must be there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from llmmon.errors import ConfigError
from llmmon_collector.config.document import Document
from llmmon_collector.config.locate import Path, line_of
from llmmon_collector.config.settings import CollectorSettings, RulesFile, Settings
from llmmon_collector.config.suggest import nearest
from llmmon_collector.duration import format_duration
from llmmon_collector.health.model import OWN_NAME, default_checks
from llmmon_collector.notify.model import DEFAULT_CHANNELS
from llmmon_collector.objectives.rules import BUDGET_RULE, SLO_RULE
from llmmon_collector.rules.model import RuleSpec

KINDS: Final = ("rule", "slo", "budget")
"""Tables that make rules, and may stand in files of ``rules_dir``."""
GENERATED: Final = (SLO_RULE, BUDGET_RULE)


class _Place(NamedTuple):
    """A table of a list of tables."""

    document: Document
    kind: str
    number: int
    name: str = ""

    def error(self, key: str, reason: str) -> ConfigError:
        label = f"[{self.name or f'#{self.number + 1}'}]"
        path: Path = (self.kind, self.number, key)
        line = line_of(self.document.text, path)
        return ConfigError(
            reason, file=self.document.file, line=line, key=f"{self.kind}{label}.{key}"
        )


class _Table(NamedTuple):
    place: _Place
    spec: Any


def cross_check(
    main: tuple[Document, Settings], more: Sequence[tuple[Document, RulesFile]]
) -> None:
    """See that names in ``main`` and in the files of ``rules_dir`` fit each other.

    Raises:
        ConfigError: they do not; names file, line, key, what is wrong and how to mend it.
    """
    document, settings = main
    tables = [table for kind in KINDS for table in _tables(kind, [main, *more])]
    checks = _listed(document, "check", settings.checks)
    check_names([main, *more])
    _check_names(checks)
    channels = settings.channels or DEFAULT_CHANNELS
    routes = _listed(document, "route", settings.routes)
    for place, spec in (*tables, *routes):
        _check_all(place, "channels", spec.channels, channels, "channels")
    for place, spec in routes:
        _check_all(place, "mute", spec.mute, settings.schedules, "schedules")
    known = {OWN_NAME, *(spec.name for spec in (*settings.checks, *default_checks("")))}
    for place, spec in tables:
        if isinstance(spec, RuleSpec):
            _check_prefix(place, spec)
            _check_window(place, spec, settings.collector)
            _check_checks(place, spec, known)


def check_names(files: Sequence[tuple[Document, Settings | RulesFile]]) -> None:
    """See that no two rules, objectives or limits have one name.

    Raises:
        ConfigError: two have; names the file and line of both.
    """
    for kind in KINDS:
        _check_names(_tables(kind, files))


def _tables(kind: str, files: Sequence[tuple[Document, Settings | RulesFile]]) -> list[_Table]:
    names = {"rule": "rules", "slo": "slos", "budget": "budgets"}
    return [
        table
        for document, settings in files
        for table in _listed(document, kind, getattr(settings, names[kind]))
    ]


def _listed(document: Document, kind: str, specs: Iterable[Any]) -> list[_Table]:
    return [
        _Table(_Place(document, kind, number, getattr(spec, "name", "")), spec)
        for number, spec in enumerate(specs)
    ]


def _check_names(tables: Iterable[_Table]) -> None:
    places: dict[str, str] = {}
    for place, spec in tables:
        if spec.name in places:
            article = f"a {place.kind} of this name"
            raise place.error("name", f"{article} is in {places[spec.name]} too: rename one")
        line = line_of(place.document.text, (place.kind, place.number, "name"))
        places[spec.name] = f"{place.document.file}:{line}"


def _check_all(
    place: _Place, key: str, names: Iterable[str], known: Mapping[str, object], table: str
) -> None:
    for name in names:
        if name not in known:
            reason = f"there is no [{table}.{name}]: add it{nearest(name, known)}"
            raise place.error(key, reason)


def _check_prefix(place: _Place, rule: RuleSpec) -> None:
    if rule.name.startswith(GENERATED):
        begins = " and ".join(f'"{prefix}"' for prefix in GENERATED)
        reason = f"{begins} begin the names of rules that are made of [[slo]] and [[budget]]"
        raise place.error("name", f"{reason}: choose another name")


def _check_window(place: _Place, rule: RuleSpec, collector: CollectorSettings) -> None:
    if rule.family == "requests" and rule.window_s not in collector.windows_s:
        kept = ", ".join(format_duration(window_s) for window_s in collector.windows_s)
        raise place.error(
            "window",
            f"the collector keeps no window of {format_duration(rule.window_s)}, only {kept}: "
            "choose one of these or add it to collector.windows",
        )


def _check_checks(place: _Place, rule: RuleSpec, known: Collection[str]) -> None:
    for name in sorted({check for check, _ in rule.checks} - set(known)):
        raise place.error("value", f'there is no [[check]] "{name}": add it{nearest(name, known)}')
