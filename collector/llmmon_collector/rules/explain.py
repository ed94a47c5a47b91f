"""Why a rule fires or not: the values of its parts, group by group. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import numpy as np

from llmmon_collector.duration import format_duration
from llmmon_collector.rules.alert import Alert
from llmmon_collector.rules.expression import Scope
from llmmon_collector.rules.families import REQUESTS
from llmmon_collector.rules.model import RuleSpec, Severity, Threshold
from llmmon_collector.rules.rows import LabelKey, RowIndex
from llmmon_collector.rules.runner import Moment, RuleRunner, Seen
from llmmon_collector.rules.state import Instance, Level
from llmmon_collector.rules.summary import format_value

MOST_GROUPS: Final = 20
"""Groups that are explained, the worst first."""
_ITSELF: Final = "the group itself"


@dataclass(frozen=True, slots=True)
class LimitExplanation:
    """One limit of a rule on one group."""

    severity: Severity
    metric: str
    """The expression that it judges."""
    value: float | None
    comparison: str
    limit: float
    clear: float | None
    """Where it ends once it fires, if not at the limit."""
    state: str
    """``inactive``, ``pending`` or ``firing``."""
    breached: bool | None
    """Whether the value is beyond it now; None without a value."""
    breached_s: float | None
    """How long it has been beyond it; None while it is not."""
    for_s: float
    """How long it must be, to fire."""


@dataclass(frozen=True, slots=True)
class GroupExplanation:
    """A rule on one group."""

    labels: dict[str, str]
    state: str
    """Of its alert; ``inactive`` where there is none."""
    parts: tuple[tuple[str, float | None], ...]
    """Each part of its expressions with its value, outermost first."""
    limits: tuple[LimitExplanation, ...]
    """Mildest first."""
    requests: int
    missing: tuple[str, ...]
    """The innermost parts that have no value."""
    why: str
    """One line: why it fires, or does not."""


@dataclass(frozen=True, slots=True)
class RuleExplanation:
    """A rule as of the last evaluation."""

    rule: RuleSpec
    family: str
    groups: tuple[GroupExplanation, ...] = ()
    """The worst first, at most ``MOST_GROUPS``."""
    total: int = 0
    """Groups that there are."""
    error: str = ""
    """Why there is nothing to explain, or what is wrong besides."""
    hold: bool = False
    """Whether restored alerts are kept from getting better, for windows are still filling."""


def unexplained(spec: RuleSpec, error: str) -> RuleExplanation:
    """A rule that was not evaluated."""
    reason = error or "not evaluated: there is nothing of its kind, or not yet"
    return RuleExplanation(spec, spec.family, error=reason)


def explain_rule(
    runner: RuleRunner,
    scope: Scope,
    index: RowIndex,
    moment: Moment,
    labels: Collection[tuple[str, str]] = (),
) -> RuleExplanation:
    """The rule of ``runner`` on the groups of ``scope`` and those it has alerts of.

    Only groups with all of ``labels`` are looked at.
    """
    seen = runner.look(scope, index)
    gone = [
        alert
        for alert in runner.alerts()
        if alert.labels not in index.rows and all(label in alert.labels for label in labels)
    ]
    rows = [
        row
        for row in range(len(index))
        if not seen.is_empty(row) and all(label in index.keys[row] for label in labels)
    ]
    ranked = sorted(rows, key=lambda row: _badness(runner, seen, row), reverse=True)
    groups = [_explain_gone(runner, alert, moment) for alert in gone if alert.instance.active]
    groups += [_explain_row(runner, seen, scope, row, moment) for row in ranked[:MOST_GROUPS]]
    return RuleExplanation(
        runner.spec,
        runner.spec.family,
        tuple(groups[:MOST_GROUPS]),
        len(rows) + len(gone),
        hold=moment.hold,
    )


def _badness(runner: RuleRunner, seen: Seen, row: int) -> tuple[object, ...]:
    """Alerts first, then what is furthest beyond its limit, what has no value last."""
    alert = runner.alert(seen.index.keys[row])
    rank = (0, 0) if alert is None else alert.rank
    threshold, value = runner.spec.thresholds[0][1], float(seen.columns[0][row])
    distance = value if threshold.comparison == "above" else -value
    return rank, not np.isnan(value), 0.0 if np.isnan(value) else distance


def _explain_row(
    runner: RuleRunner, seen: Seen, scope: Scope, row: int, moment: Moment
) -> GroupExplanation:
    key = seen.index.keys[row]
    parts: dict[str, float | None] = {}
    for expression in runner.expressions:
        parts |= dict(expression.explain(scope, row))
    values = [float(column[row]) for column in seen.columns]
    known = [None if np.isnan(value) else value for value in values]
    requests = int(seen.requests[row])
    few = runner.spec.family == REQUESTS and requests < runner.spec.min_requests
    missing = tuple(_leaves_without_value(runner, parts))
    limits = _limits(runner, key, known, moment)
    group = _Group(runner.spec, runner.alert(key), limits, missing, requests if few else None)
    return GroupExplanation(
        dict(key), group.state, tuple(parts.items()), limits, requests, missing, group.why(moment)
    )


def _explain_gone(runner: RuleRunner, alert: Alert, moment: Moment) -> GroupExplanation:
    limits = _limits(runner, alert.labels, [None] * len(runner.expressions), moment)
    group = _Group(runner.spec, alert, limits, (_ITSELF,), None)
    return GroupExplanation(
        dict(alert.labels), group.state, (), limits, 0, group.missing, group.why(moment)
    )


def _leaves_without_value(runner: RuleRunner, parts: dict[str, float | None]) -> list[str]:
    nodes = [node for each in runner.expressions for node in each.root.walk()]
    known_parts = {node.text: [part.text for part in node.parts] for node in nodes}
    return [
        text
        for text, value in parts.items()
        if value is None and all(parts.get(part, 0.0) is not None for part in known_parts[text])
    ]


def _limits(
    runner: RuleRunner, key: LabelKey, values: list[float | None], moment: Moment
) -> tuple[LimitExplanation, ...]:
    alert = runner.alert(key)
    instance = Instance() if alert is None else alert.instance
    pairs = zip(runner.spec.thresholds, values, strict=True)
    return tuple(
        _limit(runner.spec, severity, value, instance.level(severity), moment)
        for (severity, _), value in pairs
    )


def _limit(
    spec: RuleSpec, severity: Severity, value: float | None, level: Level, moment: Moment
) -> LimitExplanation:
    threshold = spec.threshold(severity)
    state = "firing" if level.firing else "inactive" if level.since_s is None else "pending"
    return LimitExplanation(
        severity,
        spec.expression(severity),
        value,
        threshold.comparison,
        threshold.limit,
        _clear(threshold),
        state,
        None if value is None else threshold.breached(value, held=False),
        None if level.since_s is None else moment.mono_s - level.since_s,
        spec.for_s,
    )


def _clear(threshold: Threshold) -> float | None:
    return threshold.clear_below if threshold.comparison == "above" else threshold.clear_above


@dataclass(frozen=True, slots=True)
class _Group:
    """What the line about a group is made of."""

    spec: RuleSpec
    alert: Alert | None
    limits: tuple[LimitExplanation, ...]
    missing: tuple[str, ...]
    few: int | None
    """How many requests there are, where they are too few."""

    @property
    def state(self) -> str:
        return "inactive" if self.alert is None else str(self.alert.state)

    def why(self, moment: Moment) -> str:
        active = [limit for limit in self.limits if limit.state != "inactive"]
        worst = (active or list(self.limits))[-1 if active else 0]
        firing = [limit for limit in active if limit.state == "firing"]
        said = _say(firing[-1]) if firing else _say(worst)
        lack = self._lack()
        if firing:
            return "; ".join(filter(None, (f"fires: {said}", self._held(firing[-1], lack, moment))))
        if lack:
            return f"no data: {lack}" + ("; pending all the same" if active else "")
        if active:
            since, needed = (_span(s or 0.0) for s in (worst.breached_s, worst.for_s))
            return f"pending: {said}, for {since} of {needed}"
        return f"does not fire: {said}" + (self._crowded() if worst.breached else "")

    def _lack(self) -> str:
        if self.few is not None:
            return f"{self.few} requests, at least {self.spec.min_requests} are needed"
        if self.missing == (_ITSELF,):
            return "its group is gone"
        return f"{', '.join(self.missing)} without value" if self.missing else ""

    def _held(self, limit: LimitExplanation, lack: str, moment: Moment) -> str:
        """Why it fires although it is not beyond its limit."""
        if lack:
            return f'no data: {lack}; no_data = "{self.spec.no_data}"'
        if limit.breached or self.alert is None:
            return ""
        if moment.hold and self.alert.restored:
            return "held until the windows are warm"
        clear_s = self.alert.instance.level(limit.severity).clear_since_s
        if clear_s is None:
            other = "below" if limit.comparison == "above" else "above"
            return f"held until it is {other} {limit.clear:g}" if limit.clear is not None else ""
        since, needed = _span(moment.mono_s - clear_s), _span(self.spec.keep_firing_for_s)
        return f"clear for {since} of {needed}"

    def _crowded(self) -> str:
        return f"; worse groups take up the rule's limit of {self.spec.limit} alerts"


def _say(limit: LimitExplanation) -> str:
    if limit.value is None:
        return f"{limit.metric} has no value"
    value, edge = (format_value(each, limit.metric.strip()) for each in (limit.value, limit.limit))
    is_ = "is" if limit.breached else "is not"
    return f"{limit.metric} = {value} {is_} {limit.comparison} {edge}"


def _span(seconds: float) -> str:
    return format_duration(float(int(seconds))) if seconds >= 1 else "0s"
