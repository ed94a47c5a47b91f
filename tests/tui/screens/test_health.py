"""Health: checks with the one under the cursor, the collector, its agents."""

import tempfile

import pytest
from support.snapshots import busy_snapshot
from support.viewer_app import app_of, painted, running, screen_text, serve_all, until
from support.viewer_ops import answer_ops
from support.viewer_peer import ViewerPeer


@pytest.fixture
def peer(tmp_path):
    with ViewerPeer(f"ipc://{tempfile.mkdtemp(dir=tmp_path)}") as peer:
        serve_all(peer, busy_snapshot())
        answer_ops(peer)
        yield peer


async def on_health(pilot):
    await pilot.press("7")
    app = pilot.app
    names = ("health.status", "health.runs")
    await until(pilot, lambda: all(app.picture.answer(name).told_ns for name in names))
    await painted(pilot)


def text_of(pilot):
    return "\n".join(screen_text(pilot))


async def test_all_parts_at_once(peer):
    async with running(app_of(peer.address)) as pilot:
        await on_health(pilot)
        shown = text_of(pilot)
        for told in (
            "1 of 6 degraded",
            "40 % used",
            "1.2M emitted",
            "1 missed",
            "31 models",
            "pagerduty",
        ):
            assert told in shown


async def test_enter_opens_the_check(peer):
    app = app_of(peer.address)
    async with running(app) as pilot:
        await on_health(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: len(app.screen_stack) == 2)


async def test_tab_goes_through_what_stands_below_where_it_is_narrow(peer):
    async with running(app_of(peer.address), (80, 24)) as pilot:
        await on_health(pilot)
        assert "91 % used" in text_of(pilot)
        await pilot.press("tab", "tab")
        await painted(pilot)
        assert "search" in text_of(pilot)
        assert "1 of 6 degraded" in text_of(pilot)
        await pilot.press("tab")
        await painted(pilot)
        assert "1.2M emitted" in text_of(pilot)


@pytest.mark.parametrize("place", ["2", "4", "6", "7"])
async def test_a_focused_panel_that_a_low_screen_hides_hands_the_focus_on(peer, place):
    async with running(app_of(peer.address)) as pilot:
        await pilot.press(place)
        await painted(pilot)
        await pilot.press("shift+tab")
        await pilot.resize_terminal(120, 14)
        await painted(pilot)
        await painted(pilot)
        await until(pilot, lambda: pilot.app.screen.focused is not None)
        assert pilot.app.screen.focused.is_on_screen
