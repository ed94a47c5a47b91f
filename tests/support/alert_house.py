"""An alert manager that can be restarted, on a clock that tests move."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from llmmon.protocol.snapshot import AlertView
from llmmon_collector.alerts.manager import AlertManager, Start
from llmmon_collector.alerts.policy import Policy
from llmmon_collector.alerts.row import AlertRow
from llmmon_collector.alerts.silence import SilenceOrder
from llmmon_collector.metrics import MetricTable, Sources
from llmmon_collector.notify.model import ChannelSpec
from llmmon_collector.rules.builtin import BUILTIN_RULES
from llmmon_collector.rules.model import RuleSpec

WALL_NS = 1_700_000_000 * 10**9
MINUTE_S = 60.0
SPECS: TypeAdapter[dict[str, ChannelSpec]] = TypeAdapter(dict[str, ChannelSpec])
QUIET = [
    RuleSpec.model_validate({**rule.model_dump(by_alias=True), "disabled": True})
    for rule in BUILTIN_RULES
]
Value = float | None | Mapping[str, float]
"""Of ``latency_p95``, or by metric."""


def rule(name: str = "r", **keys: Any) -> RuleSpec:
    return RuleSpec.model_validate(
        {
            "name": name,
            "value": "latency_p95",
            "warning": {"above": 10},
            "critical": {"above": 20},
            **keys,
        }
    )


class House:
    """A manager that can be restarted, on a clock that tests move."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now_s = 1000.0
        self.boot_s = 0.0
        self.wall_moved_s = 0
        """By how much the wall clock was set."""
        self.stored: list[tuple[str, str]] = []
        self.rules: list[RuleSpec] = [rule()]
        self.channels = SPECS.validate_python({"log": {"type": "log"}})
        self.more: dict[str, Any] = {}
        """Of the policy."""
        self.manager: AlertManager | None = None

    def start(self, *rules: RuleSpec, grace_s: float = 0, **channels: dict[str, Any]) -> House:
        self.rules = list(rules) or self.rules
        self.channels = SPECS.validate_python(channels) or self.channels
        self.boot_s = self.now_s
        self.manager = AlertManager(
            self.policy,
            self.path,
            Start(self.mono_s, self.wall_ns, grace_s),
            self.note,
        )
        return self

    def restart(self, after_s: float = 5, grace_s: float = 0, *, crash: bool = True) -> None:
        """A new process; a crashed one leaves only what was committed."""
        left = self.path.with_name(f"{self.now_s}-{self.path.name}")
        if crash:
            for suffix in ("", "-wal"):
                shutil.copy(f"{self.path}{suffix}", f"{left}{suffix}")
        self.stop()
        self.path = left if crash else self.path
        self.now_s += after_s
        self.start(grace_s=grace_s)

    @property
    def policy(self) -> Policy:
        return Policy((*QUIET, *self.rules), channels=self.channels, **self.more)

    def silence(self, matchers: dict[str, str], duration_s: float) -> str:
        return self.running.silence(SilenceOrder(matchers, duration_s, "ann"), self.wall_ns)

    def reload(self, *rules: RuleSpec, **channels: dict[str, Any]) -> list[AlertRow]:
        """New rules; the channels stay as they are unless some are given."""
        self.rules = list(rules)
        self.channels = SPECS.validate_python(channels) or self.channels
        return self.running.replace(self.policy, self.mono_s, self.wall_ns)

    def stop(self) -> None:
        self.running.close(self.mono_s, self.wall_ns)

    @property
    def running(self) -> AlertManager:
        assert self.manager is not None
        return self.manager

    @property
    def mono_s(self) -> float:
        """Starts anew with each process."""
        return self.now_s - self.boot_s + 7

    @property
    def wall_ns(self) -> int:
        return WALL_NS + round((self.now_s + self.wall_moved_s) * 1e9)

    def note(self, at_ns: int, views: Sequence[AlertView]) -> None:
        self.stored += [(view.rule, view.state) for view in views]

    def tick(self, value: Value = None, after_s: float = 1, **by_model: Value) -> list[AlertRow]:
        """One evaluation of the whole, or of some models."""
        self.now_s += after_s
        rows = [({"model": name}, v) for name, v in by_model.items()] or [({}, value)]
        table = _table(rows)
        return self.running.tick(Sources(lambda *_: table), self.mono_s, self.wall_ns)

    def messages(self, channel: str = "log") -> list[list[tuple[str, str]]]:
        """Deliver what is due: each message's events with rules and models."""
        found: list[list[tuple[str, str]]] = []
        outbox = self.running.outbox
        while batch := outbox.take(channel, round(self.mono_s * 1e9), self.wall_ns, 1000):
            outbox.sent(batch)
            found.append([(d.event, d.alert.labels.get("model", d.alert.rule)) for d in batch])
        self.running.save_outbox()
        return found

    def sent(self, channel: str = "log") -> list[tuple[str, str]]:
        """Deliver what waits: events with severities."""
        batch = self.running.outbox.take(channel, round(self.mono_s * 1e9), self.wall_ns, 1000)
        self.running.outbox.sent(batch)
        self.running.save_outbox()
        return [(delivery.event, delivery.alert.severity) for delivery in batch]

    def reasons(self) -> list[str]:
        """The history's."""
        return [row.reason for _, row in self.running.transitions(0, 1000)]

    def view(self) -> AlertView:
        return self.running.views(self.wall_ns)[0]


def _table(rows: Sequence[tuple[dict[str, str], Value]]) -> MetricTable:
    values = [v if isinstance(v, Mapping) else {"latency_p95": v} for _, v in rows]
    names = {name for row in values for name in row}
    columns = {
        name: np.array([np.nan if row.get(name) is None else row[name] for row in values])
        for name in names
    }
    return MetricTable(tuple(labels for labels, _ in rows), columns, np.full(len(rows), 100))
