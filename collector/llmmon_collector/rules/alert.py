"""An alert: the instance of a rule for one group, with the wall times that people read. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from llmmon_collector.rules.model import SEVERITIES, RuleSpec, Severity
from llmmon_collector.rules.state import Instance, State, Transition

AlertKey = tuple[str, tuple[tuple[str, str], ...]]
"""A rule's name and the group's labels, sorted."""

_STATE_RANKS: Final = {State.FIRING: 2, State.PENDING: 1}


@dataclass(frozen=True, slots=True)
class Alert:
    """One instance as of the last evaluation."""

    rule: RuleSpec
    labels: tuple[tuple[str, str], ...]
    """In the order of the rule's ``by``; of other families than requests, sorted."""
    instance: Instance
    severity: Severity
    """The worst that fires; the worst that pends; of a resolved one, what it last was."""
    started_ns: int = 0
    """Wall clock, when it last became active: tells one episode from the next."""
    since_ns: int = 0
    """Wall clock, when its present state began."""
    fired_ns: int | None = None
    resolved_ns: int | None = None
    restored: bool = False
    """Whether it was active before the daemon started."""

    @property
    def key(self) -> AlertKey:
        """What it is an alert of."""
        return self.rule.name, tuple(sorted(self.labels))

    @property
    def state(self) -> State:
        """Where it is."""
        return self.instance.state

    @property
    def value(self) -> float | None:
        """The last value seen of what its severity judges."""
        own = self.rule.split and self.severity == "critical"
        return self.instance.critical_value if own else self.instance.value

    @property
    def peak(self) -> float | None:
        """The worst value of the episode, of the same."""
        own = self.rule.split and self.severity == "critical"
        return self.instance.critical_peak if own else self.instance.peak

    @property
    def rank(self) -> tuple[int, int]:
        """How bad it is: by state, then by severity."""
        rank = _STATE_RANKS.get(self.state, 0)
        return rank, SEVERITIES.index(self.severity) if rank else 0

    @property
    def wants_data(self) -> bool:
        """Whether it is active for want of data, rather than for a value."""
        return self.rule.no_data == "alert" and self.instance.no_data_since_s is not None


class AlertChange(NamedTuple):
    """A transition that people are told of."""

    transition: Transition
    alert: Alert
    """After it."""
    reason: str = ""
    """``rule_removed``, ``rule_changed`` or ``check_removed`` where no value is the cause."""


def advance(alert: Alert, instance: Instance, wall_ns: int) -> Alert:
    """``alert`` with its instance moved on to ``instance`` at ``wall_ns``."""
    before, after = alert.instance, instance
    began = after.active and not before.active
    moved = replace(alert, instance=after, severity=_severity(alert, after))
    if before.state is not after.state:
        moved = replace(moved, since_ns=wall_ns)
    if began:
        moved = replace(moved, started_ns=wall_ns, fired_ns=None, resolved_ns=None, restored=False)
    if after.state is State.FIRING and moved.fired_ns is None:
        moved = replace(moved, fired_ns=wall_ns)
    if before.state is State.FIRING and not after.active:
        moved = replace(moved, resolved_ns=wall_ns)
    return moved


def _severity(alert: Alert, instance: Instance) -> Severity:
    if instance.severity is not None:
        return instance.severity
    if instance.critical.since_s is not None:
        return "critical"
    return "warning" if instance.warning.since_s is not None else alert.severity
