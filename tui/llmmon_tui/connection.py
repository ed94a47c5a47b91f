"""The sockets of one application: opened on its event loop, closed with it."""

from __future__ import annotations

from collections.abc import Callable

import zmq.asyncio

from llmmon.protocol.curve import CurveKeys
from llmmon.protocol.endpoint import Address
from llmmon_tui.control import ControlClient
from llmmon_tui.feed import Feed, News, Timing
from llmmon_tui.link import CollectorState


class Connection:
    """A feed and a control client to one collector."""

    def __init__(
        self,
        address: Address,
        emit: Callable[[News], None],
        timing: Timing | None = None,
        keys: CurveKeys | None = None,
    ) -> None:
        self._context = zmq.asyncio.Context()
        self.control = ControlClient(self._context, address, keys)
        self.feed = Feed(self._context, address, self.control, emit, timing)

    def states(self) -> tuple[CollectorState, ...]:
        """Of several collectors; one needs no list."""
        return ()

    async def close(self) -> None:
        """Close whatever is open; nothing may use the connection any more."""
        await self.control.close()
        self._context.destroy(linger=0)
