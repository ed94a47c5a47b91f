"""The whole terminal UI through half a day, a step of 36 s at a time: its memory is flat."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.report import Report
from support.snapshots import busy_snapshot
from support.twelve_hours import HOURS, HalfDay
from support.viewer_app import Clock, app_of, running, serve_all
from support.viewer_peer import ViewerPeer

pytestmark = pytest.mark.timeout(1800)
STEPS = HOURS * 100
MIB = 1 << 20
GROWN_MIB = 24.0
"""From the second hour on: Textual's caches of styles and strips fill up to their bound."""


async def rss_by_hour(directory: Path, sabotage: pytest.MonkeyPatch | None = None) -> list[int]:
    """Of this process, the fake collector's thread included."""
    clock, kept = Clock(), []
    with ViewerPeer(f"ipc://{directory}") as peer:
        serve_all(peer, busy_snapshot())
        app = app_of(peer.address, clock)
        arrive = app.model.arrive

        def arrive_and_keep(*arguments: Any) -> None:
            kept.append((arguments, bytes(100_000)))
            arrive(*arguments)

        if sabotage is not None:
            sabotage.setattr(app.model, "arrive", arrive_and_keep)
        async with running(app) as pilot:
            return await HalfDay(pilot, peer, clock, STEPS).live_through()


def grown_mib(taken: list[int]) -> float:
    return (max(taken[2:]) - taken[1]) / MIB


async def test_memory_is_flat_over_half_a_day(tmp_path: Path, report: Report) -> None:
    taken = await rss_by_hour(tmp_path)
    told = f"{taken[1] / MIB:.0f} MiB after 2 h, {taken[-1] / MIB:.0f} MiB after 12 h"
    report(f"the terminal UI for 12 h in {STEPS} steps", told)
    assert grown_mib(taken) < GROWN_MIB, taken


async def test_control_a_viewer_that_keeps_what_it_was_told_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = await rss_by_hour(tmp_path, monkeypatch)
    assert grown_mib(taken) > 2 * GROWN_MIB, taken
