"""Alerts: scopes, and each key acts on exactly the row under the cursor."""

import tempfile

import pytest
from support.snapshots import AT_NS, alert, busy_snapshot
from support.viewer_app import (
    app_of,
    painted,
    running,
    screen_text,
    serve_all,
    settled,
    until,
)
from support.viewer_ops import answer_ops
from support.viewer_peer import ViewerPeer

from llmmon_tui.screens.confirm import ConfirmScreen
from llmmon_tui.screens.wishes import AcknowledgeWanted, ExplainWanted, MomentWanted

CRITICAL, WARNING = (one.id for one in busy_snapshot().alerts)


@pytest.fixture
def peer(tmp_path):
    with ViewerPeer(f"ipc://{tempfile.mkdtemp(dir=tmp_path)}") as peer:
        serve_all(peer, busy_snapshot())
        answer_ops(peer)
        yield peer


async def on_alerts(pilot):
    await pilot.press("6")
    app = pilot.app
    await until(pilot, lambda: app.picture.answer("alerts.changes").told_ns)
    await painted(pilot)


def wishes_of(app, kind):
    """What the screen asks of the application, as it comes."""
    wishes = []
    screen = app.screen
    post = screen.post_message

    def keep(message):
        if isinstance(message, kind):
            wishes.append(message)
        return post(message)

    screen.post_message = keep
    return wishes


def text_of(pilot):
    return "\n".join(screen_text(pilot))


async def test_the_one_under_the_cursor_is_acknowledged(peer):
    app = app_of(peer.address)
    async with running(app) as pilot:
        await on_alerts(pilot)
        await pilot.press("j", "a")
        await until(pilot, lambda: peer.asked("acknowledge"))
        assert peer.asked("acknowledge")[0]["alert_id"] == WARNING


async def test_the_cursor_stays_with_its_alert_when_a_worse_one_comes(peer):
    app = app_of(peer.address)
    async with running(app) as pilot:
        await on_alerts(pilot)
        await pilot.press("j")
        new = alert(id="new", rule="worse", since_ns=AT_NS)
        peer.publish(busy_snapshot(seq=4712, alerts=(new, *busy_snapshot().alerts)))
        await until(pilot, lambda: app.model.live and len(app.model.live.alerts) == 3)
        await painted(pilot)
        assert app.screen.chosen_alert == WARNING


async def test_b_goes_through_open_all_and_history(peer):
    app = app_of(peer.address)
    async with running(app) as pilot:
        await on_alerts(pilot)
        assert "[open 2]" in text_of(pilot)
        await pilot.press("b", "b")
        await pilot.pause()
        await painted(pilot)
        assert "[history]" in text_of(pilot)
        assert "no longer inhibited" in text_of(pilot)
        assert app.screen.chosen_alert == CRITICAL
        await pilot.press("b")
        await pilot.pause()
        await painted(pilot)
        assert "[open 2]" in text_of(pilot)


async def test_e_asks_why_and_i_goes_to_its_moment(peer):
    app = app_of(peer.address)
    async with running(app) as pilot:
        await on_alerts(pilot)
        wishes = wishes_of(app, ExplainWanted | MomentWanted)
        await pilot.press("e")
        await until(pilot, lambda: wishes)
        assert wishes[0].alert_id == CRITICAL
        while len(app.screen_stack) > 1:
            await pilot.press("escape")
        await pilot.press("i")
        await until(pilot, lambda: len(wishes) == 2)
        assert (wishes[1].at_ns, wishes[1].place) == (AT_NS - 192 * 10**9, "overview")


async def test_all_shown_are_acknowledged_after_a_question_that_names_how_many(peer):
    app = app_of(peer.address)
    async with running(app) as pilot:
        await on_alerts(pilot)
        wishes = wishes_of(app, AcknowledgeWanted)
        await pilot.press("A")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.pause()
        assert "acknowledge 2 alerts?" in text_of(pilot)
        await pilot.press("escape")
        await pilot.pause()
        assert not wishes
        await pilot.press("A")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("enter")
        await until(pilot, lambda: wishes)
        assert wishes[0].alert_ids == (CRITICAL, WARNING)


async def test_who_may_only_read_acknowledges_nothing(peer):
    app = app_of(peer.address, readonly=True)
    async with running(app, (200, 60)) as pilot:
        await on_alerts(pilot)
        assert "ack all" not in text_of(pilot)
        await pilot.press("A")
        await pilot.pause()
        assert not isinstance(app.screen, ConfirmScreen)


async def test_a_row_is_copied_with_its_runbook(peer):
    page = "https://runbooks.example/errors"
    serve_all(peer, busy_snapshot(alerts=(alert(runbook=page),)))
    answer_ops(peer)
    app = app_of(peer.address)
    async with running(app) as pilot:
        await on_alerts(pilot)
        assert app.screen.copied_text.endswith(page)
        assert "high_error_rate" in app.screen.copied_text


@pytest.mark.parametrize("size", [(200, 60), (80, 24), (40, 24), (40, 12)])
async def test_the_table_is_there_at_every_size(peer, size):
    async with running(app_of(peer.address), size) as pilot:
        await on_alerts(pilot)
        assert "7.2% > 5%" in text_of(pilot)
        assert "[open 2]" in text_of(pilot)


async def test_with_thirty_rows_the_list_shows_more_than_a_few(tmp_path):
    many = tuple(alert(id=f"n{n}", rule=f"rule_{n}") for n in range(7))
    with ViewerPeer(f"ipc://{tempfile.mkdtemp(dir=tmp_path)}") as peer:
        serve_all(peer, busy_snapshot(alerts=many))
        answer_ops(peer)
        async with running(app_of(peer.address), (100, 30)) as pilot:
            await on_alerts(pilot)
            shown = screen_text(pilot)
            listed = [line for line in shown if "rule_" in line and "7.2% > 5%" in line]
            assert len(listed) >= 7


async def test_in_the_past_all_of_the_screen_is_of_the_past(peer):
    app = app_of(peer.address)
    async with running(app, (40, 24)) as pilot:
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: app.picture.is_past)
        await pilot.press("6")
        await settled(pilot)
        await pilot.resize_terminal(120, 40)
        await settled(pilot)
        shown = text_of(pilot)
        # one line, of which a narrower layout has left nothing
        assert shown.count("present") == 1
        assert "silences" not in shown
        axes = [line for line in screen_text(pilot) if "-5m" in line]
        assert axes
        assert not any("now" in line for line in axes)
