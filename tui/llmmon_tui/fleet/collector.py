"""One collector of a fleet: its sockets, what it told last, and how the viewer stands with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, NamedTuple

from llmmon.errors import ControlError, LlmmonError, SchemaError
from llmmon.protocol.curve import CurveKeys
from llmmon.protocol.endpoint import Address
from llmmon.protocol.parts import Parts, decode_parts
from llmmon.protocol.snapshot import Snapshot
from llmmon_tui.connection import Connection
from llmmon_tui.feed import Arrived, Lost, Mismatched, News, Timing
from llmmon_tui.link import CollectorState, Freshness, LinkState
from llmmon_tui.view import nearest_window

_SILENT: Final = "no answer"
"""What a feed says of a collector that is not there: the fleet tells for how long."""


class Target(NamedTuple):
    """Where a collector is, and the keys for it, if it asks for any."""

    address: Address
    keys: CurveKeys | None = None


class Collector:
    """Takes in what one feed tells, and has the parts that go with every snapshot fetched.

    `changed` is called whenever there is something new to add up, or somebody has gone.
    """

    def __init__(
        self,
        target: Target,
        changed: Callable[[], None],
        pass_on: Callable[[News], None],
        now_ns: Callable[[], int],
        timing: Timing,
    ) -> None:
        """`pass_on` takes the requests as they come."""
        self.address = target.address
        self.connection = Connection(target.address, self.take, timing, target.keys)
        self.snapshot: Snapshot | None = None
        self.parts: Parts | None = None
        self.failure: Lost | Mismatched | None = None
        """Why no snapshot comes; None while they do."""
        self.reason = ""
        """Why it cannot be added up though it answers, or what it says instead of answering."""
        self.missed = 0
        self.is_fresh = False
        """Whether it has told anything that was not added up yet."""
        self._changed = changed
        self._pass_on = pass_on
        self._now_ns = now_ns
        self._answer_s = timing.answer_s
        self._freshness = Freshness()
        self._wanted = asyncio.Event()

    @property
    def told_name(self) -> str:
        """What it calls itself; empty before it was heard."""
        return "" if self.snapshot is None else self.snapshot.name

    def state(self, name: str) -> CollectorState:
        """How things stand now; it is called `name`."""
        age_s = self._freshness.age_s(self._now_ns())
        return CollectorState(name, self.address.text, self._link(), age_s)

    def take(self, news: News) -> None:
        """What its feed tells."""
        match news:
            case Arrived(snapshot, missed):
                self.failure = None
                self.snapshot = snapshot
                self.missed += missed
                self._freshness.take(snapshot.at_ns, self._now_ns())
                self._wanted.set()
            case Lost(reason):
                self.failure = news
                self.reason = "" if reason == _SILENT else reason
                self._changed()
            case Mismatched(reason):
                self.failure = news
                self.reason = reason
                self._changed()
            case _:
                self._pass_on(news)

    def forget_parts(self) -> None:
        """What it told is of another window or grouping than is looked at now."""
        self.parts = None
        self.is_fresh = False
        self._wanted.set()

    async def follow(self, by: str, window_s: int) -> None:
        """Follow its snapshots and fetch their parts, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.connection.feed.follow(by))
            tasks.create_task(self._keep_asking(by, window_s))

    async def _keep_asking(self, by: str, window_s: int) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            if self.snapshot is None or self.snapshot.by != by:
                continue
            try:
                self.parts = await self.ask_parts(self.snapshot, window_s)
            except LlmmonError as error:
                self.parts = None
                self.reason = refusal(error)
            else:
                self.reason = ""
            self.is_fresh = True
            self._changed()

    async def ask_parts(self, snapshot: Snapshot, window_s: int) -> Parts:
        """The parts that go with `snapshot`, with the groups of the window nearest to `window_s`.

        They are read in a thread: of a thousand groups that takes a while.

        Raises:
            LlmmonError: it does not answer, refuses, or tells something else.
        """
        kept_s = [window.window_s for window in snapshot.windows]
        asked = {"window_s": nearest_window(kept_s, window_s), "by": snapshot.by}
        payload = await self.connection.control.call("parts", self._answer_s, **asked)
        if not isinstance(payload, bytes):
            raise SchemaError("parts: expected bytes")
        return await asyncio.to_thread(decode_parts, payload)

    def _link(self) -> LinkState:
        match self.failure:
            case None:
                return LinkState.CONNECTING if self.snapshot is None else LinkState.LIVE
            case Mismatched():
                return LinkState.MISMATCH
        return LinkState.CONNECTING if self.snapshot is None else LinkState.RECONNECTING


def refusal(error: LlmmonError) -> str:
    """Why a collector that answers cannot be added up."""
    if isinstance(error, ControlError) and error.code == "unknown_method":
        return "too old to be added up: upgrade it"
    return f"cannot be added up: {error}"
