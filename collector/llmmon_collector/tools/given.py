"""What rules read in a test: series as they are written, or windows that traffic goes through."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple

import numpy as np

from llmmon.protocol.names import DIMENSIONS
from llmmon_collector.day import LocalDay
from llmmon_collector.metrics import MetricSource, MetricTable, Sources
from llmmon_collector.objectives.model import BudgetSpec, SloSpec
from llmmon_collector.objectives.objectives import Objectives
from llmmon_collector.objectives.rules import generated_rules
from llmmon_collector.rules.families import REQUESTS
from llmmon_collector.rules.model import RuleSpec
from llmmon_collector.series import SeriesKey, SeriesTable, Where
from llmmon_collector.tools.casefile import Case, MeasureCase, SeriesCase, Values
from llmmon_collector.tools.traffic import requests_of
from llmmon_collector.windows import Windows

PLENTY: Final = 1_000_000
"""Requests of a group whose series do not say: more than any rule asks for."""
_LATENESS_S: Final = 7 * 86_400.0
"""Nothing in a test comes late, however long the time between two evaluations."""


class Subject(NamedTuple):
    """What is tested."""

    plain_rules: Sequence[RuleSpec]
    slos: Sequence[SloSpec] = ()
    budgets: Sequence[BudgetSpec] = ()
    timezone: str = "UTC"
    """An IANA name; empty for the machine's own."""

    @property
    def rules(self) -> tuple[RuleSpec, ...]:
        """All rules, those of objectives and spending limits among them."""
        return (*self.plain_rules, *generated_rules(self.slos, self.budgets))


class Given:
    """The sources of one test, at one evaluation after the other."""

    def __init__(self, case: Case, subject: Subject) -> None:
        """Begin at the start of ``case``.

        Raises:
            TooManyRequestsError: of traffic.
        """
        self._case = case
        self._turn = 0
        windows_s = sorted({int(rule.window_s) for rule in subject.plain_rules})
        day_start_ns = LocalDay(subject.timezone).start_ns
        self._windows = Windows(windows_s, _LATENESS_S, day_start_ns)
        self._series = SeriesTable(max_series=100_000)
        self._objectives = _objectives(subject, self._series, case.start_ns)
        end_s = (case.evaluations - 1) * case.every_s
        self._requests = (
            requests_of(case.traffic, case.start_ns, end_s, self._series) if case.traffic else None
        )
        self._taken = 0

    def at(self, turn: int, wall_ns: int) -> Sources:
        """What rules read at evaluation number ``turn``, which is at ``wall_ns``."""
        self._turn = turn
        if self._requests is not None:
            until = int(np.searchsorted(self._requests.end_ns, wall_ns, side="right"))
            came = self._requests.take(slice(self._taken, until))
            self._windows.add(came, wall_ns)
            self._windows.advance(wall_ns)
            self._objectives.add(came, wall_ns)
            self._objectives.advance(wall_ns)
            self._taken = until
        return Sources(self._source(), self._families(), self._measure)

    def _source(self) -> MetricSource:
        return self._from_windows if self._requests is not None else self._from_series

    def _from_windows(self, window_s: int, by: tuple[str, ...], where: Where | None) -> MetricTable:
        return self._windows.table(window_s, self._series.group(by, where))

    def _from_series(self, _: int, by: tuple[str, ...], where: Where | None) -> MetricTable:
        groups: dict[tuple[str, ...], SeriesCase | None] = {} if by else {(): None}
        for one in self._case.series:
            if one.family != REQUESTS or not (where is None or where(_key(one.labels))):
                continue
            group = tuple(one.labels.get(name, "") for name in by)
            if groups.get(group) is not None:
                raise ValueError(_two_series(by, group))
            groups[group] = one
        labels = [dict(zip(by, group, strict=True)) for group in groups]
        return _table(labels, [one.metrics if one else {} for one in groups.values()], self._turn)

    def _families(self) -> Mapping[str, Callable[[], MetricTable]]:
        """Those of the series as they are written; else what the requests come to."""
        written = {one.family for one in self._case.series} - {REQUESTS}
        families: dict[str, Callable[[], MetricTable]] = {}
        if self._requests is not None:
            families["slos"] = self._objectives.slo_table
            families["budgets"] = self._objectives.budget_table
        return families | {family: partial(self._of_family, family) for family in written}

    def _of_family(self, family: str) -> MetricTable:
        members = [one for one in self._case.series if one.family == family]
        return _table([one.labels for one in members], [one.metrics for one in members], self._turn)

    def _measure(self, check: str, name: str) -> float | None:
        found = [m for m in self._case.measures if (m.check, m.name) == (check, name)]
        return _measured(found, self._turn)


def _objectives(subject: Subject, series: SeriesTable, start_ns: int) -> Objectives:
    """Objectives and limits whose store is empty."""
    made = Objectives(subject.slos, subject.budgets, series, subject.timezone, start_ns)
    for question in made.ask():
        begin = question.counter is None and question.first_day is None
        made.fill(question, [(None, None)] if begin else [])
    return made


def _measured(found: Sequence[MeasureCase], turn: int) -> float | None:
    return _value(found[0].values, turn) if found else None


def _table(
    labels: Sequence[dict[str, str]],
    metrics: Sequence[Mapping[str, Values | float]],
    turn: int,
) -> MetricTable:
    rows = [{name: _value(values, turn) for name, values in one.items()} for one in metrics]
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: np.array([row.get(name) for row in rows], np.float64) for name in names}
    # a group of no series at all has no requests either
    counts = [row.get("requests", PLENTY) or 0 if row else 0 for row in rows]
    return MetricTable(tuple(labels), columns, np.array(counts, np.int64))


def _value(values: Values | float, turn: int) -> float | None:
    if isinstance(values, float):
        return values
    return values[turn] if turn < len(values) else None


def _key(labels: Mapping[str, str]) -> SeriesKey:
    return SeriesKey(*(labels.get(name, "") for name in DIMENSIONS))


def _two_series(by: tuple[str, ...], group: tuple[str, ...]) -> str:
    named = ", ".join(f"{name}={value}" for name, value in zip(by, group, strict=True))
    return (
        f"two series of the test are in one group ({named or 'the whole'}), and metrics cannot be "
        "merged: give one of them less labels, or give traffic"
    )
