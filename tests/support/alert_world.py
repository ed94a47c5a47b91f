"""An alert manager with its file and its outbox, on a clock that tests move, beside a reference."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from llmmon_collector.alerts.manager import AlertManager, Start
from llmmon_collector.alerts.model import RouteSpec, ScheduleSpec
from llmmon_collector.alerts.policy import Policy
from llmmon_collector.alerts.silence import SilenceOrder
from llmmon_collector.metrics import MetricTable, Sources
from llmmon_collector.notify.model import ChannelSpec
from llmmon_collector.notify.notification import Delivery
from llmmon_collector.rules.builtin import BUILTIN_RULES
from llmmon_collector.rules.model import RuleSpec
from support.alert_reference import (
    MODELS,
    NIGHT_REPEAT_S,
    REFRESH_S,
    SETUPS,
    Mute,
    Reference,
    Setup,
    Subject,
    Told,
)

WALL_NS = 1_699_995_000 * 10**9
"""Ten to nine in the evening, UTC."""
SPECS: TypeAdapter[dict[str, ChannelSpec]] = TypeAdapter(dict[str, ChannelSpec])
CHANNELS: dict[str, dict[str, Any]] = {
    "all": {"type": "log"},
    "pager": {"type": "log", "min_severity": "critical"},
    "quiet": {"type": "log", "send_resolved": False},
    "night": {"type": "log"},
    "am": {"type": "alertmanager", "urls": ["http://127.0.0.1:9093"], "refresh": REFRESH_S},
}
QUIET = [
    RuleSpec.model_validate({**rule.model_dump(by_alias=True), "disabled": True})
    for rule in BUILTIN_RULES
]


def policy(setup: Setup, group_wait_s: float) -> Policy:
    """The configuration of ``setup``."""
    keys = {"by": ["model"], "cooldown": setup.cooldown_s}
    r = {"name": "r", "value": "latency_p95", "warning": {"above": 10}, "critical": {"above": 20}}
    c = {"name": "c", "value": "latency_p99", "critical": {"above": 30}}
    rules = [RuleSpec.model_validate({**rule, **keys}) for rule in (r, c)]
    night = {"channels": ["night"], "mute": ["night"], "repeat": NIGHT_REPEAT_S, "continue": True}
    rest = {"channels": [name for name in setup.routed if name != "night"]}
    company = {"group_by": ["rule"], "group_wait": group_wait_s} if group_wait_s else {}
    return Policy(
        rules=(*QUIET, *(rule for rule in rules if rule.name in setup.rules)),
        channels=SPECS.validate_python({name: CHANNELS[name] for name in setup.channels}),
        routes=tuple(RouteSpec.model_validate({**route, **company}) for route in (night, rest)),
        schedules={
            "night": ScheduleSpec.model_validate(
                {"from": "22:00", "to": "07:00", "timezone": "UTC"}
            )
        },
    )


class World:
    """Both, and what arrived at the other end."""

    def __init__(self, path: Path, group_wait_s: float = 0.0) -> None:
        self.reference = Reference()
        self.arrived: list[Delivery] = []
        """In order; one may come twice."""
        self.unsure: set[tuple[str, str]] = set()
        """Channels and keys of alerts of which they may or may not have heard the last word."""
        self.refused: set[tuple[str, str, str]] = set()
        """Channels, rules and models of which a firing was refused for good."""
        self.now_s = 0.0
        self._directory, self._starts = path, 0
        self._path = path / "alerts.db"
        self._group_wait_s = group_wait_s
        self._setup = SETUPS["usual"]
        self._boot_s = 0.0
        self._open()

    @property
    def mono_s(self) -> float:
        """Starts anew with each process."""
        return self.now_s - self._boot_s + 7.0

    @property
    def wall_ns(self) -> int:
        return WALL_NS + round(self.now_s * 1e9)

    @property
    def hour(self) -> int:
        """Of the day, in UTC."""
        return self.wall_ns // (3600 * 10**9) % 24

    def tick(
        self, after_s: float, r: Sequence[float | None], c: Sequence[float | None]
    ) -> list[Told]:
        """One evaluation; what is to be told."""
        self.now_s += after_s
        self.manager.tick(self._sources(r, c), self.mono_s, self.wall_ns)
        return self.reference.tick(self.now_s, self.hour, _known(r), _known(c))

    def silence(self, rule: str, model: str, delay_s: float, length_s: float) -> None:
        starts_ns = self.wall_ns + round(delay_s * 1e9)
        order = SilenceOrder({"rule": rule, "model": model}, length_s, starts_ns=starts_ns)
        self.manager.silence(order, self.wall_ns)
        starts_s = self.now_s + delay_s
        self.reference.mutes.append(Mute(rule, model, starts_s, starts_s + length_s))

    def unsilence(self) -> None:
        """End every silence."""
        for silence in self.manager.silences():
            self.manager.end_silence(silence.id, self.wall_ns)
        for mute in self.reference.mutes:
            mute.ends_s = min(mute.ends_s, self.now_s)

    def acknowledge(self, number: int) -> None:
        """Take one on, if it fires."""
        subject = self.reference.subjects[number]
        if subject.severity is not None:
            subject.acknowledged = subject.severity
            self.manager.acknowledge(self._id(subject), "ann", "", self.wall_ns)

    def reload(self, name: str) -> list[Told]:
        self._setup = SETUPS[name]
        self.manager.replace(policy(self._setup, self._group_wait_s), self.mono_s, self.wall_ns)
        return self.reference.reload(name, self.now_s, self.hour)

    def restart(self, after_s: float, *, crash: bool) -> list[Told]:
        """A new process; a crashed one leaves only what was committed."""
        self._starts += 1
        left = self._directory / f"{self._starts}-alerts.db"
        if crash:
            for suffix in ("", "-wal"):
                shutil.copy(f"{self._path}{suffix}", f"{left}{suffix}")
        self.close()
        self._path = left if crash else self._path
        self.now_s += after_s
        self._boot_s = self.now_s
        self._open()
        return self.reference.settle(self.now_s, self.hour)

    def deliver_all(self) -> list[Told]:
        """Every channel takes whatever is due; what that was."""
        before = len(self.arrived)
        for channel in self._setup.channels:
            while self.deliver(channel, "taken"):
                pass
        return sorted(told_of(delivery) for delivery in self.arrived[before:])

    def deliver(self, channel: str, outcome: str) -> bool:
        """One message, as a worker does it; False when there is none."""
        outbox = self.manager.outbox
        batch = outbox.take(channel, round(self.mono_s * 1e9), self.wall_ns, 2)
        self.manager.save_outbox()
        if outcome in ("taken", "answer lost", "killed"):
            self.arrived += batch
        if outcome in ("answer lost", "killed", "down"):
            self.unsure |= {(one.channel, one.key) for one in batch}
        if outcome == "killed":
            self.restart(1.0, crash=True)
            return bool(batch)
        if outcome == "taken":
            outbox.sent(batch)
        elif outcome == "refused" and all(one.event == "firing" for one in batch):
            outbox.failed(batch)
            self.refused |= {(one.channel, *_subject(one)) for one in batch}
        else:
            outbox.retry(batch, round((self.mono_s + 5.0) * 1e9))
        self.manager.save_outbox()
        return bool(batch)

    def close(self) -> None:
        self.manager.close(self.mono_s, self.wall_ns)

    def _open(self) -> None:
        self.manager = AlertManager(
            policy(self._setup, self._group_wait_s),
            self._path,
            Start(self.mono_s, self.wall_ns),
            lambda *_: None,
        )

    def _id(self, subject: Subject) -> str:
        views = self.manager.views(self.wall_ns)
        return next(
            view.id
            for view in views
            if (view.rule, view.labels["model"]) == (subject.rule, subject.model)
        )

    def _sources(self, r: Sequence[float | None], c: Sequence[float | None]) -> Sources:
        columns = {"latency_p95": _column(r), "latency_p99": _column(c)}
        labels = tuple({"model": model} for model in MODELS)
        table = MetricTable(labels, columns, np.full(len(MODELS), 100))
        return Sources(lambda *_: table)


def told_of(delivery: Delivery) -> Told:
    """``delivery`` in the reference's words."""
    alert = delivery.alert
    about = (*_subject(delivery), alert.severity, alert.flapping)
    return (delivery.channel, delivery.event, *about)


def _subject(delivery: Delivery) -> tuple[str, str]:
    return delivery.alert.rule, delivery.alert.labels["model"]


def _known(values: Iterable[float | None]) -> dict[str, float]:
    pairs = zip(MODELS, values, strict=True)
    return {model: value for model, value in pairs if value is not None}


def _column(values: Iterable[float | None]) -> Any:
    return np.array([np.nan if value is None else value for value in values])
