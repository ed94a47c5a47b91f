"""A dispatcher on a clock that the test moves, and alerts for it to tell of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter

from llmmon.protocol.views import AlertView, ChannelView
from llmmon_collector.clock import ManualClock
from llmmon_collector.notify.dispatcher import Dispatcher, Surroundings
from llmmon_collector.notify.model import ChannelSpec
from llmmon_collector.notify.notification import Event, Slot
from llmmon_collector.notify.outbox import Outbox

WALL_NS = 1_700_000_000 * 10**9
SPECS: TypeAdapter[dict[str, ChannelSpec]] = TypeAdapter(dict[str, ChannelSpec])
ALERT = AlertView(
    id="k",
    rule="slow",
    severity="critical",
    state="firing",
    labels={"model": "gpt-4o"},
    metric="latency_p95",
    value=11,
    threshold=10,
    comparison="above",
    window_s=300,
    since_ns=WALL_NS,
    fired_ns=WALL_NS,
    resolved_ns=None,
    peak=11,
    summary="p95 11 ms",
    runbook="",
)


def alert(key: str = "k", **changes: Any) -> AlertView:
    """One that fires, under the deduplication key ``key``."""
    return replace(ALERT, id=key, **changes)


class Dispatching:
    """A dispatcher in its surroundings."""

    def __init__(self, wall_ns: int = WALL_NS) -> None:
        self.clock = ManualClock(wall_ns)
        self.outbox = Outbox()
        self.logged: list[tuple[str, Mapping[str, Any]]] = []
        self.environ: dict[str, str] = {}
        self.dispatcher: Dispatcher | None = None
        self._ended: list[tuple[int, ...]] = []
        self._attempt = asyncio.Event()

    def start(self, **channels: dict[str, Any]) -> Dispatcher:
        """Deliver over these channels, as they are written in a configuration."""
        around = Surroundings(
            clock=self.clock,
            environ=self.environ,
            log=lambda event, fields: self.logged.append((event, fields)),
            save=self._save,
            jitter=lambda: 1.0,
        )
        self.dispatcher = Dispatcher(self.outbox, SPECS.validate_python(channels), around)
        self._ended = self._counts()
        self.dispatcher.start()
        return self.dispatcher

    def put(
        self, channel: str, *alerts: AlertView | str, event: Event = "firing", group: str = ""
    ) -> None:
        """Tell ``channel`` of alerts, or of ones with these keys."""
        for each in alerts:
            view = alert(each) if isinstance(each, str) else each
            self.outbox.put(channel, event, view, self.clock.wall_ns(), Slot(group))
        self.wake()

    def wake(self, after_s: float = 0) -> None:
        """A tick, so much later."""
        assert self.dispatcher is not None
        self.clock.advance(after_s)
        self.dispatcher.wake()

    async def looked(self) -> None:
        """Let idle workers look for what is due."""
        for _ in range(3):
            await asyncio.sleep(0)

    async def settled(self) -> None:
        """Wait for the next attempt to end."""
        await asyncio.wait_for(self._attempt.wait(), 20)
        self._attempt.clear()

    def status(self, name: str) -> ChannelView:
        """How the channel is doing."""
        assert self.dispatcher is not None
        return next(status for status in self.dispatcher.statuses() if status.name == name)

    def events(self) -> list[str]:
        """What was logged."""
        return [event for event, _ in self.logged]

    def _save(self) -> None:
        counts = self._counts()
        if counts != self._ended:
            self._ended = counts
            self._attempt.set()

    def _counts(self) -> list[tuple[int, ...]]:
        assert self.dispatcher is not None
        return [(s.sent, s.failed, s.failing_attempts) for s in self.dispatcher.statuses()]


@asynccontextmanager
async def dispatching(wall_ns: int = WALL_NS) -> AsyncIterator[Dispatching]:
    """One that is stopped afterwards."""
    made = Dispatching(wall_ns)
    yield made
    if made.dispatcher is not None:
        await made.dispatcher.stop()
