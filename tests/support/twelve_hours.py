"""Half a day of the terminal UI in front of a busy collector, by a clock that is moved on.

Each step brings a snapshot of other numbers, requests never seen before, models and alerts that
come and go; every few steps the operator does something.
"""

from __future__ import annotations

import gc
import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import psutil
from textual.pilot import Pilot

from llmmon.protocol.snapshot import Group, Snapshot
from llmmon_tui.app import LlmmonApp
from support.snapshots import alert, busy_snapshot, metrics
from support.viewer_app import Clock, until
from support.viewer_data import request_row
from support.viewer_peer import ViewerPeer

SECOND_NS: Final = 1_000_000_000
HOURS: Final = 12
_GROUPS: Final = 24
_ROWS: Final = 10
_SIZES: Final = ((120, 40), (80, 24), (200, 60), (40, 24))
_RESIZED_EVERY: Final = 11
_KEYS: Final = (
    *("2", "3", "down", "4", "5", "6", "7", "8", "1"),
    *("w", "space", "space", "question_mark", "escape", "s", "down", "down", "escape"),
)
"""What the operator presses, a key a step."""


def snapshot(seq: int, at_ns: int) -> Snapshot:
    """Snapshot number ``seq``: of the models one goes each step, and another comes."""
    groups = tuple(
        Group({"provider": "acme", "model": f"model-{seq + place}"}, metrics(1 + seq % 7 / 10))
        for place in range(_GROUPS)
    )
    base = busy_snapshot(seq=seq, at_ns=at_ns, note=f"step {seq}")
    windows = tuple(replace(one, total=metrics(1 + seq % 5), groups=groups) for one in base.windows)
    state = ("firing", "firing", "resolved")[seq % 3]
    alerts = (alert(id=f"llmmon:{seq // 3}", state=state, labels={"model": f"model-{seq}"}),)
    return replace(base, windows=windows, alerts=alerts)


class HalfDay:
    """The twelve hours in ``steps`` steps."""

    def __init__(self, pilot: Pilot[Any], peer: ViewerPeer, clock: Clock, steps: int) -> None:
        assert isinstance(pilot.app, LlmmonApp)
        self._app, self._pilot, self._peer, self._clock = pilot.app, pilot, peer, clock
        self._steps = steps
        self._keys = itertools.cycle(_KEYS)
        self._sizes = itertools.cycle(_SIZES)

    async def live_through(self) -> list[int]:
        """Bytes of memory that the process has after each hour."""
        process, taken = psutil.Process(), []
        for hour in self._hours():
            for step in hour:
                await self._step(step)
            gc.collect()
            taken.append(process.memory_info().rss)
        return taken

    def _hours(self) -> Iterator[range]:
        each = self._steps // HOURS
        return (range(hour * each, (hour + 1) * each) for hour in range(HOURS))

    async def _step(self, step: int) -> None:
        seq = 10_000 + step
        self._clock.advance(HOURS * 3600 / self._steps)
        sent = snapshot(seq, self._clock())
        self._peer.serve(sent)
        rows = [request_row(n, id=f"{seq}-{n}", time_ns=self._clock()) for n in range(_ROWS)]
        self._peer.publish_rows(rows)
        self._peer.publish(sent)
        self._peer.requests.clear()
        await until(self._pilot, lambda: self._has_seen(seq))
        if step % _RESIZED_EVERY == 0:
            await self._pilot.resize_terminal(*next(self._sizes))
        await self._pilot.press(next(self._keys))
        self._app.paint()
        await self._pilot.pause()

    def _has_seen(self, seq: int) -> bool:
        live = self._app.model.live
        return live is not None and live.seq >= seq
