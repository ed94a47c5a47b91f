"""The terminal UI against a :class:`~support.viewer_peer.ViewerPeer`, with a clock that stands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

from textual.pilot import Pilot

from llmmon.protocol.endpoint import Address
from llmmon.protocol.snapshot import GROUPINGS, Snapshot
from llmmon_tui.app import LlmmonApp
from llmmon_tui.feed import Timing
from llmmon_tui.options import Options
from llmmon_tui.screens.overview import TABS, OverviewScreen
from support.snapshots import AT_NS
from support.viewer_data import answer_all
from support.viewer_peer import ViewerPeer

PATIENT: Final = Timing(silence_s=60.0, answer_s=5.0)
"""Neither a slow machine nor a debugger makes the link stale."""
ONCE: Final = Timing(silence_s=0.2, answer_s=0.2, retry_s=60.0, longest_retry_s=60.0)
"""Notices at once that there is no collector, and does not try again within a test."""
LEAVING: Final = replace(ONCE, answer_s=2.0)
"""The same, but a start on a busy machine is not taken for a collector that is away."""
SHOWN_ADDRESS: Final = "ipc:///run/llmmon"
_LIMIT_S: Final = 10.0
_STEADY: Final = 2
"""Paintings without a change after which a screen counts as settled."""


class Clock:
    """A wall clock, and a monotonic one beside it, that move when a test says so."""

    def __init__(self, now_ns: int = AT_NS) -> None:
        self.now_ns = now_ns

    def __call__(self) -> int:
        return self.now_ns

    def now_s(self) -> float:
        """The monotonic clock."""
        return self.now_ns / 1e9

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now_ns += int(seconds * 1e9)


def serve_all(peer: ViewerPeer, snapshot: Snapshot) -> None:
    """Let ``peer`` answer everything, with ``snapshot`` under every grouping."""
    answer_all(peer)
    peer.serve(*(replace(snapshot, by=by) for by in GROUPINGS))


def app_of(
    address: Address, clock: Clock | None = None, timing: Timing = PATIENT, **options: Any
) -> LlmmonApp:
    """An application that shows a steady address, wherever the sockets are."""
    chosen = Options(replace(address, text=SHOWN_ADDRESS), operator="ops", **options)
    clock = clock or Clock()
    return LlmmonApp(chosen, clock, timing, clock.now_s)


async def until(pilot: Pilot[Any], condition: Callable[[], object]) -> None:
    """Let the application run until something holds."""
    async with asyncio.timeout(_LIMIT_S):
        while not condition():
            await pilot.pause(0.01)


async def filled(pilot: Pilot[Any]) -> None:
    """Wait until everything that is fetched at the start is there, and paint it."""
    app = pilot.app
    assert isinstance(app, LlmmonApp)
    await until(pilot, lambda: app.picture.snapshot and app.picture.history and app.picture.tail)
    await painted(pilot)


async def settled(pilot: Pilot[Any], *, asks: bool = True) -> None:
    """Wait until all that the screen asks for has been answered, and is painted.

    Without ``asks``, only until what is known is painted: nobody is there to answer.
    """
    app = pilot.app
    assert isinstance(app, LlmmonApp)
    steady, before = 0, ""
    async with asyncio.timeout(_LIMIT_S):
        while steady < _STEADY:
            if asks:
                app.fetch()
            app.paint()
            await pilot.pause()
            is_asking = asks and any(
                worker.group != "feed" and not worker.is_finished for worker in app.workers
            )
            after = "\n".join(screen_text(pilot))
            steady = 0 if is_asking or after != before else steady + 1
            before = after


async def painted(pilot: Pilot[Any]) -> None:
    """Paint now instead of in the next frame."""
    app = pilot.app
    assert isinstance(app, LlmmonApp)
    app.paint()
    await pilot.pause()


@asynccontextmanager
async def running(app: LlmmonApp, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Pilot[None]]:
    """The application, started and filled."""
    async with app.run_test(size=size, notifications=True) as pilot:
        await filled(pilot)
        yield pilot


def screen_text(pilot: Pilot[Any]) -> list[str]:
    """The lines on the terminal."""
    strips = pilot.app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip) for strip in strips]


async def go_to_panel(pilot: Pilot[Any], name: str) -> None:
    """Give the focus to a panel of the overview; where panels are tabs, choose it."""
    screen = pilot.app.screen
    assert isinstance(screen, OverviewScreen)
    screen.choose_panel(TABS.index(name))
    await pilot.pause()


async def operate(pilot: Pilot[Any], *keys: str) -> None:
    """Press keys; the name of a panel of the overview goes there."""
    for key in keys:
        if key in TABS:
            await go_to_panel(pilot, key)
        else:
            await pilot.press(key)
