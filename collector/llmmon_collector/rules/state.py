"""The state machine of one alert instance: a rule and one group of series. Pure.

Each severity is a level of its own (inactive, pending, firing), as if it were a Prometheus alert
with ``for`` and ``keep_firing_for``, plus hysteresis. The instance is as bad as its worst level,
so two severities are one alert that escalates and de-escalates. Times are monotonic seconds.

What follows Prometheus (``rules/alerting.go``): ``for`` counts from the first breach and a single
clear value resets it; a pending alert that clears vanishes silently; ``keep_firing_for`` counts
from the first clear value of a firing alert. What does not: an alert that fires goes on firing when
a reload raises ``for``, since its trouble goes on and people know of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from math import isfinite
from typing import Final, TypedDict

from llmmon_collector.rules.families import REQUESTS
from llmmon_collector.rules.model import SEVERITIES, RuleSpec, Severity, Threshold

NO_DATA_LIMIT_S: Final = 86400.0
"""With ``no_data = "keep"`` a firing alert whose data is gone this long resolves after all."""


class State(StrEnum):
    """Where an instance is."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


class Transition(StrEnum):
    """What a step can lead to that people are told of."""

    FIRING = "firing"
    ESCALATED = "escalated"
    DEESCALATED = "deescalated"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Observation:
    """What a group shows at one evaluation."""

    value: float | None
    """None where there is no value."""
    requests: int = 0
    critical: float | None = None
    """What critical judges, where the rule is ``split``."""


@dataclass(frozen=True, slots=True)
class Level:
    """One severity of one instance."""

    since_s: float | None = None
    """First breach of the present run; None when inactive."""
    firing: bool = False
    clear_since_s: float | None = None
    """First clear value since the last breach of a firing level."""


_INACTIVE: Final = Level()


@dataclass(frozen=True, slots=True)
class Instance:
    """One alert instance between two evaluations."""

    warning: Level = _INACTIVE
    critical: Level = _INACTIVE
    value: float | None = None
    """The last value seen; of a ``split`` rule, the warning's."""
    peak: float | None = None
    """The worst value since the alert became active."""
    no_data_since_s: float | None = None
    """Since when it, or either value of a ``split`` rule, is missing."""
    resolved_s: float | None = None
    critical_value: float | None = None
    """As ``value``, of the critical limit of a ``split`` rule."""
    critical_peak: float | None = None

    @property
    def state(self) -> State:
        """Where the instance is, as its worst level says."""
        if self.severity is not None:
            return State.FIRING
        if self.warning.since_s is not None or self.critical.since_s is not None:
            return State.PENDING
        return State.INACTIVE if self.resolved_s is None else State.RESOLVED

    @property
    def severity(self) -> Severity | None:
        """The worst severity that fires."""
        if self.critical.firing:
            return "critical"
        return "warning" if self.warning.firing else None

    @property
    def active(self) -> bool:
        """Whether it is pending or firing."""
        return self.state in (State.PENDING, State.FIRING)

    def level(self, severity: Severity) -> Level:
        """The level of ``severity``."""
        return self.critical if severity == "critical" else self.warning


def step(
    spec: RuleSpec, instance: Instance, observation: Observation, now_s: float
) -> tuple[Instance, Transition | None]:
    """The instance after ``observation`` at ``now_s``, and what people are to be told."""
    values = _values(spec, observation)
    missing = None in values.values()
    no_data_since_s = _first(instance.no_data_since_s, now_s) if missing else None
    gone = no_data_since_s is not None and now_s - no_data_since_s >= NO_DATA_LIMIT_S
    levels = dict.fromkeys(SEVERITIES, _INACTIVE)
    for severity, threshold in spec.thresholds:
        level = instance.level(severity)
        breached = _judge(spec, threshold, values[severity], level, gone)
        levels[severity] = _step_level(spec, level, breached, now_s)
    active = any(level.since_s is not None for level in levels.values())
    after = replace(
        instance,
        warning=levels["warning"],
        critical=levels["critical"],
        no_data_since_s=no_data_since_s,
        resolved_s=None if active else instance.resolved_s,
        **_follow(spec, instance, values, active),
    )
    return _settle(instance, after, now_s)


def clear(instance: Instance, now_s: float) -> tuple[Instance, Transition | None]:
    """The instance brought to rest whatever its value, as when its rule is removed."""
    return _settle(instance, replace(instance, warning=_INACTIVE, critical=_INACTIVE), now_s)


def _first(known: float | None, now_s: float) -> float:
    return now_s if known is None else known


def _judge(
    spec: RuleSpec, threshold: Threshold, value: float | None, level: Level, gone: bool
) -> bool | None:
    """Whether ``threshold`` is exceeded; None to leave its level as it is."""
    if value is not None:
        return threshold.breached(value, held=level.firing)
    if spec.no_data == "alert":
        return True if threshold is spec.thresholds[0][1] else None
    return False if spec.no_data == "ok" or gone else None


def _step_level(spec: RuleSpec, level: Level, breached: bool | None, now_s: float) -> Level:
    if breached is None:
        return level
    if breached:
        since_s = _first(level.since_s, now_s)
        return Level(since_s, firing=level.firing or now_s - since_s >= spec.for_s)
    if not level.firing:
        return _INACTIVE
    clear_since_s = _first(level.clear_since_s, now_s)
    if now_s - clear_since_s >= spec.keep_firing_for_s:
        return _INACTIVE
    return replace(level, clear_since_s=clear_since_s)


def _values(spec: RuleSpec, observation: Observation) -> dict[Severity, float | None]:
    """What each limit judges; None where there is no value, or too few requests for one."""
    few = observation.requests < spec.min_requests and spec.family == REQUESTS
    own = observation.critical if spec.split else observation.value
    seen: dict[Severity, float | None] = {"warning": observation.value, "critical": own}
    return {
        severity: None if few or value is None or not isfinite(value) else value
        for severity, value in seen.items()
    }


class _Followed(TypedDict, total=False):
    value: float | None
    peak: float | None
    critical_value: float | None
    critical_peak: float | None


def _follow(
    spec: RuleSpec, before: Instance, values: Mapping[Severity, float | None], active: bool
) -> _Followed:
    """The last values and the peaks after ``values``."""
    severity, mild = spec.thresholds[0]
    value, goes_on = values[severity], active and before.active
    peak = _peak(mild, before.peak if goes_on else None, value) if active else before.peak
    followed = _Followed(value=before.value if value is None else value, peak=peak)
    if spec.split:
        value, limit = values["critical"], spec.threshold("critical")
        peak, last = before.critical_peak, before.critical_value
        peak = _peak(limit, peak if goes_on else None, value) if active else peak
        followed |= _Followed(critical_value=last if value is None else value, critical_peak=peak)
    return followed


def _peak(threshold: Threshold, known: float | None, value: float | None) -> float | None:
    """The worse of the two."""
    if known is None or value is None:
        return value if known is None else known
    return max(known, value) if threshold.comparison == "above" else min(known, value)


def _settle(before: Instance, after: Instance, now_s: float) -> tuple[Instance, Transition | None]:
    """``after`` with its resolution noted, and how it differs from ``before``."""
    if before.severity is not None and after.severity is None:
        # even if a changed rule leaves another level pending: that is a new beginning
        rest = replace(after, warning=_INACTIVE, critical=_INACTIVE, resolved_s=now_s)
        return rest, Transition.RESOLVED
    return after, _compare(before.severity, after.severity)


def _compare(before: Severity | None, after: Severity | None) -> Transition | None:
    if after is None or before == after:
        return None
    if before is None:
        return Transition.FIRING
    return Transition.ESCALATED if after == "critical" else Transition.DEESCALATED
