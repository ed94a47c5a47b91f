"""One rule at work: its values over a table of groups, and the alerts that it has. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from llmmon.protocol.names import DIMENSIONS
from llmmon_collector.rules.alert import Alert, AlertChange, advance
from llmmon_collector.rules.compile import compile_value
from llmmon_collector.rules.expression import Recall, Scope
from llmmon_collector.rules.families import CHECKS, REQUESTS
from llmmon_collector.rules.model import RuleSpec, Threshold
from llmmon_collector.rules.operations import Column
from llmmon_collector.rules.rows import LabelKey, RowIndex
from llmmon_collector.rules.state import Instance, Observation, clear, step
from llmmon_collector.rules.tables import table_key

RESOLVED_KEPT_S: Final = 900.0
"""How long a resolved alert stays in sight."""
_GONE: Final = Observation(None)


class Moment(NamedTuple):
    """When an evaluation is."""

    mono_s: float
    wall_ns: int
    hold: bool = False
    """Whether windows are still filling, so that restored alerts must not get better."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a rule sees of a table."""

    columns: tuple[Column, ...]
    """What each limit judges, mildest first."""
    requests: NDArray[np.int64]
    index: RowIndex

    def observe(self, row: int | None) -> Observation:
        """One group; no data where it has no row."""
        if row is None or self.is_empty(row):
            return _GONE
        values = [float(column[row]) for column in self.columns]
        known = [None if np.isnan(value) else value for value in values]
        return Observation(known[0], int(self.requests[row]), known[-1])

    def is_empty(self, row: int) -> bool:
        """Whether it is the overflow without requests, which is no group."""
        return row == self.index.overflow and not self.requests[row]


class RuleRunner:
    """A rule and its alerts: pending, firing, and resolved of late."""

    def __init__(self, spec: RuleSpec) -> None:
        self.spec = spec
        self.table = table_key(spec)
        self.expressions = tuple(
            compile_value(spec.expression(severity)) for severity, _ in spec.thresholds
        )
        """Of each limit, mildest first."""
        self.recalls: tuple[Recall, ...] = tuple(
            recall for each in dict.fromkeys(self.expressions) for recall in each.recalls
        )
        self._split = spec.split
        self._of_requests = spec.family == REQUESTS
        self.refused = 0
        """Groups over the limit of instances at the last evaluation."""
        self._alerts: dict[LabelKey, Alert] = {}

    def alerts(self) -> Iterable[Alert]:
        """All of them, in no order."""
        return self._alerts.values()

    def alert(self, labels: LabelKey) -> Alert | None:
        """The alert of one group."""
        return self._alerts.get(labels)

    def look(self, scope: Scope, index: RowIndex) -> Seen:
        """The values of every group."""
        mild = self.expressions[0].evaluate(scope)
        severe = self.expressions[-1].evaluate(scope) if self._split else mild
        columns = (mild, severe)[: len(self.expressions)]
        return Seen(columns, scope.table.requests, index)

    def judge(self, seen: Seen, moment: Moment) -> list[AlertChange]:
        """Bring the alerts up to what is seen."""
        changes = self._follow(seen, moment)
        changes += self._discover(seen, moment)
        self._forget(moment.mono_s)
        return changes

    def adopt(self, alert: Alert) -> bool:
        """Take over an alert of an older rule of this name, if this one groups in the same way."""
        labels = dict(alert.labels)
        if self.spec.family == REQUESTS:
            if set(labels) != set(self.spec.by):
                return False
            key = tuple((name, labels[name]) for name in self.spec.by)
        else:
            if not labels or not labels.keys() <= set(self.spec.label_names):
                return False
            key = tuple(sorted(labels.items()))
        self._alerts[key] = replace(alert, rule=self.spec, labels=key)
        return True

    def _follow(self, seen: Seen, moment: Moment) -> list[AlertChange]:
        """Step the alerts that are active, whether the table still has their group or not."""
        active = [key for key, alert in self._alerts.items() if alert.instance.active]
        changes: list[AlertChange] = []
        for key in active:
            row = seen.index.rows.get(key)
            if row is None and not moment.hold and _is_taken_out(self.spec.family, key, seen.index):
                changes += self._end(key, moment)
            else:
                changes += self._step(key, seen.observe(row), moment)
        return changes

    def _discover(self, seen: Seen, moment: Moment) -> list[AlertChange]:
        """Step the groups that breach and have no active alert, the worst first."""
        self.refused = 0
        changes: list[AlertChange] = []
        rows = self._breaching(seen, moment)
        if not len(rows):
            return changes
        room = self.spec.limit - sum(alert.instance.active for alert in self._alerts.values())
        for row in rows.tolist():
            key = seen.index.keys[row]
            known = self._alerts.get(key)
            if known is not None and known.instance.active:
                continue
            if room <= 0:
                self.refused += 1
                continue
            room -= 1
            changes += self._step(key, seen.observe(row), moment)
        return changes

    def _breaching(self, seen: Seen, moment: Moment) -> NDArray[np.intp]:
        """Rows beyond a limit, critical ones first, then the worst; then those without data."""
        enough = np.ones(len(seen.index), np.bool_)
        if self._of_requests and self.spec.min_requests:
            enough = seen.requests >= self.spec.min_requests
        limits = list(zip(self.spec.thresholds, seen.columns, strict=True))
        # of one value, the mildest limit has all
        judged = limits[::-1] if self._split else limits[:1]
        found = [_worst_first(threshold, column, enough) for (_, threshold), column in judged]
        if self.spec.no_data == "alert" and not moment.hold:
            found.append(np.flatnonzero(np.isnan(seen.columns[0]) | ~enough))
        rows = np.concatenate(found)
        if len(found) > 1 and len(rows):
            rows = rows[np.sort(np.unique(rows, return_index=True)[1])]
        overflow = seen.index.overflow
        if overflow is not None and seen.is_empty(overflow):
            rows = rows[rows != overflow]
        return rows

    def _step(self, key: LabelKey, observation: Observation, moment: Moment) -> list[AlertChange]:
        alert = self._alerts.get(key) or self._new(key)
        instance, transition = step(self.spec, alert.instance, observation, moment.mono_s)
        moved = advance(alert, instance, moment.wall_ns)
        if moment.hold and alert.restored and moved.rank < alert.rank:
            return []
        self._alerts[key] = moved
        return [] if transition is None else [AlertChange(transition, moved)]

    def _end(self, key: LabelKey, moment: Moment) -> list[AlertChange]:
        """What it is of was taken out of the configuration, or is grouped in another way now."""
        reason = "check_removed" if self.spec.family == CHECKS else "rule_changed"
        changes = retire(self._alerts.pop(key), moment, reason)
        self._alerts.update((key, change.alert) for change in changes)
        return changes

    def _new(self, key: LabelKey) -> Alert:
        return Alert(self.spec, key, Instance(), self.spec.thresholds[0][0])

    def _forget(self, now_s: float) -> None:
        stale = [key for key, alert in self._alerts.items() if is_stale(alert, now_s)]
        for key in stale:
            del self._alerts[key]


def is_stale(alert: Alert, now_s: float) -> bool:
    """Whether nobody needs to see ``alert`` any more."""
    if alert.instance.active:
        return False
    resolved_s = alert.instance.resolved_s
    return resolved_s is None or now_s - resolved_s >= RESOLVED_KEPT_S


def retire(alert: Alert, moment: Moment, reason: str) -> list[AlertChange]:
    """The change that brings a firing alert to rest; none for any other, which just vanishes."""
    instance, transition = clear(alert.instance, moment.mono_s)
    if transition is None:
        return []
    return [AlertChange(transition, advance(alert, instance, moment.wall_ns), reason)]


def _is_taken_out(family: str, key: LabelKey, index: RowIndex) -> bool:
    """Whether ``key``, which has no row in ``index``, was taken out of the configuration.

    What has no groups, as a health check, always has its row; and where a row of the same
    objective, or limit, has other labels, that is grouped in another way now.
    """
    if family == REQUESTS:
        return False
    names = dict(key).keys()
    if not names & set(DIMENSIONS):
        return True
    named = [label for label in key if label[0] not in DIMENSIONS]
    other = next((row for row in index.keys if all(label in row for label in named)), None)
    return other is not None and dict(other).keys() != names


def _worst_first(
    threshold: Threshold, column: Column, enough: NDArray[np.bool_]
) -> NDArray[np.intp]:
    """The rows beyond the limit; NaN is beyond none."""
    above = threshold.comparison == "above"
    beyond = column > threshold.limit if above else column < threshold.limit
    rows = np.flatnonzero(beyond & enough)
    if len(rows) < 2:
        return rows
    return rows[np.argsort(-column[rows] if above else column[rows], kind="stable")]
