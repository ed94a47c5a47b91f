"""The state machine of one alert instance: a rule and one group of series. Pure.

Each severity is a level of its own (inactive, pending, firing), as if it were a Prometheus alert
with ``for`` and ``keep_firing_for``, plus hysteresis. The instance is as bad as its worst level,
so two severities are one alert that escalates and de-escalates. Times are monotonic seconds.

What follows Prometheus (``rules/alerting.go``): ``for`` counts from the first breach and a single
clear value resets it; a pending alert that clears vanishes silently; ``keep_firing_for`` counts
from the first clear value of a firing alert.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

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
    """The last value seen."""
    peak: float | None = None
    """The worst value since the alert became active."""
    no_data_since_s: float | None = None
    resolved_s: float | None = None

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
    value = observation.value if observation.requests >= spec.min_requests else None
    no_data_since_s = None if value is not None else _first(instance.no_data_since_s, now_s)
    gone = no_data_since_s is not None and now_s - no_data_since_s >= NO_DATA_LIMIT_S
    levels = dict.fromkeys(SEVERITIES, _INACTIVE)
    for severity, threshold in spec.thresholds:
        level = instance.level(severity)
        breached = _judge(spec, threshold, value, level, gone)
        levels[severity] = _step_level(spec, level, breached, now_s)
    after = replace(
        instance,
        warning=levels["warning"],
        critical=levels["critical"],
        value=instance.value if value is None else value,
        no_data_since_s=no_data_since_s,
    )
    after = _with_peak(spec, instance, after, value)
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


def _with_peak(spec: RuleSpec, before: Instance, after: Instance, value: float | None) -> Instance:
    if not after.active:
        return after
    seen = [v for v in (before.peak if before.active else None, value) if v is not None]
    worst = max if spec.thresholds[0][1].comparison == "above" else min
    return replace(after, peak=worst(seen, default=None))


def _settle(before: Instance, after: Instance, now_s: float) -> tuple[Instance, Transition | None]:
    """``after`` with its resolution noted, and how it differs from ``before``."""
    if before.severity is not None and after.severity is None:
        # even if a changed rule leaves another level pending: that is a new beginning
        rest = replace(after, warning=_INACTIVE, critical=_INACTIVE, resolved_s=now_s)
        return rest, Transition.RESOLVED
    if after.active:
        after = replace(after, resolved_s=None)
    return after, _compare(before.severity, after.severity)


def _compare(before: Severity | None, after: Severity | None) -> Transition | None:
    if after is None or before == after:
        return None
    if before is None:
        return Transition.FIRING
    return Transition.ESCALATED if after == "critical" else Transition.DEESCALATED
