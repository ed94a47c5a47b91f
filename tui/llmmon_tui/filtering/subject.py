"""Rows of every kind as what a filter is about: labels, numbers and flags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from llmmon.protocol.snapshot import AlertView, Group, HealthView
from llmmon_tui import fields
from llmmon_tui.filtering.flags import Flags, Labels, Numbers, flags_of
from llmmon_tui.filtering.kinds import KINDS
from llmmon_tui.filtering.match import matches
from llmmon_tui.filtering.parse import Term
from llmmon_tui.rows import RequestRow

_SECOND_NS: Final = 1_000_000_000


class Subject(NamedTuple):
    """What terms are held against; None is no value."""

    labels: Labels
    numbers: Numbers
    flags: Flags

    def passes(self, terms: tuple[Term, ...]) -> bool:
        """Whether every term holds that is about it."""
        return matches(terms, self.labels, self.numbers, self.flags)


def group_subject(group: Group, slow_ms: float | None = None) -> Subject:
    """A group of a snapshot's window."""
    return Subject(group.labels, group.metrics, flags_of(group.labels, group.metrics, slow_ms))


def request_subject(row: RequestRow, slow_ms: float | None = None) -> Subject:
    """A request; a field that `RequestRow` does not carry is none that terms are about."""
    kind = KINDS["requests"]
    labels = {name: getattr(row, name) for name in kind.texts if name in row._fields}
    numbers = {name: getattr(row, name) for name in kind.numbers if name in row._fields}
    return Subject(labels, numbers, flags_of(labels, numbers, slow_ms))


def plain_subject(
    kind_name: str, plain: Mapping[str, Any], slow_ms: float | None = None
) -> Subject:
    """A row of a table as a query tells it, such as one of `logs` or `spans`.

    Columns that it was not asked for count as no value. Raises KeyError for an unknown kind.
    """
    kind = KINDS[kind_name]
    labels = {name: fields.text(plain.get(name)) for name in kind.texts}
    numbers = {name: fields.number(plain.get(name)) for name in kind.numbers}
    return Subject(labels, numbers, flags_of(labels, numbers, slow_ms))


def alert_subject(alert: AlertView, now_ns: int) -> Subject:
    """An alert; `age_s` is since its state began."""
    kind = KINDS["alerts"]
    own = {name: getattr(alert, name, None) for name in kind.texts}
    labels: dict[str, str | None] = {**own, **alert.labels}
    numbers = {
        "value": alert.value,
        "threshold": alert.threshold,
        "peak": alert.peak,
        "window_s": alert.window_s,
        "age_s": (now_ns - alert.since_ns) / _SECOND_NS,
    }
    return Subject(labels, numbers, {})


def check_subject(check: HealthView, now_ns: int) -> Subject:
    """A health check; `age_s` is since its status began."""
    labels = {name: getattr(check, name) for name in KINDS["checks"].texts}
    numbers = {
        "took_ms": check.took_ms,
        "value": check.value,
        "age_s": (now_ns - check.since_ns) / _SECOND_NS,
    }
    failed = check.status == "failing"
    flags = {"ok": check.status == "ok", "slow": check.slow}
    return Subject(labels, numbers, {"error": failed, "errors": failed, "failed": failed, **flags})
