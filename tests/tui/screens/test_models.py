"""Models: the group under the cursor in detail, and enter narrows to it, then shows requests."""

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


async def told(pilot, *names):
    """Wait until these questions are answered."""
    app = pilot.app
    await until(pilot, lambda: all(app.picture.answer(name).told_ns for name in names))
    await painted(pilot)


async def text_of(pilot):
    return "\n".join(screen_text(pilot))


async def on_models(pilot):
    await pilot.press("2")
    await told(pilot, "models.curves", "models.before", "models.errors")


async def test_the_group_under_the_cursor_is_told_in_detail(peer):
    async with running(app_of(peer.address)) as pilot:
        await on_models(pilot)
        shown = await text_of(pilot)
        assert "429 RateLimitError" in shown
        assert "alerts  2 open" in shown
        assert "Tok/s" in shown


async def test_moving_the_cursor_asks_about_the_next_group(peer):
    async with running(app_of(peer.address)) as pilot:
        await on_models(pilot)
        await pilot.press("j")
        await until(
            pilot,
            lambda: any(
                asked["where"].get("model") == "llama-2-70b-chat" for asked in peer.asked("history")
            ),
        )


async def test_enter_narrows_and_a_second_one_goes_to_the_requests(peer):
    app = app_of(peer.address)
    async with running(app) as pilot:
        await on_models(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: app.model.view.where)
        assert app.model.view.where == {"provider": "openai", "model": "gpt-4o"}
        await painted(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: not app.model.view.where)
        await painted(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: app.model.view.where)
        await painted(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: app.screen.PLACE == "requests")


@pytest.mark.parametrize("size", [(80, 24), (40, 24), (40, 12)])
async def test_where_it_is_narrow_the_table_stays_over_the_detail(peer, size):
    async with running(app_of(peer.address), size) as pilot:
        await pilot.press("2")
        await told(pilot, "models.errors")
        shown = await text_of(pilot)
        assert "by model  4" in shown
        assert ("errors in 5m" in shown) is (size[1] > 16)


async def test_z_gives_a_panel_the_whole_screen_and_escape_takes_it_back(peer):
    async with running(app_of(peer.address), (80, 24)) as pilot:
        await on_models(pilot)
        await pilot.press("tab", "z")
        await painted(pilot)
        assert "by model  4" not in await text_of(pilot)
        await pilot.press("escape")
        await painted(pilot)
        assert "by model  4" in await text_of(pilot)


async def test_until_the_cursor_is_moved_it_is_on_the_worst(peer):
    app = app_of(peer.address)
    async with running(app) as pilot:
        await on_models(pilot)
        await pilot.press("S")
        await painted(pilot)
        table = app.screen.groups
        assert table.cursor_key == table.rows[0].key
        await pilot.press("j")
        chosen = table.cursor_key
        await pilot.press("S")
        await painted(pilot)
        assert table.cursor_key == chosen
