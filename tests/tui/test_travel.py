"""In time: back into what a collector has stored, and to the present again."""

import threading

import pytest
from support.snapshots import AT_NS, alert, busy_snapshot
from support.viewer_app import (
    LEAVING,
    Clock,
    app_of,
    go_to_panel,
    painted,
    running,
    screen_text,
    serve_all,
    until,
)
from support.viewer_data import history, request_row, request_rows
from support.viewer_peer import PATIENCE_S, Refusal, ViewerPeer
from textual.widgets import Input

from llmmon.protocol.snapshot import encode_snapshot
from llmmon_tui.link import LinkState
from llmmon_tui.messages import Travelled
from llmmon_tui.screens.wishes import MomentWanted

S = 1_000_000_000
MINUTE_NS = 60 * S
BACK, FORWARD = "left_square_bracket", "right_square_bracket"
FAR_BACK, FAR_FORWARD = "left_curly_bracket", "right_curly_bracket"


class Stored(ViewerPeer):
    """A collector with a past: each instant has its own number of the snapshot."""

    def __init__(self, address):
        super().__init__(address)
        serve_all(self, busy_snapshot())
        self.gate = threading.Event()
        self.gate.set()
        self.answers["snapshot"] = self.told
        self.answers["requests"] = self.rows

    def told(self, params):
        at_ns = params.get("at_ns")
        if at_ns is None:
            return encode_snapshot(busy_snapshot(by=params["by"]))
        self.gate.wait(PATIENCE_S)
        wanted = params.get("windows_s") or [one.window_s for one in busy_snapshot().windows]
        windows = [one for one in busy_snapshot().windows if one.window_s in wanted]
        past = busy_snapshot(
            by=params["by"],
            at_ns=at_ns - at_ns % MINUTE_NS,
            seq=0,
            windows=tuple(windows),
            alerts=(alert(id="gone", rule="long_ago"),),
        )
        return encode_snapshot(past)

    def rows(self, params):
        until_ns = params.get("until_ns")
        if until_ns is None:
            return request_rows()
        return [request_row(1, id="past", time_ns=until_ns - S)]

    @property
    def instants(self):
        """Those of the past that were asked for, as minutes before the present."""
        asked = [params.get("at_ns") for params in self.asked("snapshot")]
        return [(AT_NS - at_ns) / MINUTE_NS for at_ns in asked if at_ns is not None]


@pytest.fixture
def peer(tmp_path):
    with Stored(f"ipc://{tmp_path}") as peer:
        yield peer


def shows(pilot, *parts):
    whole = "\n".join(screen_text(pilot))
    return all(part in whole for part in parts)


def back_by(app):
    """Minutes before the present that are shown; None while live."""
    picture = app.picture
    return (AT_NS - picture.held_ns) / MINUTE_NS if picture.is_past else None


async def go_back(pilot, *keys):
    """Press keys until the past is there."""
    await pilot.press(*(keys or (BACK,)))
    await until(pilot, lambda: pilot.app.picture.is_past)
    await painted(pilot)


def workers(app, group):
    return [one for one in app.workers if one.group == group and not one.is_finished]


async def idle(pilot, group="travel"):
    """Until nothing is under way, and what came of it was taken in."""
    await until(pilot, lambda: not workers(pilot.app, group))
    await pilot.pause()


async def test_a_step_back_shows_the_past_and_says_so(peer):
    async with running(app_of(peer.address)) as pilot:
        await go_back(pilot)
        assert shows(pilot, "◀ PAST 05:59:00 -1m")
        assert peer.asked("snapshot")[-1] == {
            "by": "model",
            "at_ns": AT_NS - MINUTE_NS,
            "windows_s": [300],
        }
        assert [row.id for row in pilot.app.picture.tail] == ["past"]
        assert peer.asked("requests")[-1]["until_ns"] == AT_NS - MINUTE_NS


async def test_steps_are_of_whole_minutes(peer):
    clock = Clock()
    async with running(app_of(peer.address, clock)) as pilot:
        clock.advance(40)
        await until(pilot, lambda: "snapshot.model" in peer.topics)
        peer.publish(busy_snapshot(seq=4712, at_ns=clock()))
        await until(pilot, lambda: pilot.app.picture.live.at_ns == clock())
        await go_back(pilot)
        assert back_by(pilot.app) == 1


@pytest.mark.parametrize(
    ("window_keys", "minutes"), [("", 1), ("w", 12), ("ww", 288)], ids=["5m", "1h", "24h"]
)
async def test_a_step_is_a_fifth_of_the_window_and_far_is_twelve(peer, window_keys, minutes):
    async with running(app_of(peer.address)) as pilot:
        await pilot.press(*window_keys)
        await go_back(pilot)
        assert back_by(pilot.app) == minutes
        await pilot.press(FAR_BACK)
        await until(pilot, lambda: back_by(pilot.app) == 13 * minutes)
        await pilot.press(FORWARD)
        await until(pilot, lambda: back_by(pilot.app) == 12 * minutes)
        await pilot.press(FAR_FORWARD)
        assert not pilot.app.picture.is_past


async def test_steps_made_while_one_is_fetched_add_up(peer):
    async with running(app_of(peer.address)) as pilot:
        peer.gate.clear()
        await pilot.press(BACK, BACK, BACK, FORWARD, BACK)
        assert not pilot.app.picture.is_past
        peer.gate.set()
        await until(pilot, lambda: back_by(pilot.app) == 3)
        assert peer.instants[-1] == 3


@pytest.mark.parametrize("key", [FORWARD, FAR_FORWARD, "full_stop"])
async def test_the_present_has_no_forward(peer, key):
    async with running(app_of(peer.address)) as pilot:
        await pilot.press(key)
        assert pilot.app.picture.held is None
        assert peer.instants == []


@pytest.mark.parametrize("key", ["full_stop", "escape", "space", FORWARD])
async def test_back_to_the_present(peer, key):
    async with running(app_of(peer.address)) as pilot:
        await go_back(pilot)
        await pilot.press(key)
        assert pilot.app.picture.held is None
        await painted(pilot)
        assert shows(pilot, "● LIVE")


@pytest.mark.parametrize("key", ["full_stop", "space"])
async def test_who_returns_while_the_past_is_fetched_stays_in_the_present(peer, key):
    async with running(app_of(peer.address)) as pilot:
        await go_back(pilot)
        peer.gate.clear()
        await pilot.press(BACK, key)
        peer.gate.set()
        await idle(pilot)
        assert not pilot.app.picture.is_past


async def test_a_picture_that_was_on_its_way_does_not_take_the_present_away(peer):
    async with running(app_of(peer.address)) as pilot:
        app = pilot.app
        peer.gate.clear()
        await pilot.press(BACK, "full_stop")
        peer.gate.set()
        at_ns = AT_NS - MINUTE_NS
        app.post_message(Travelled(at_ns, busy_snapshot(at_ns=at_ns), ()))
        app.post_message(Travelled(at_ns, None, (), "nothing is stored"))
        await pilot.pause()
        assert app.picture.held is None
        assert not shows(pilot, "nothing is stored")


async def test_refused_it_says_why_and_stays_live(peer):
    def refuse(params):
        if params.get("at_ns") is not None:
            raise Refusal("bad_request", "nothing is stored of that time")
        return encode_snapshot(busy_snapshot(by=params["by"]))

    peer.answers["snapshot"] = refuse
    async with running(app_of(peer.address)) as pilot:
        await pilot.press(BACK)
        await until(pilot, lambda: shows(pilot, "05:59:00", "nothing is stored of that time"))
        assert pilot.app.picture.held is None
        await painted(pilot)
        assert shows(pilot, "● LIVE")
        peer.answers["snapshot"] = peer.told
        await go_back(pilot)
        assert back_by(pilot.app) == 1


async def test_an_answer_of_another_shape_says_so(peer):
    async with running(app_of(peer.address)) as pilot:
        peer.answers["snapshot"] = lambda params: 7
        await pilot.press(BACK)
        await until(pilot, lambda: shows(pilot, "snapshot: expected bytes"))
        assert not pilot.app.picture.is_past


async def test_another_window_in_the_past_is_fetched(peer):
    async with running(app_of(peer.address)) as pilot:
        await go_back(pilot)
        await pilot.press("w")
        await until(pilot, lambda: pilot.app.picture.window.window_s == 3600)
        assert back_by(pilot.app) == 1
        assert peer.asked("snapshot")[-1]["windows_s"] == [3600]


async def test_another_grouping_in_the_past_is_fetched(peer):
    async with running(app_of(peer.address)) as pilot:
        await go_back(pilot)
        await pilot.press("g")
        await until(pilot, lambda: pilot.app.picture.snapshot.by == "operation")
        assert back_by(pilot.app) == 1
        await pilot.press("full_stop")
        await until(pilot, lambda: pilot.app.picture.snapshot.by == "operation")
        assert pilot.app.picture.held is None


@pytest.mark.parametrize(("key", "by", "window_s"), [("w", "model", 3600), ("g", "operation", 300)])
async def test_a_choice_made_while_the_past_is_fetched_holds_there(peer, key, by, window_s):
    async with running(app_of(peer.address)) as pilot:
        peer.gate.clear()
        await pilot.press(BACK, key)
        peer.gate.set()
        await until(pilot, lambda: pilot.app.picture.is_past)
        await idle(pilot)
        picture = pilot.app.picture
        assert (picture.snapshot.by, picture.window.window_s) == (by, window_s)


async def test_a_choice_does_not_undo_the_step_under_way(peer):
    async with running(app_of(peer.address)) as pilot:
        await go_back(pilot)
        peer.gate.clear()
        await pilot.press(BACK, BACK, "w")
        peer.gate.set()
        await until(pilot, lambda: pilot.app.picture.window.window_s == 3600)
        assert back_by(pilot.app) == 3


async def test_from_a_pause_the_steps_start_there(peer):
    clock = Clock()
    async with running(app_of(peer.address, clock)) as pilot:
        await pilot.press("space")
        clock.advance(600)
        await go_back(pilot)
        assert back_by(pilot.app) == 1
        await pilot.press("space")
        assert pilot.app.picture.held is None


async def test_the_moment_that_a_screen_wants(peer):
    async with running(app_of(peer.address)) as pilot:
        pilot.app.post_message(MomentWanted(AT_NS - 30 * MINUTE_NS, "models"))
        await until(pilot, lambda: back_by(pilot.app) == 30)
        await until(pilot, lambda: pilot.app.place == "models")


async def test_a_time_that_is_typed(peer):
    async with running(app_of(peer.address)) as pilot:
        await pilot.press("T", *"-2h", "enter")
        await until(pilot, lambda: back_by(pilot.app) == 120)


@pytest.mark.parametrize(
    ("text", "reason"), [("soon", "'soon': expected 14:20"), ("2099-01-01 00:00", "not come yet")]
)
async def test_a_time_that_cannot_be_read(peer, text, reason):
    async with running(app_of(peer.address)) as pilot:
        await pilot.press("T")
        pilot.app.screen.query_one(Input).value = text
        await pilot.press("enter")
        await until(pilot, lambda: shows(pilot, reason))
        assert pilot.app.picture.held is None


async def test_no_time_is_typed(peer):
    async with running(app_of(peer.address)) as pilot:
        await pilot.press("T", "enter")
        await pilot.press("T", "escape")
        assert peer.instants == []


async def test_charts_of_the_past_end_there(peer):
    async with running(app_of(peer.address)) as pilot:
        await go_back(pilot)
        await until(pilot, lambda: pilot.app.picture.history)
        assert peer.asked("history")[-1]["end_ns"] == AT_NS - MINUTE_NS


async def test_a_live_chart_on_its_way_is_not_the_past_s(peer):
    gate = threading.Event()
    async with running(app_of(peer.address)) as pilot:
        app = pilot.app
        step = app.picture.history.step_ns

        def slow(params):
            if params["end_ns"] is None:
                gate.wait(PATIENCE_S)
            return history(params)

        peer.answers["history"] = slow
        live = app.picture.history
        await go_back(pilot)
        await until(pilot, lambda: app.picture.history)
        past = app.picture.history
        assert past.start_ns + step <= live.start_ns
        app.model.set_history(live, {}, AT_NS)
        assert app.picture.history == past
        gate.set()


async def test_back_in_the_present_the_past_s_chart_is_gone(peer):
    async with running(app_of(peer.address)) as pilot:
        await go_back(pilot)
        await until(pilot, lambda: pilot.app.picture.history)
        peer.hold.add("history")
        await pilot.press("full_stop")
        assert pilot.app.picture.history is None


async def test_a_window_refused_in_the_past_leaves_the_chart_of_the_one_shown(peer):
    async with running(app_of(peer.address)) as pilot:
        await go_back(pilot)

        def refuse(params):
            raise Refusal("failed", "no such window")

        peer.answers["snapshot"] = refuse
        await pilot.press("w")
        await until(pilot, lambda: shows(pilot, "no such window"))
        assert pilot.app.picture.window.window_s == 300
        await until(pilot, lambda: pilot.app.picture.history)
        assert pilot.app.picture.history.window_s == 300


async def test_an_alert_of_the_past_that_has_gone_is_not_acknowledged(peer):
    async with running(app_of(peer.address)) as pilot:
        await go_back(pilot)
        await go_to_panel(pilot, "alerts")
        assert pilot.app.screen.chosen_alert == "gone"
        await pilot.press("a")
        await until(pilot, lambda: shows(pilot, "that alert has gone"))
        await pilot.press("m")
        assert len(pilot.app.screen_stack) == 1
        assert peer.asked("acknowledge") == []


async def test_an_alert_of_the_past_that_still_fires_is_acknowledged_as_it_is_now(peer):
    now = alert(id="gone", rule="long_ago_and_now")
    async with running(app_of(peer.address)) as pilot:
        await until(pilot, lambda: "snapshot.model" in peer.topics)
        peer.publish(busy_snapshot(seq=4712, alerts=(now,)))
        await until(pilot, lambda: pilot.app.picture.live.seq == 4712)
        await go_back(pilot)
        await go_to_panel(pilot, "alerts")
        await pilot.press("a")
        await until(pilot, lambda: shows(pilot, "acknowledged long_ago_and_now"))
        assert [one["alert_id"] for one in peer.asked("acknowledge")] == ["gone"]


async def test_questions_of_a_screen_are_asked_of_the_past_once(peer):
    async with running(app_of(peer.address)) as pilot:
        await pilot.press("2")
        await go_back(pilot)
        await until(pilot, lambda: not workers(pilot.app, "history"))
        await idle(pilot, "question models.curves")
        ends = [one["end_ns"] for one in peer.asked("history")]
        assert AT_NS - MINUTE_NS in ends
        count = len(ends)
        for _ in range(3):
            pilot.app.fetch()
            await pilot.pause()
        assert len(peer.asked("history")) == count


async def test_the_past_stays_while_the_collector_is_away(peer, tmp_path):
    async with running(app_of(peer.address, timing=LEAVING)) as pilot:
        await go_back(pilot)
        peer.hold |= {"snapshot"}
        await until(pilot, lambda: pilot.app.picture.link.state is LinkState.RECONNECTING)
        assert back_by(pilot.app) == 1


async def test_the_end_while_the_past_is_fetched(peer):
    async with running(app_of(peer.address)) as pilot:
        peer.hold |= {"snapshot", "query", "requests"}
        await pilot.press("3", BACK)
        assert workers(pilot.app, "travel")
    assert not pilot.app.is_running
