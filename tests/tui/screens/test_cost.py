"""The Cost screen in the terminal."""

from contextlib import asynccontextmanager

import pytest
from support.snapshots import busy_snapshot, empty_snapshot
from support.viewer_app import app_of, painted, screen_text, serve_all, until
from support.viewer_money import MoneyStore, serve_money
from support.viewer_peer import ViewerPeer

from llmmon_tui.panels import orders
from llmmon_tui.panels.costquestions import EARLIER, TODAY
from llmmon_tui.screens.cost import CostScreen
from llmmon_tui.screens.requests import RequestsScreen


@pytest.fixture(scope="module")
def store():
    return MoneyStore()


@asynccontextmanager
async def cost_screen(tmp_path, store, size=(120, 40), snapshot=None):
    with ViewerPeer(f"ipc://{tmp_path}") as peer:
        serve_all(peer, snapshot or busy_snapshot())
        serve_money(peer, store)
        app = app_of(peer.address)
        async with app.run_test(size=size, notifications=True) as pilot:
            await until(pilot, lambda: app.picture.snapshot)
            await pilot.press("4")
            await until(pilot, lambda: answered(app, TODAY) and answered(app, EARLIER))
            await painted(pilot)
            yield pilot


def answered(app, name):
    return app.picture.answer(name).told_ns is not None


@pytest.mark.parametrize("size", [(200, 60), (120, 40), (100, 30), (80, 24), (40, 24)])
async def test_it_says_what_is_spent_at_every_size(tmp_path, store, size):
    async with cost_screen(tmp_path, store, size) as pilot:
        lines = screen_text(pilot)
        text = "\n".join(lines)
        assert "$0.809+" in text
        assert "$ today↓" in text
        assert "gpt-4o" in text
        assert "$?" in text
        assert all(len(line) <= size[0] for line in lines)


async def test_panels_are_tabs_where_it_is_narrow(tmp_path, store):
    async with cost_screen(tmp_path, store, (80, 24)) as pilot:
        assert sum("budget " in line for line in screen_text(pilot)) == 0
        await pilot.press("tab", "tab")
        await painted(pilot)
        text = "\n".join(screen_text(pilot))
        assert "[Budgets]" in text
        assert "all-models" in text
        assert "$ today↓" not in text


async def test_enter_leads_to_the_requests_of_a_group_the_dearest_first(tmp_path, store):
    async with cost_screen(tmp_path, store) as pilot:
        screen = pilot.app.screen
        assert isinstance(screen, CostScreen)
        first = screen.spenders.rows[0].key
        screen.spenders.move_cursor_to(first)
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.current_mode == "requests")
        view = pilot.app.model.view
        assert view.filter == "provider:anthropic model:claude-sonnet-4-5"
        assert isinstance(pilot.app.screen, RequestsScreen)
        assert pilot.app.screen.order == orders.DEAREST


async def test_quick_presses_reach_the_groupings_beyond_and_come_back(tmp_path, store):
    async with cost_screen(tmp_path, store) as pilot:
        await pilot.press(*"gggggg")
        await until(pilot, lambda: answered(pilot.app, "cost.window"))
        await painted(pilot)
        text = "\n".join(screen_text(pilot))
        assert "by user_id" in text
        assert "user-1" in text
        assert pilot.app.model.view.by == "environment"
        await pilot.press("g", "g")
        await until(pilot, lambda: pilot.app.picture.snapshot.by == "model")
        assert pilot.app.model.view.by == "model"


async def test_maximised_a_panel_has_the_screen_until_escape(tmp_path, store):
    async with cost_screen(tmp_path, store) as pilot:
        await pilot.press("z")
        await painted(pilot)
        assert "Budgets" not in "\n".join(screen_text(pilot))
        await pilot.press("escape")
        await painted(pilot)
        assert "Budgets" in "\n".join(screen_text(pilot))


async def test_an_empty_collector_shows_no_zero(tmp_path):
    async with cost_screen(tmp_path, MoneyStore(0), (80, 24), empty_snapshot()) as pilot:
        text = "\n".join(screen_text(pilot))
        assert "no events yet" in text
        assert "$0" not in text


async def test_the_cursor_is_on_the_first_row_until_somebody_moves_it(tmp_path, store):
    async with cost_screen(tmp_path, store) as pilot:
        table = pilot.app.screen.spenders
        assert table.cursor_key == table.rows[0].key
        await pilot.press("s")
        await painted(pilot)
        assert table.cursor_key == table.rows[0].key
        await pilot.press("j")
        chosen = table.cursor_key
        await pilot.press("R", "s")
        await painted(pilot)
        assert table.cursor_key == chosen
