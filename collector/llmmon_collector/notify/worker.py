"""Delivers to one channel, a message at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

from llmmon.protocol.views import ChannelView
from llmmon_collector.clock import Clock
from llmmon_collector.notify.channels import Log, Sender
from llmmon_collector.notify.notification import Delivery
from llmmon_collector.notify.outbox import Outbox
from llmmon_collector.notify.pick import Pick
from llmmon_collector.notify.rate import Gate
from llmmon_collector.notify.result import Failed, Result, Retry, Sent, backoff_s


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What delivering needs of the daemon."""

    clock: Clock
    environ: Mapping[str, str]
    log: Log
    save: Callable[[], None]
    """Called before and after each attempt: the outbox has changed."""
    jitter: Callable[[], float]
    """Uniform from 0 to 1."""


class Channel(NamedTuple):
    """What a worker delivers to."""

    name: str
    type: str
    sender: Sender
    gate: Gate


@dataclass(slots=True)
class _Tally:
    """What came of it so far."""

    sent: int = 0
    failed: int = 0
    failing: int = 0
    """Failed attempts in a row."""
    last_sent_ns: int | None = None
    last_error: str = ""


class Worker:
    """A channel that fails is left alone for a while; a message that fails, for longer, so that it
    does not hold up what is behind it.
    """

    def __init__(self, channel: Channel, outbox: Outbox, around: Surroundings) -> None:
        self._channel = channel
        self._outbox = outbox
        self._around = around
        self._awake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._tally = _Tally()
        self._held_back = False
        """Whether something waits for the rate limit."""
        self._resume_ns = 0

    def follow(self, before: Worker) -> None:
        """Take over from the worker that delivered to the channel of this name."""
        self._tally = before._tally
        if self._channel.gate.limit == before._channel.gate.limit:
            self._channel = self._channel._replace(gate=before._channel.gate)

    def start(self) -> None:
        """Begin; needs a running loop."""
        self._task = asyncio.create_task(self._run(), name=f"llmmon-notify-{self._channel.name}")
        self._awake.set()

    def wake(self) -> None:
        """Look for what is due."""
        self._awake.set()

    async def stop(self) -> None:
        """Break off what is under way; it stays queued."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self._channel.sender.close()

    def status(self) -> ChannelView:
        """How the channel is doing."""
        name = self._channel.name
        return ChannelView(
            name=name,
            type=self._channel.type,
            waiting=self._outbox.waiting(name),
            oldest_ns=self._outbox.oldest_ns(name),
            sent=self._tally.sent,
            failed=self._tally.failed,
            given_up=self._outbox.given_up[name],
            failing_attempts=self._tally.failing,
            last_sent_ns=self._tally.last_sent_ns,
            last_error=self._tally.last_error,
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
        name, gate = self._channel.name, self._channel.gate
        pick = Pick.MIXED if self._held_back else Pick.GROUP
        if not gate.is_open(mono_ns):
            self._held_back, pick = self._outbox.waiting(name) > 0, Pick.URGENT
            if not gate.is_open_for_urgent(mono_ns):
                return ()
        batch = self._outbox.take(name, mono_ns, wall_ns, self._channel.sender.batch_size, pick)
        if not batch and pick is Pick.MIXED:
            self._held_back = False
        return batch

    async def _deliver(self, batch: tuple[Delivery, ...]) -> None:
        """Send it. What is refused for what it says goes in halves: one takes no other with it."""
        self._around.save()
        parts = [batch]
        try:
            while parts:
                result = await self._attempt(parts[-1])
                part = parts.pop()
                by_content = not isinstance(result, Sent) and result.by_content
                if by_content and len(part) > 1:
                    middle = len(part) // 2
                    parts += [part[middle:], part[:middle]]
                    continue
                self._settle(part, result)
                if isinstance(result, Retry) and not by_content:
                    break
                self._around.save()
        finally:
            self._outbox.release(chain.from_iterable(parts))
        self._around.save()

    async def _attempt(self, batch: tuple[Delivery, ...]) -> Result:
        try:
            return await self._channel.sender.send(batch, self._around.clock.wall_ns())
        except Exception as error:  # a sender's bug must not end the channel
            return Retry(f"{type(error).__name__} in the sender", by_content=True)

    def _settle(self, batch: tuple[Delivery, ...], result: Result) -> None:
        match result:
            case Sent(remark):
                self._channel.gate.passed(self._around.clock.mono_ns())
                self._outbox.sent(batch)
                self._note_sent(len(batch), remark)
            case Failed(reason):
                self._outbox.failed(batch)
                self._tally.failed += len(batch)
                self._note_failure("notification_refused", reason, len(batch))
            case Retry(reason, after_s, by_content):
                self._note_failure("notification_failed", reason, len(batch))
                if not by_content:
                    self._resume_ns = self._later(self._tally.failing, after_s)
                attempts = max(delivery.attempts for delivery in batch)
                self._outbox.retry(batch, self._later(attempts, after_s))

    def _later(self, attempts: int, after_s: float | None) -> int:
        """When to try again after so many attempts, at the earliest in ``after_s``; monotonic."""
        wait_s = max(backoff_s(attempts, self._around.jitter()), after_s or 0.0)
        return self._around.clock.mono_ns() + round(wait_s * 1e9)

    def _note_sent(self, count: int, remark: str) -> None:
        if self._tally.failing:
            self._log("notifications_resumed", count, failed_attempts=self._tally.failing)
        if remark:
            self._log("notification_partly_failed", count, reason=remark)
        self._tally.sent += count
        self._tally.failing = 0
        self._tally.last_sent_ns = self._around.clock.wall_ns()
        self._tally.last_error = remark

    def _note_failure(self, event: str, reason: str, count: int) -> None:
        self._tally.failing += 1
        self._tally.last_error = reason
        self._log(event, count, reason=reason)

    def _log(self, event: str, count: int, **fields: Any) -> None:
        self._around.log(event, {"channel": self._channel.name, **fields, "notifications": count})
