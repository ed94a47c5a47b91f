"""What rules would have done: the daemon's engine, from one past moment to the next. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from llmmon_collector.metrics import Sources
from llmmon_collector.past import Moment
from llmmon_collector.rules.alert import Alert, AlertKey
from llmmon_collector.rules.compile import compile_value
from llmmon_collector.rules.engine import RuleEngine
from llmmon_collector.rules.families import REQUESTS
from llmmon_collector.rules.model import SEVERITIES, RuleSpec, Severity
from llmmon_collector.rules.state import State


@dataclass(slots=True)
class Firings:
    """How often, and how long, one instance of a rule would have fired."""

    rule: str
    labels: dict[str, str]
    first_ns: int
    """When it first fired, wall clock."""
    last_ns: int
    """When it last fired."""
    severity: Severity
    """The worst."""
    count: int = 0
    firing_s: float = 0.0
    notifications: int = 0
    """To one channel, without silences, quiet hours and grouping."""
    peak: float | None = None
    still: bool = False
    """Whether it fires at the end."""


@dataclass(slots=True)
class _Follower:
    """One instance on its way: what is told of it, and when."""

    firings: Firings
    open: bool = False
    told_ns: int | None = None
    told_severity: Severity = "warning"


@dataclass(slots=True)
class Rerun:
    """Feed it moments in order; read ``firings`` at the end."""

    rules: Sequence[RuleSpec]
    since_ns: int
    """Moments before it only prepare."""
    _engine: RuleEngine = field(init=False)
    _followers: dict[AlertKey, _Follower] = field(init=False, default_factory=dict)
    _before_ns: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._engine = RuleEngine(self.rules)

    def step(self, moment: Moment) -> None:
        """Evaluate every rule."""
        at_ns = moment.at_ns
        self._engine.evaluate(Sources(moment.source), at_ns / 1e9, at_ns)
        if at_ns >= self.since_ns:
            firing = {a.key: a for a in self._engine.alerts() if a.state is State.FIRING}
            for key, follower in self._followers.items():
                if follower.firings.still:
                    follower.firings.firing_s += (at_ns - self._before_ns) / 1e9
                if key not in firing:
                    _rest(follower)
            for key, alert in firing.items():
                self._follow(key, alert, at_ns)
        self._before_ns = at_ns

    def firings(self) -> list[Firings]:
        """What fired, by rule in their order, the longest first."""
        order = {rule.name: i for i, rule in enumerate(self.rules)}
        found = [follower.firings for follower in self._followers.values()]
        return sorted(found, key=lambda one: (order[one.rule], -one.firing_s, str(one.labels)))

    def errors(self) -> dict[str, str]:
        """Rules whose last evaluation failed, and why."""
        return {health.name: health.error for health in self._engine.health() if health.error}

    def _follow(self, key: AlertKey, alert: Alert, at_ns: int) -> None:
        known = self._followers.get(key)
        if known is None:
            labels = dict(alert.labels)
            made = Firings(alert.rule.name, labels, at_ns, at_ns, alert.severity)
            known = self._followers[key] = _Follower(made)
        told = known.firings
        told.count += not told.still
        told.still, told.last_ns = True, at_ns
        told.severity = max(told.severity, alert.severity, key=SEVERITIES.index)
        told.peak = _worse(alert, told.peak)
        if _is_told(known, alert, at_ns):
            told.notifications += 1
            known.open, known.told_ns, known.told_severity = True, at_ns, alert.severity


def _rest(follower: _Follower) -> None:
    follower.firings.still = False
    follower.firings.notifications += follower.open
    follower.open = False


def _is_told(follower: _Follower, alert: Alert, at_ns: int) -> bool:
    """Whether people hear of it now: at first, when it gets worse, and once a cooldown."""
    told_ns, cooldown_s = follower.told_ns, alert.rule.cooldown_s
    if told_ns is None:
        return True
    if SEVERITIES.index(alert.severity) > SEVERITIES.index(follower.told_severity):
        return True
    repeats = not (follower.open and cooldown_s == 0)
    return repeats and (at_ns - told_ns) / 1e9 >= cooldown_s


def _worse(alert: Alert, peak: float | None) -> float | None:
    seen = [value for value in (peak, alert.instance.peak) if value is not None]
    above = alert.rule.threshold(alert.severity).comparison == "above"
    return (max if above else min)(seen, default=None)


def why_not(rule: RuleSpec) -> str:
    """Why a rule cannot be rerun; empty where it can."""
    if rule.family != REQUESTS:
        return f"reads {rule.family}, of which no minutes are kept"
    return "reads a health check, of which no minutes are kept" if rule.checks else ""


def lead_s(rules: Iterable[RuleSpec]) -> float:
    """How long before the first moment that counts an evaluation must begin."""
    leads = [0.0]
    for rule in rules:
        texts = [rule.expression(severity) for severity, _ in rule.thresholds]
        spans = [recall.span_s for text in texts for recall in compile_value(text).recalls]
        leads.append(max(spans, default=0.0) + rule.for_s)
    return max(leads)
