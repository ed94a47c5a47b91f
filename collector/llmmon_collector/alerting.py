"""Alerts with their deliveries: the manager and the dispatcher, as one part of the daemon."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from llmmon.errors import ConfigError
from llmmon.protocol.views import AlertView, ChannelView, Limit
from llmmon_collector.alerts.manager import AlertManager, OnTransitions, Start
from llmmon_collector.alerts.policy import Policy
from llmmon_collector.alerts.row import AlertRow
from llmmon_collector.clock import Clock
from llmmon_collector.control.alerts import AlertDesk
from llmmon_collector.metrics import Sources
from llmmon_collector.notify.channels import Log
from llmmon_collector.notify.dispatcher import Dispatcher, Surroundings

GRACE_S: Final = 30.0
"""How long alerts of an earlier process must not get better after a restart."""


class Around(NamedTuple):
    """What of the daemon is needed."""

    clock: Clock
    environ: Mapping[str, str]
    """Where ``env:`` secrets are looked up."""
    log: Log


class Alerting:
    """Evaluates once a tick, delivers beside it."""

    def __init__(
        self,
        policy: Policy,
        windows_s: tuple[int, ...],
        path: Path,
        around: Around,
        on_transitions: OnTransitions,
    ) -> None:
        """Open the file at ``path``; ``windows_s`` are the windows that are kept.

        Raises:
            ConfigError: the file cannot be opened, a channel's secret cannot be read.
        """
        self._clock = around.clock
        self.took_s: float | None = None
        """How long the last evaluation took, with saving; None before the first."""
        start = Start(*self._now(), GRACE_S, windows_s)
        try:
            self.manager = AlertManager(policy, path, start, on_transitions)
        except sqlite3.Error as error:
            raise ConfigError(f"cannot open {path}: {error}", key="state_dir") from None
        jitter = random.SystemRandom().random
        needs = Surroundings(*around, self.manager.save_outbox, jitter)
        try:
            self._dispatcher = Dispatcher(self.manager.outbox, policy.channels, needs)
        except ConfigError:
            self.manager.close(*self._now())
            raise

    def start(self) -> None:
        """Begin to deliver; needs a running event loop."""
        self._dispatcher.start()

    async def stop(self) -> None:
        """Save; what is undelivered is delivered after the next start."""
        await self._dispatcher.stop()
        self.manager.close(*self._now())

    def tick(self, sources: Sources) -> list[AlertRow]:
        """Evaluate the rules now; what changed."""
        mono_s, wall_ns = self._now()
        rows = self.manager.tick(sources, mono_s, wall_ns)
        self.took_s = self._now()[0] - mono_s
        self._dispatcher.wake()
        return rows

    async def replace(self, policy: Policy) -> list[AlertRow]:
        """Follow ``policy`` from now on.

        Raises:
            ConfigError: a secret cannot be read; then nothing has changed.
        """
        await self._dispatcher.replace(policy.channels)
        return self.manager.replace(policy, *self._now())

    def views(self) -> tuple[AlertView, ...]:
        """Pending, firing and lately resolved alerts, the worst first."""
        return self.manager.views(self._clock.wall_ns())

    def limits(self) -> tuple[Limit, ...]:
        """The rules' limits on the whole."""
        return self.manager.limits()

    def problems(self) -> Sequence[str]:
        """What is wrong with rules, saving or channels."""
        return (*self.manager.problems(), *self._dispatcher.problems())

    def channels(self) -> tuple[ChannelView, ...]:
        """How each channel delivers."""
        return self._dispatcher.statuses()

    def undelivered(self) -> tuple[int, float | None]:
        """Deliveries that wait, and for how long the oldest has that was tried in vain."""
        tried_ns = self.manager.outbox.tried_since_ns
        waiting = sum(channel.waiting for channel in self.channels())
        return waiting, None if tried_ns is None else (self._clock.wall_ns() - tried_ns) / 1e9

    def desk(self) -> AlertDesk:
        """What operators can do, and what they can look up."""
        manager, wall_ns = self.manager, self._clock.wall_ns
        return AlertDesk(
            acknowledge=lambda id_, by, note: manager.acknowledge(id_, by, note, wall_ns()),
            silence=lambda order: manager.silence(order, wall_ns()),
            end_silence=lambda id_: manager.end_silence(id_, wall_ns()),
            silences=manager.silences,
            transitions=manager.transitions,
            wall_ns=wall_ns,
        )

    def _now(self) -> tuple[float, int]:
        return self._clock.mono_ns() / 1e9, self._clock.wall_ns()
