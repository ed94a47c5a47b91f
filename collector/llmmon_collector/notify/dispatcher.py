"""Delivers what is in the outbox: one worker a channel, so that none waits for another.

There are no timers: :meth:`Dispatcher.wake` after every tick of the daemon makes each idle worker
look for what is due.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from llmmon_collector.clock import Clock
from llmmon_collector.notify.channels import Log, Sender, make_sender
from llmmon_collector.notify.model import DEFAULT_CHANNELS, ChannelSpec
from llmmon_collector.notify.notification import Delivery
from llmmon_collector.notify.outbox import Outbox
from llmmon_collector.notify.result import Failed, Result, Retry, Sent, backoff_s

TROUBLE_AFTER: Final = 3
"""Attempts in a row that fail before a channel counts as a problem."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What delivering needs of the daemon."""

    clock: Clock
    environ: Mapping[str, str]
    log: Log
    save: Callable[[], None]
    """Called after each attempt: the outbox has changed."""
    jitter: Callable[[], float]
    """Uniform from 0 to 1."""


class ChannelStatus(NamedTuple):
    """How one channel is doing."""

    name: str
    type: str
    waiting: int
    oldest_ns: int | None
    """When the oldest waiting delivery was enqueued, wall clock."""
    sent: int
    failed: int
    """Deliveries refused for good."""
    given_up: int
    """Refused, too old or too many."""
    failing_attempts: int
    """Failed attempts in a row."""
    last_error: str


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
        self._workers = workers
        self.start()
        self._surroundings.save()

    async def stop(self) -> None:
        """Break off attempts under way and close connections; what is undelivered stays queued."""
        await asyncio.gather(*(worker.stop() for worker in self._workers.values()))

    def statuses(self) -> tuple[ChannelStatus, ...]:
        """How each channel is doing."""
        return tuple(worker.status() for worker in self._workers.values())

    def problems(self) -> tuple[str, ...]:
        """Channels that do not deliver, a line each."""
        return tuple(
            f"channel {status.name} fails, {status.waiting} waiting: {status.last_error}"
            for status in self.statuses()
            if status.failing_attempts >= TROUBLE_AFTER
        )

    def _make_workers(self, channels: Mapping[str, ChannelSpec]) -> dict[str, _Worker]:
        around = self._surroundings
        return {
            name: _Worker(
                name,
                spec.type,
                make_sender(name, spec, around.environ, around.log),
                self._outbox,
                around,
            )
            for name, spec in (channels or DEFAULT_CHANNELS).items()
        }


class _Worker:
    """Delivers to one channel, a batch at a time.

    A channel that fails is left alone for a while; a message that fails, for longer, so that it
    does not hold up what is behind it.
    """

    def __init__(
        self, name: str, type_: str, sender: Sender, outbox: Outbox, around: Surroundings
    ) -> None:
        self._name = name
        self._type = type_
        self._sender = sender
        self._outbox = outbox
        self._around = around
        self._awake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._sent = self._failed = self._failing = 0
        self._resume_ns = 0
        self._last_error = ""

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"llmmon-notify-{self._name}")
        self._awake.set()

    def wake(self) -> None:
        self._awake.set()

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self._sender.close()

    def status(self) -> ChannelStatus:
        return ChannelStatus(
            self._name,
            self._type,
            self._outbox.waiting(self._name),
            self._outbox.oldest_ns(self._name),
            self._sent,
            self._failed,
            self._outbox.given_up[self._name],
            self._failing,
            self._last_error,
        )

    async def _run(self) -> None:
        while True:
            await self._awake.wait()
            self._awake.clear()
            while batch := self._take():
                await self._deliver(batch)

    def _take(self) -> tuple[Delivery, ...]:
        mono_ns, wall_ns = self._around.clock.mono_ns(), self._around.clock.wall_ns()
        if mono_ns < self._resume_ns:
            return ()
        return self._outbox.take(self._name, mono_ns, wall_ns, self._sender.batch_size)

    async def _deliver(self, batch: tuple[Delivery, ...]) -> None:
        try:
            result = await self._sender.send(batch, self._around.clock.wall_ns())
        except asyncio.CancelledError:
            self._outbox.release(batch)
            raise
        except Exception as error:  # a sender's bug must not end the channel
            result = Retry(f"{type(error).__name__} in the sender")
        self._settle(batch, result)
        self._around.save()

    def _settle(self, batch: tuple[Delivery, ...], result: Result) -> None:
        match result:
            case Sent():
                self._outbox.sent(batch)
                self._sent += len(batch)
                self._failing = 0
            case Failed(reason):
                self._outbox.failed(batch)
                self._failed += len(batch)
                self._note(reason, len(batch))
            case Retry(reason, after_s):
                self._note(reason, len(batch))
                self._resume_ns = self._later(self._failing, after_s)
                attempts = max(delivery.attempts for delivery in batch)
                self._outbox.retry(batch, self._later(attempts, after_s))

    def _later(self, attempts: int, after_s: float | None) -> int:
        """When to try again after so many attempts, at the earliest in ``after_s``; monotonic."""
        wait_s = max(backoff_s(attempts, self._around.jitter()), after_s or 0.0)
        return self._around.clock.mono_ns() + round(wait_s * 1e9)

    def _note(self, reason: str, count: int) -> None:
        self._failing += 1
        self._last_error = reason
        fields = {"channel": self._name, "reason": reason, "notifications": count}
        self._around.log("notification_failed", fields)
