"""The Quality screen in the terminal."""

from contextlib import asynccontextmanager

import pytest
from support.snapshots import busy_snapshot
from support.viewer_app import app_of, painted, screen_text, serve_all, until
from support.viewer_money import MoneyStore, serve_money
from support.viewer_peer import ViewerPeer

from llmmon_tui.panels import orders
from llmmon_tui.panels.qualityquestions import BEFORE, SERIES, TENTHS, WORST
from llmmon_tui.screens.quality import QualityScreen
from llmmon_tui.screens.requests import RequestsScreen


@pytest.fixture(scope="module")
def store():
    return MoneyStore()


@asynccontextmanager
async def quality_screen(tmp_path, store, size=(120, 40)):
    with ViewerPeer(f"ipc://{tmp_path}") as peer:
        serve_all(peer, busy_snapshot())
        serve_money(peer, store)
        app = app_of(peer.address)
        async with app.run_test(size=size, notifications=True) as pilot:
            await until(pilot, lambda: app.picture.snapshot)
            await pilot.press("5")
            names = (BEFORE, SERIES, TENTHS, WORST)
            await until(pilot, lambda: all(app.picture.answer(name).told_ns for name in names))
            await painted(pilot)
            yield pilot


@pytest.mark.parametrize("size", [(200, 60), (120, 40), (100, 30), (80, 24), (40, 24)])
async def test_it_says_how_good_answers_are_at_every_size(tmp_path, store, size):
    async with quality_screen(tmp_path, store, size) as pilot:
        text = "\n".join(screen_text(pilot))
        assert "0.71 min 0.7" in text
        assert "32.4% of 1.2k" in text
        assert "qual↑" in text
        assert "shifted against" in text


async def test_enter_opens_the_trace_of_one_of_the_worst(tmp_path, store):
    async with quality_screen(tmp_path, store) as pilot:
        screen = pilot.app.screen
        assert isinstance(screen, QualityScreen)
        screen.choose_panel("quality-worst")
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.screen is not screen)
        await until(pilot, lambda: "1 of 60" in "\n".join(screen_text(pilot)))
        await pilot.press("n")
        await until(pilot, lambda: "2 of 60" in "\n".join(screen_text(pilot)))


async def test_enter_on_a_group_leads_to_its_requests_the_worst_first(tmp_path, store):
    async with quality_screen(tmp_path, store) as pilot:
        await pilot.press("home", "enter")
        await until(pilot, lambda: pilot.app.current_mode == "requests")
        view = pilot.app.model.view
        assert view.filter.startswith("provider:")
        assert isinstance(pilot.app.screen, RequestsScreen)
        assert pilot.app.screen.order == orders.POOREST


async def test_n_shows_the_next_chart(tmp_path, store):
    async with quality_screen(tmp_path, store) as pilot:
        for title in ("Refusals", "Scored share", "Scores"):
            await pilot.press("n")
            await painted(pilot)
            assert f"─ {title} ─" in "\n".join(screen_text(pilot))


async def test_the_panel_in_use_stays_in_view_when_it_gets_narrow(tmp_path, store):
    async with quality_screen(tmp_path, store) as pilot:
        await pilot.press("tab")
        await painted(pilot)
        await pilot.resize_terminal(80, 24)
        await painted(pilot)
        assert "[Worst]" in "\n".join(screen_text(pilot))


async def test_panels_that_have_no_room_are_passed_over(tmp_path, store):
    async with quality_screen(tmp_path, store, (120, 24)) as pilot:
        names = []
        for _ in range(4):
            await pilot.press("tab")
            names.append(pilot.app.screen.focused_panel)
        assert "quality-worst" not in names
        assert len(set(names)) == 3
