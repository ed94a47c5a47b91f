"""What follows from an alert's rule, labels and severity, worked out once. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from llmmon_collector.alerts.inhibition import Traits, traits_of
from llmmon_collector.alerts.policy import Policy
from llmmon_collector.alerts.record import Record
from llmmon_collector.alerts.routing import Target, labels_of, targets_of
from llmmon_collector.alerts.silence import Silence, Silences
from llmmon_collector.rules.alert import Alert, AlertKey
from llmmon_collector.rules.model import RuleSpec, Severity


@dataclass(slots=True)
class Plan:
    """One alert's, good for as long as rule, severity and silences are these."""

    rule: RuleSpec
    severity: Severity
    version: int
    """Of the silences."""
    targets: Mapping[str, Target]
    """Channels that hear of it, by name."""
    traits: Traits
    silences: tuple[Silence, ...]
    """Those that match it, whenever they are in force."""
    record: Record | None = None
    """What was remembered of it when it was last decided upon."""
    seen: tuple[object, ...] = ()
    """What it was decided upon then."""
    until_s: float = -math.inf
    """Until when nothing else follows from that; monotonic clock."""


class Plans:
    """The plans of all alerts under one policy."""

    def __init__(self, policy: Policy, silences: Silences) -> None:
        self._policy = policy
        self._silences = silences
        self._plans: dict[AlertKey, Plan] = {}

    def of(self, key: AlertKey, alert: Alert) -> Plan:
        """The plan of ``alert``, whose key is ``key``."""
        plan = self._plans.get(key)
        if (
            plan is None
            or plan.rule is not alert.rule
            or plan.severity != alert.severity
            or plan.version != self._silences.version
        ):
            plan = self._plans[key] = self._make(alert)
        return plan

    def keep(self, keys: Collection[AlertKey]) -> None:
        """Forget the plans of all other alerts."""
        if len(self._plans) > len(keys):
            self._plans = {key: plan for key, plan in self._plans.items() if key in keys}

    def _make(self, alert: Alert) -> Plan:
        policy, labels = self._policy, labels_of(alert)
        return Plan(
            alert.rule,
            alert.severity,
            self._silences.version,
            targets_of(alert, policy.routes, policy.targets),
            traits_of(alert, policy.inhibitions, policy.inhibit_defaults),
            tuple(silence for silence in self._silences.all() if silence.matches(labels)),
        )
