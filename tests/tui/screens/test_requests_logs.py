"""Requests, a trace and logs on the screen, against a collector's real sockets."""

import asyncio

import pytest
from support.snapshots import AT_NS, busy_snapshot, empty_snapshot
from support.viewer_app import app_of, painted, running, screen_text, serve_all, until
from support.viewer_data import SECOND_NS, request_row, trace
from support.viewer_peer import Refusal, ViewerPeer
from support.viewer_requests import answer_queries, log_row, table_of

from llmmon.protocol.snapshot import encode_snapshot
from llmmon_tui.screens.requests import RequestsScreen
from llmmon_tui.screens.sheet import Sheet
from llmmon_tui.screens.trace import TraceScreen
from llmmon_tui.widgets.livetable import LiveTable

SIZES = [(200, 60), (120, 40), (100, 30), (80, 24), (40, 24)]


@pytest.fixture
def peer(tmp_path):
    with ViewerPeer(f"ipc://{tmp_path}") as peer:
        serve_all(peer, busy_snapshot())
        answer_queries(peer)
        yield peer


def shows(pilot, *parts):
    whole = "\n".join(screen_text(pilot))
    return all(part in whole for part in parts)


async def press(pilot, *keys):
    for key in keys:
        await pilot.press(key)
        await pilot.pause()
    await painted(pilot)


async def shown(pilot, *parts):
    """Wait until the screen shows this, painting as the clock's frames would."""
    async with asyncio.timeout(10):
        while not shows(pilot, *parts):
            await painted(pilot)
            await pilot.pause(0.01)


def cursor(pilot):
    return pilot.app.screen.table.cursor_key


@pytest.mark.parametrize("size", SIZES)
async def test_the_slowest_of_five_minutes_and_its_trace_in_four_keys(peer, size):
    async with running(app_of(peer.address), size) as pilot:
        await press(pilot, "3", "b", "b")
        await shown(pilot, "41.5s", "slowest")
        await press(pilot, "enter")
        await shown(pilot, "tool search")
        assert peer.asked("trace") == [{"id": "req-0240"}]


async def test_the_question_is_of_the_window_that_is_shown(peer):
    async with running(app_of(peer.address)) as pilot:
        await press(pilot, "3", "b", "b")
        await shown(pilot, "3 of 4,812 in 5m")
        sql = peer.asked("query")[-1]["sql"]
        assert f"make_timestamp({AT_NS // 1000 - 300 * 10**6})" in sql
        await press(pilot, "w")
        await shown(pilot, "4,812 in 1h")
        assert f"make_timestamp({AT_NS // 1000 - 3600 * 10**6})" in peer.asked("query")[-1]["sql"]


async def test_orders_by_key_column_and_header(peer):
    async with running(app_of(peer.address)) as pilot:
        await press(pilot, "3", "b")
        assert shows(pilot, "newest  40 of the tail", "time↓")
        await press(pilot, "s")
        await shown(pilot, "by model ↑")
        await press(pilot, "S")
        await shown(pilot, "by model ↓")
        x = screen_text(pilot)[4].index("took")
        await pilot.click(LiveTable, offset=(x + 2, 0))
        await shown(pilot, "slowest  3 of")


async def test_on_top_the_cursor_follows_and_elsewhere_it_stays(peer):
    async with running(app_of(peer.address)) as pilot:
        await press(pilot, "3", "b")
        assert cursor(pilot) == "req-0000"
        await asyncio.to_thread(peer.wait_until, lambda: "tail.requests" in peer.topics)
        peer.publish_rows([request_row(0, id="new-1", time_ns=AT_NS + 1)], 2)
        await shown(pilot, "41 of the tail", "tail shows 1 of 3")
        assert cursor(pilot) == "new-1"
        await press(pilot, "j")
        peer.publish_rows([request_row(0, id="new-2", time_ns=AT_NS + 2)])
        await shown(pilot, "42 of the tail")
        assert cursor(pilot) == "req-0000"


async def test_a_filter_searches_the_store_too(peer):
    async with running(app_of(peer.address)) as pilot:
        await press(pilot, "3", "slash", *"chat")
        await shown(pilot, "· 3 from the store")
        assert "lower(model)" in peer.asked("query")[-1]["sql"]
        await press(pilot, "enter", "escape")
        assert shows(pilot, "40 of the tail")


async def test_a_store_that_does_not_answer_is_told(peer):
    def refuse(params):
        raise Refusal("timeout", "the query took over 10 s")

    peer.answers["query"] = refuse
    async with running(app_of(peer.address)) as pilot:
        await press(pilot, "3", "b", "b")
        await shown(pilot, "the query took over 10 s")
        assert not shows(pilot, "no request")


async def test_while_the_store_is_asked_the_table_says_so(peer):
    peer.hold.add("query")
    async with running(app_of(peer.address)) as pilot:
        await press(pilot, "3", "b", "b")
        assert shows(pilot, "slowest", "asking the collector")
        await press(pilot, "8")
        assert shows(pilot, "asking the collector")


async def test_the_past_is_asked_for_as_of_then_and_once(peer):
    then_ns = AT_NS - 3600 * SECOND_NS
    live = peer.answers["snapshot"]
    past = encode_snapshot(busy_snapshot(at_ns=then_ns))
    peer.answers["snapshot"] = lambda params: past if "at_ns" in params else live(params)
    async with running(app_of(peer.address)) as pilot:
        await press(pilot, "3", "b", "b", "left_square_bracket")
        await until(pilot, lambda: pilot.app.picture.is_past)
        await shown(pilot, "41.5s")
        sql = peer.asked("query")[-1]["sql"]
        assert f"make_timestamp({then_ns // 1000})" in sql
        asked = len(peer.asked("query"))
        pilot.app.now_ns.advance(60)
        await painted(pilot)
        pilot.app.fetch()
        await pilot.pause()
        assert len(peer.asked("query")) == asked


async def test_a_collector_that_never_heard_of_an_event(peer):
    serve_all(peer, empty_snapshot())
    peer.answers["requests"] = lambda params: []
    peer.answers["query"] = lambda params: table_of([], ("id", "level", "time_ns"))
    app = app_of(peer.address)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.picture.snapshot)
        await press(pilot, "3")
        assert shows(pilot, "no events yet")
        await press(pilot, "8")
        await shown(pilot, "no log line in 5m")


def two_requests(params):
    """A trace with two requests of which the first is the parent of all."""
    told = trace(params)
    told["requests"][0] |= {"trace_id": "trace-7", "ttft_ms": 600.0}
    child = request_row(5, id="inner", parent_id=params["id"], latency_ms=500.0)
    told["requests"].append(child | {"start_ns": told["requests"][0]["start_ns"] + 10**9})
    return told


@pytest.mark.parametrize("size", SIZES)
async def test_the_cursor_of_the_waterfall_chooses_what_is_told(peer, size):
    peer.answers["trace"] = two_requests
    async with running(app_of(peer.address), size) as pilot:
        await press(pilot, "3", "enter")
        await shown(pilot, "request summarise", "trace trace-7")
        if size[0] > 60:
            assert shows(pilot, "2 requests", "2 spans", "░░")
        await press(pilot, "j")
        assert shows(pilot, "span retrieval")
        await press(pilot, "G")
        assert isinstance(pilot.app.screen, TraceScreen)
        assert pilot.app.screen.chosen.row["id"] == "inner"


async def test_next_and_previous_of_the_list_without_closing(peer):
    async with running(app_of(peer.address)) as pilot:
        await press(pilot, "3", "b", "enter")
        await shown(pilot, "tool search", "1 of 40")
        for keys, place in ((("n",), "2 of 40"), (("N", "N"), "1 of 40")):
            await press(pilot, *keys)
            await shown(pilot, "tool search", place)
        asked = [params["id"] for params in peer.asked("trace")]
        assert asked == ["req-0000", "req-0001", "req-0000"]
        await press(pilot, "q")
        assert isinstance(pilot.app.screen, RequestsScreen)


async def test_copy_a_part_and_the_id_of_a_trace(peer):
    peer.answers["trace"] = two_requests
    async with running(app_of(peer.address)) as pilot:
        await press(pilot, "3", "enter")
        await shown(pilot, "trace trace-7")
        await press(pilot, "i")
        assert pilot.app.clipboard == "trace-7"
        await press(pilot, "j", "y")
        assert pilot.app.clipboard.startswith("span-0  retrieval  420ms")


async def test_details_scroll_after_tab(peer):
    peer.answers["trace"] = lambda params: {
        "requests": [request_row(4, id=params["id"], response="\n".join(["line"] * 200))]
    }
    async with running(app_of(peer.address), (80, 24)) as pilot:
        await press(pilot, "3", "enter")
        await shown(pilot, "details", "request summarise")
        await press(pilot, "tab", "end")
        await shown(pilot, "line")
        assert not shows(pilot, "request summarise")


async def test_a_trace_that_cannot_be_had_says_why(peer):
    def refuse(params):
        raise Refusal("not_found", "no request or trace is stored")

    peer.answers["trace"] = refuse
    async with running(app_of(peer.address), (80, 24)) as pilot:
        await press(pilot, "3", "enter")
        await shown(pilot, "no request or trace is stored")


async def test_a_thousand_spans_draw_only_what_is_seen(peer):
    def many(params):
        told = trace(params)
        first = told["spans"][0]
        told["spans"] = [first | {"id": f"s{n}", "name": f"step {n}"} for n in range(1000)]
        return told

    peer.answers["trace"] = many
    async with running(app_of(peer.address), (80, 24)) as pilot:
        await press(pilot, "3", "enter")
        await shown(pilot, "the first 1,000 spans")
        table = pilot.app.screen.waterfall
        before = table.lines_drawn
        await press(pilot, "G")
        assert shows(pilot, "step 999")
        assert table.lines_drawn - before <= 3 * 24


@pytest.mark.parametrize("size", SIZES)
async def test_logs_and_the_trace_of_a_line(peer, size):
    async with running(app_of(peer.address), size) as pilot:
        await press(pilot, "8")
        await shown(pilot, "60 lines in 5m", "line 0")
        if size[1] >= 30:
            assert shows(pilot, "peak 7 in 5s")
        await press(pilot, "enter")
        await shown(pilot, "tool search")
        assert peer.asked("trace") == [{"id": "req-0000"}]


async def test_a_line_without_a_trace_shows_its_record(peer):
    async with running(app_of(peer.address)) as pilot:
        await press(pilot, "8")
        await shown(pilot, "line 1")
        await press(pilot, "j", "enter")
        assert isinstance(pilot.app.screen, Sheet)
        assert shows(pilot, "log line", "web-1", "app.chat")
        await press(pilot, "escape", "home", "d")
        assert shows(pilot, "req-0000")


async def test_the_level_from_which_up(peer):
    async with running(app_of(peer.address)) as pilot:
        await press(pilot, "8")
        await shown(pilot, "all levels")
        await press(pilot, "l", "l")
        await shown(pilot, "warning and worse", "line 0")
        sql = [one["sql"] for one in peer.asked("query") if "message" in one["sql"]][-1]
        assert "IN ('CRITICAL', 'FATAL', 'ERROR', 'ERR', 'WARNING', 'WARN')" in sql


async def test_new_lines_are_seen_on_top(peer):
    async with running(app_of(peer.address)) as pilot:
        await press(pilot, "8")
        await shown(pilot, "line 0")
        peer.answers["query"] = lambda params: table_of(
            [log_row(0, time_ns=AT_NS + 1, message="brand new"), log_row(0)]
        )
        await press(pilot, "r")
        await shown(pilot, "brand new")
        assert "brand new" in cursor(pilot)


async def test_stored_rows_can_be_copied(peer):
    async with running(app_of(peer.address)) as pilot:
        await press(pilot, "3", "b", "b")
        await shown(pilot, "41.5s")
        await press(pilot, "y")
        assert "41.5s" in pilot.app.clipboard


async def test_a_trace_has_help(peer):
    async with running(app_of(peer.address), (120, 40)) as pilot:
        await press(pilot, "3", "enter")
        await shown(pilot, "? help")
        await press(pilot, "question_mark")
        await shown(pilot, "Trace: copy the id of the trace")
        await press(pilot, "escape")
        assert isinstance(pilot.app.screen, TraceScreen)
