"""What people are to be told of alerts, said as plainly as it can be: no cache, clock or disk.

Two rules by model: ``r`` warns above 10 and is critical above 20, ``c`` is critical above 30 and
about the same kind of metric. Five channels that differ in what they want.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase

MODELS = ("a", "b")
RANK = {"warning": 0, "critical": 1}
FLAPS, HOUR_S, CALM_S = 5, 3600.0, 900.0
REFRESH_S, NIGHT_REPEAT_S = 60.0, 200.0

Told = tuple[str, str, str, str, str, bool]
"""Channel, event, rule, model, severity, and whether it is said to flap."""


@dataclass
class Setup:
    """A configuration."""

    rules: tuple[str, ...] = ("r", "c")
    channels: tuple[str, ...] = ("all", "pager", "quiet", "night", "am")
    cooldown_s: float = 500.0
    routed: tuple[str, ...] = ("all", "pager", "quiet", "night", "am")
    """Where the routes lead."""


SETUPS = {
    "usual": Setup(),
    "without r": Setup(rules=("c",)),
    "without c": Setup(rules=("r",)),
    "without quiet": Setup(channels=("all", "pager", "night", "am")),
    "patient": Setup(cooldown_s=2000.0),
    "restless": Setup(cooldown_s=0.0),
    "rerouted": Setup(routed=("all", "night")),
}


@dataclass
class Line:
    """What one channel was told of one alert."""

    open: bool = False
    at_s: float | None = None
    severity: str = ""
    acknowledged: bool = False
    flapping: bool = False


@dataclass
class Subject:
    """One rule and model."""

    rule: str
    model: str
    severity: str | None = None
    """While it fires."""
    last: str = "warning"
    acknowledged: str | None = None
    """At which severity somebody took it on."""
    starts_s: list[float] = field(default_factory=list)
    changed_s: float = 0.0
    flapping: bool = False
    lines: dict[str, Line] = field(default_factory=dict)


@dataclass
class Mute:
    """A silence."""

    rule: str
    model: str
    starts_s: float
    ends_s: float


class Reference:
    """The truth."""

    def __init__(self) -> None:
        self.setup = SETUPS["usual"]
        self.subjects = [Subject(rule, model) for rule in ("r", "c") for model in MODELS]
        self.mutes: list[Mute] = []

    def tick(self, now_s: float, hour: int, r: dict[str, float], c: dict[str, float]) -> list[Told]:
        """What is told when these are the values; a model that is missing has no data."""
        for subject in self.subjects:
            values = r if subject.rule == "r" else c
            if subject.rule in self.setup.rules and subject.model in values:
                self._become(subject, _judge(subject.rule, values[subject.model]), now_s)
        return self.settle(now_s, hour)

    def reload(self, name: str, now_s: float, hour: int) -> list[Told]:
        """What is told at once when the configuration is another."""
        self.setup = SETUPS[name]
        for subject in self.subjects:
            for channel in set(subject.lines) - set(self.setup.channels):
                del subject.lines[channel]
            if subject.rule not in self.setup.rules:
                self._become(subject, None, now_s)
        return self.settle(now_s, hour)

    def settle(self, now_s: float, hour: int) -> list[Told]:
        """What is told though no value changed."""
        told: list[Told] = []
        for subject in self.subjects:
            if subject.flapping and now_s - subject.changed_s >= CALM_S:
                subject.flapping, subject.starts_s = False, []
            for channel in self.setup.channels:
                line = subject.lines.setdefault(channel, Line())
                event = self._event(subject, channel, line, now_s, hour)
                if event:
                    self._note(subject, line, event, now_s)
                if event and not (event == "resolved" and channel == "quiet"):
                    shown = subject.severity or subject.last
                    about = (subject.rule, subject.model, shown, subject.flapping)
                    told.append((channel, event, *about))
        return sorted(told)

    def muted(self, subject: Subject, now_s: float) -> bool:
        """Silenced, or inhibited by what is critical about the same model."""
        silenced = any(
            fnmatchcase(subject.rule, mute.rule)
            and fnmatchcase(subject.model, mute.model)
            and mute.starts_s <= now_s < mute.ends_s
            for mute in self.mutes
        )
        inhibited = subject.severity == "warning" and any(
            other.model == subject.model and other.rule != subject.rule
            for other in self.subjects
            if other.severity == "critical"
        )
        return silenced or inhibited

    def _become(self, subject: Subject, severity: str | None, now_s: float) -> None:
        if (severity is None) != (subject.severity is None):
            if subject.flapping and now_s - subject.changed_s >= CALM_S:
                subject.flapping, subject.starts_s = False, []
            subject.changed_s = now_s
            if severity is not None:
                recent = [s for s in subject.starts_s if now_s - s < HOUR_S]
                subject.starts_s = [*recent, now_s]
                subject.flapping = subject.flapping or len(subject.starts_s) > FLAPS
                subject.acknowledged = None
                for line in subject.lines.values():
                    line.acknowledged = False
        subject.severity = severity
        subject.last = severity or subject.last

    def _event(
        self, subject: Subject, channel: str, line: Line, now_s: float, hour: int
    ) -> str | None:
        damped = subject.flapping and channel != "am"
        severity = subject.severity
        if severity is None:
            return "resolved" if line.open and not damped else None
        if not self._may_hear(subject, channel, now_s, hour):
            return None
        worse = line.at_s is None or RANK[severity] > RANK[line.severity]
        if worse or (damped and not line.flapping):
            return "firing"
        taken = subject.acknowledged is not None
        taken = taken and RANK[severity] <= RANK[subject.acknowledged or "warning"]
        if taken and line.open and not line.acknowledged and channel != "am":
            return "acknowledged"
        due = not damped and self._is_due(channel, line, taken, now_s)
        return "firing" if due else None

    def _may_hear(self, subject: Subject, channel: str, now_s: float, hour: int) -> bool:
        if channel == "pager" and subject.severity == "warning":
            return False
        if channel == "night" and (hour >= 22 or hour < 7):
            return False
        return channel in self.setup.routed and not self.muted(subject, now_s)

    def _is_due(self, channel: str, line: Line, taken: bool, now_s: float) -> bool:
        passed_s = now_s - (line.at_s or 0.0)
        if channel == "am":
            return not line.open or passed_s >= REFRESH_S
        repeat_s = NIGHT_REPEAT_S if channel == "night" else self.setup.cooldown_s
        if line.open and (taken or repeat_s == 0):
            return False
        return passed_s >= repeat_s

    def _note(self, subject: Subject, line: Line, event: str, now_s: float) -> None:
        if event == "firing":
            line.open, line.at_s, line.severity = True, now_s, subject.severity or ""
            line.acknowledged, line.flapping = False, subject.flapping
        elif event == "acknowledged":
            line.acknowledged = True
        else:
            line.open = line.acknowledged = line.flapping = False


def _judge(rule: str, value: float) -> str | None:
    if rule == "c":
        return "critical" if value > 30 else None
    return "critical" if value > 20 else "warning" if value > 10 else None
