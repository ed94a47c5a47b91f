"""Delivers what is in the outbox: one worker a channel, so that none waits for another.

There are no timers: :meth:`Dispatcher.wake` after every tick of the daemon makes each idle worker
look for what is due.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from llmmon.protocol.views import ChannelView
from llmmon_collector.notify.channels import make_sender
from llmmon_collector.notify.model import DEFAULT_CHANNELS, ChannelSpec
from llmmon_collector.notify.outbox import Outbox
from llmmon_collector.notify.rate import Gate
from llmmon_collector.notify.worker import Channel, Surroundings, Worker

__all__ = ["Dispatcher", "Surroundings"]

TROUBLE_AFTER: Final = 3
"""Attempts in a row that fail before a channel counts as a problem."""


class Dispatcher:
    """The workers of all channels."""

    def __init__(
        self, outbox: Outbox, channels: Mapping[str, ChannelSpec], surroundings: Surroundings
    ) -> None:
        """Prepare senders; no channels mean the log.

        Raises:
            ConfigError: a channel's secret cannot be read; names the key.
        """
        self._outbox = outbox
        self._surroundings = surroundings
        self._workers = self._make_workers(channels)

    def start(self) -> None:
        """Forget what waits for channels that are gone and begin to deliver; needs a loop."""
        self._outbox.keep_channels(self._workers)
        for worker in self._workers.values():
            worker.start()

    def wake(self) -> None:
        """Look for what is due. Call it after every tick."""
        for worker in self._workers.values():
            worker.wake()

    async def replace(self, channels: Mapping[str, ChannelSpec]) -> None:
        """Use these channels from now on; what waits for one that is gone is forgotten.

        Raises:
            ConfigError: a secret cannot be read; then nothing has changed.
        """
        workers = self._make_workers(channels)
        await self.stop()
        for name in workers.keys() & self._workers.keys():
            workers[name].follow(self._workers[name])
        self._workers = workers
        self.start()
        self._surroundings.save()

    async def stop(self) -> None:
        """Break off attempts under way and close connections; what is undelivered stays queued."""
        await asyncio.gather(*(worker.stop() for worker in self._workers.values()))

    def statuses(self) -> tuple[ChannelView, ...]:
        """How each channel is doing."""
        return tuple(worker.status() for worker in self._workers.values())

    def problems(self) -> tuple[str, ...]:
        """Channels that do not deliver, a line each."""
        return tuple(
            f"channel {status.name} fails, {status.waiting} waiting: {status.last_error}"
            for status in self.statuses()
            if status.failing_attempts >= TROUBLE_AFTER
        )

    def _make_workers(self, channels: Mapping[str, ChannelSpec]) -> dict[str, Worker]:
        around = self._surroundings
        workers = {}
        for name, spec in (channels or DEFAULT_CHANNELS).items():
            sender = make_sender(name, spec, around.environ, around.log)
            channel = Channel(name, spec.type, sender, Gate(spec.rate_limit))
            workers[name] = Worker(channel, self._outbox, around)
        return workers
