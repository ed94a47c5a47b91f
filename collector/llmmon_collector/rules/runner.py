"""One rule at work: its value over a table of groups, and the alerts that it has. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from llmmon_collector.metrics import MetricTable
from llmmon_collector.rules.alert import Alert, AlertChange, advance
from llmmon_collector.rules.compile import Column, compile_value
from llmmon_collector.rules.model import RuleSpec
from llmmon_collector.rules.state import Instance, Observation, clear, step

RESOLVED_KEPT_S: Final = 900.0
"""How long a resolved alert stays in sight."""

_Labels = tuple[str, ...]
"""Values of the rule's ``by``."""


class Moment(NamedTuple):
    """When an evaluation is."""

    mono_s: float
    wall_ns: int
    hold: bool = False
    """Whether windows are still filling, so that restored alerts must not get better."""


class RuleRunner:
    """A rule and its alerts: pending, firing, and resolved of late."""

    def __init__(self, spec: RuleSpec) -> None:
        self.spec = spec
        self.value = compile_value(spec.value)
        self.refused = 0
        """Groups over the limit of instances at the last evaluation."""
        self._alerts: dict[_Labels, Alert] = {}

    def alerts(self) -> Iterable[Alert]:
        """All of them, in no order."""
        return self._alerts.values()

    def evaluate(self, table: MetricTable, moment: Moment) -> list[AlertChange]:
        """Judge every group in ``table``."""
        values = self.value.evaluate(table)
        changes = self._follow(table, values, moment)
        changes += self._discover(table, values, moment)
        self._forget(moment.mono_s)
        return changes

    def adopt(self, alert: Alert) -> bool:
        """Take over an alert of an older rule of this name, if this one groups in the same way."""
        labels = dict(alert.labels)
        if set(labels) != set(self.spec.by):
            return False
        values = self._labels(labels)
        named = tuple(zip(self.spec.by, values, strict=True))
        self._alerts[values] = replace(alert, rule=self.spec, labels=named)
        return True

    def _follow(self, table: MetricTable, values: Column, moment: Moment) -> list[AlertChange]:
        """Step the alerts that are active, whether the table still has their group or not."""
        active = [labels for labels, alert in self._alerts.items() if alert.instance.active]
        if not active:
            return []
        rows = {self._labels(row): i for i, row in enumerate(table.labels)}
        gone = Observation(None)
        observed = ((labels, rows.get(labels)) for labels in active)
        changes = [
            self._step(labels, gone if i is None else _observe(table, values, i), moment)
            for labels, i in observed
        ]
        return [change for change in changes if change is not None]

    def _discover(self, table: MetricTable, values: Column, moment: Moment) -> list[AlertChange]:
        """Step the groups that breach and have no active alert, the worst first."""
        self.refused = 0
        room = self.spec.limit - sum(alert.instance.active for alert in self._alerts.values())
        changes = []
        for i in self._breaching(table, values):
            labels = self._labels(table.labels[i])
            known = self._alerts.get(labels)
            if known is not None and known.instance.active:
                continue
            if room <= 0:
                self.refused += 1
                continue
            room -= 1
            change = self._step(labels, _observe(table, values, int(i)), moment)
            changes += [] if change is None else [change]
        return changes

    def _breaching(self, table: MetricTable, values: Column) -> NDArray[np.intp]:
        threshold = self.spec.thresholds[0][1]
        above = threshold.comparison == "above"
        seen = (table.requests >= self.spec.min_requests) & ~np.isnan(values)
        breaching = seen & (values > threshold.limit if above else values < threshold.limit)
        rows = np.flatnonzero(breaching)
        worst_first = np.argsort(-values[rows] if above else values[rows], kind="stable")
        if self.spec.no_data != "alert":
            return rows[worst_first]
        return np.concatenate([rows[worst_first], np.flatnonzero(~seen)])

    def _step(
        self, labels: _Labels, observation: Observation, moment: Moment
    ) -> AlertChange | None:
        alert = self._alerts.get(labels) or self._new(labels)
        instance, transition = step(self.spec, alert.instance, observation, moment.mono_s)
        moved = advance(alert, instance, moment.wall_ns)
        if moment.hold and alert.restored and moved.rank < alert.rank:
            return None
        self._alerts[labels] = moved
        return None if transition is None else AlertChange(transition, moved)

    def _new(self, labels: _Labels) -> Alert:
        named = tuple(zip(self.spec.by, labels, strict=True))
        return Alert(self.spec, named, Instance(), self.spec.thresholds[0][0])

    def _labels(self, row: dict[str, str]) -> _Labels:
        return tuple(row[name] for name in self.spec.by)

    def _forget(self, now_s: float) -> None:
        stale = [labels for labels, alert in self._alerts.items() if is_stale(alert, now_s)]
        for labels in stale:
            del self._alerts[labels]


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


def _observe(table: MetricTable, values: Column, i: int) -> Observation:
    value = float(values[i])
    return Observation(None if np.isnan(value) else value, int(table.requests[i]))
