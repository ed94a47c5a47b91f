"""The sockets of an application that shows several collectors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from llmmon_tui.feed import News, Timing
from llmmon_tui.fleet.calls import FleetControl
from llmmon_tui.fleet.collector import Target
from llmmon_tui.fleet.feeds import FleetFeed
from llmmon_tui.link import CollectorState


class FleetConnection:
    """A feed and a control client to several collectors; used as a `Connection` is."""

    def __init__(
        self,
        targets: Sequence[Target],
        emit: Callable[[News], None],
        now_ns: Callable[[], int],
        timing: Timing | None = None,
    ) -> None:
        """`now_ns` is the wall clock, from which ages come."""
        self.feed = FleetFeed(targets, emit, now_ns, timing)
        self.control = FleetControl(self.feed)

    def states(self) -> tuple[CollectorState, ...]:
        """How the viewer stands with each collector at this instant."""
        return self.feed.states()

    async def close(self) -> None:
        """Close whatever is open; nothing may use the connection any more."""
        await asyncio.gather(*(one.connection.close() for one in self.feed.collectors))
