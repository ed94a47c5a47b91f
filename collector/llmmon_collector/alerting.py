"""Alerts with their deliveries: the manager and the dispatcher, as one part of the daemon."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from llmmon.errors import ConfigError
from llmmon.protocol.snapshot import AlertView, Limit
from llmmon_collector.alerts.manager import AlertManager, OnTransitions, Start
from llmmon_collector.alerts.row import AlertRow
from llmmon_collector.clock import Clock
from llmmon_collector.config.settings import Settings
from llmmon_collector.metrics import MetricSource
from llmmon_collector.notify.channels import Log
from llmmon_collector.notify.dispatcher import Dispatcher, Surroundings

GRACE_S: Final = 30.0
"""How long alerts of an earlier process must not get better after a restart."""


class Alerting:
    """Evaluates once a tick, delivers beside it."""

    def __init__(
        self,
        settings: Settings,
        path: Path,
        clock: Clock,
        environ: Mapping[str, str],
        log: Log,
        on_transitions: OnTransitions,
    ) -> None:
        """Open the file at ``path``.

        Raises:
            ConfigError: the file cannot be opened, a channel's secret cannot be read.
        """
        self._clock = clock
        kept_s = settings.collector.window_lengths_s
        start = Start(clock.mono_ns() / 1e9, clock.wall_ns(), GRACE_S, kept_s)
        try:
            self._manager = AlertManager(
                settings.rules, settings.channels, path, start, on_transitions
            )
        except sqlite3.Error as error:
            raise ConfigError(f"cannot open {path}: {error}", key="state_dir") from None
        around = Surroundings(clock, environ, log, self._manager.save_outbox, _jitter())
        try:
            self._dispatcher = Dispatcher(self._manager.outbox, settings.channels, around)
        except ConfigError:
            self._manager.close(*self._now())
            raise

    def start(self) -> None:
        """Begin to deliver; needs a running event loop."""
        self._dispatcher.start()

    async def stop(self) -> None:
        """Save; what is undelivered is delivered after the next start."""
        await self._dispatcher.stop()
        self._manager.close(*self._now())

    def tick(self, source: MetricSource) -> list[AlertRow]:
        """Evaluate the rules now; what changed."""
        rows = self._manager.tick(source, *self._now())
        self._dispatcher.wake()
        return rows

    async def replace(self, settings: Settings) -> list[AlertRow]:
        """Use the rules and channels of ``settings`` from now on.

        Raises:
            ConfigError: a secret cannot be read; then nothing has changed.
        """
        await self._dispatcher.replace(settings.channels)
        return self._manager.replace_rules(settings.rules, settings.channels, *self._now())

    def views(self) -> tuple[AlertView, ...]:
        """Pending, firing and lately resolved alerts, the worst first."""
        return self._manager.views(self._clock.wall_ns())

    def limits(self) -> tuple[Limit, ...]:
        """The rules' limits on the whole."""
        return self._manager.limits()

    def problems(self) -> Sequence[str]:
        """What is wrong with rules, saving or channels."""
        return (*self._manager.problems(), *self._dispatcher.problems())

    @property
    def rules(self) -> int:
        """Rules in force."""
        return len(self._manager.health())

    def acknowledge(self, alert_id: str, by: str, note: str) -> None:
        """See :class:`AlertManager`. Raises KeyError: no active alert has this id."""
        self._manager.acknowledge(alert_id, by, note, self._clock.wall_ns())

    def silence(self, matchers: Mapping[str, str], duration_s: float, by: str, comment: str) -> str:
        """See :class:`AlertManager`. Raises ValueError: it may not be."""
        return self._manager.silence(matchers, duration_s, by, comment, self._clock.wall_ns())

    def _now(self) -> tuple[float, int]:
        return self._clock.mono_ns() / 1e9, self._clock.wall_ns()


def _jitter() -> Callable[[], float]:
    return random.SystemRandom().random
