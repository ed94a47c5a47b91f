"""Keys and states of the whole application against a collector's real sockets."""

import asyncio
from dataclasses import replace

import pytest
from support.snapshots import AT_NS, alert, busy_snapshot, failing_channel
from support.viewer_app import (
    ONCE,
    Clock,
    app_of,
    go_to_panel,
    operate,
    painted,
    running,
    screen_text,
    serve_all,
    until,
)
from support.viewer_data import request_row
from support.viewer_peer import Refusal, ViewerPeer
from textual import events
from textual.widgets import Input

from llmmon.protocol.endpoint import parse_address
from llmmon_tui.link import LinkState
from llmmon_tui.screens.help import HelpScreen
from llmmon_tui.screens.overview import OverviewScreen
from llmmon_tui.screens.sheet import Sheet
from llmmon_tui.screens.side import SideScreen

HARDLY_EVER_HZ = 0.01
"""No test takes so long that a clock's frame comes."""


@pytest.fixture
def peer(tmp_path):
    with ViewerPeer(f"ipc://{tmp_path}") as peer:
        serve_all(peer, busy_snapshot())
        yield peer


def shows(pilot, *parts):
    whole = "\n".join(screen_text(pilot))
    return all(part in whole for part in parts)


def first_group(pilot):
    return pilot.app.screen.tables["groups"].rows[0].cells[0].text


async def arrive(pilot, peer, **changes):
    await asyncio.to_thread(peer.wait_until, lambda: "snapshot.model" in peer.topics)
    snapshot = busy_snapshot(**({"seq": 4712} | changes))
    peer.publish(snapshot)
    await until(pilot, lambda: pilot.app.picture.live.seq == snapshot.seq)


async def publish(pilot, peer, **changes):
    await arrive(pilot, peer, **changes)
    await painted(pilot)


async def test_everything_is_on_the_screen(peer):
    async with running(app_of(peer.address)) as pilot:
        assert shows(pilot, "● LIVE", "prod-eu", "high_error_rate", "3.41s", "gpt-4o", "disk")
        assert shows(pilot, "429 RateLimitError", "p95 warn 5s", "q quit")


async def test_windows(peer):
    async with running(app_of(peer.address)) as pilot:
        for key, window_s in (("w", 3600), ("minus", 86400), ("w", 60), ("plus", 60)):
            await pilot.press(key)
            assert pilot.app.picture.window.window_s == window_s
        await until(pilot, lambda: peer.asked("history")[-1]["window_s"] == 60)
        await painted(pilot)
        assert shows(pilot, " 1m  by model")


async def test_grouping_subscribes_anew(peer):
    async with running(app_of(peer.address)) as pilot:
        await pilot.press("g")
        await until(pilot, lambda: pilot.app.picture.snapshot.by == "operation")
        await until(pilot, lambda: "snapshot.operation" in peer.topics)
        await until(pilot, lambda: "snapshot.model" not in peer.topics)
        assert peer.asked("snapshot")[-1] == {"by": "operation"}
        await painted(pilot)
        assert shows(pilot, "by operation  4")


async def test_pause_holds_the_picture_and_lets_alerts_through(peer):
    clock = Clock()
    async with running(app_of(peer.address, clock)) as pilot:
        await pilot.press("space")
        clock.advance(27)
        news = alert(id="new", rule="brand_new", since_ns=AT_NS)
        windows = tuple(replace(one, groups=()) for one in busy_snapshot().windows)
        await publish(pilot, peer, at_ns=clock(), alerts=(news,), windows=windows)
        assert shows(pilot, "‖ PAUSED 06:00:00 +27s", "gpt-4o", "CRIT brand_new", "space resume")
        await pilot.press("p")
        assert shows(pilot, "● LIVE", "nothing in this window")


async def test_a_held_picture_keeps_its_grouping(peer):
    async with running(app_of(peer.address)) as pilot:
        await pilot.press("space", "g")
        assert pilot.app.model.view.by == "model"


async def test_sorting(peer):
    async with running(app_of(peer.address)) as pilot:
        assert shows(pilot, "auto sort err% ↓")
        await pilot.press("s")
        assert shows(pilot, "sort req/s ↓")
        await pilot.press("s", "s")
        assert shows(pilot, "sort p95 ↓")
        assert first_group(pilot) != "deepseek-chat"
        await pilot.press("S")
        assert shows(pilot, "sort p95 ↑")
        assert first_group(pilot) == "deepseek-chat"


async def test_a_click_on_a_title_sorts(peer):
    async with running(app_of(peer.address)) as pilot:
        table = pilot.app.screen.tables["groups"]
        header = table.render_line(0).text
        await pilot.click(table, offset=(header.index("p95") + 1, 0))
        assert pilot.app.model.view.sort == "p95"
        assert first_group(pilot) != "deepseek-chat"
        await pilot.click(table, offset=(header.index("p95") + 1, 0))
        assert first_group(pilot) == "deepseek-chat"


async def test_acknowledge_takes_the_worst_alert(peer):
    async with running(app_of(peer.address)) as pilot:
        await pilot.press("a")
        await until(pilot, lambda: peer.asked("acknowledge"))
        assert peer.asked("acknowledge") == [{"alert_id": alert().id, "by": "ops", "note": ""}]
        await until(pilot, lambda: shows(pilot, "acknowledged high_error_rate openai/gpt-4o"))


async def test_acknowledge_takes_the_alert_that_was_chosen_at_the_key_press(peer):
    """Between the key press and the answer the list is another: it must not matter."""
    async with running(app_of(peer.address)) as pilot:
        await go_to_panel(pilot, "alerts")
        await pilot.press("down")
        assert pilot.app.screen.chosen_alert == "llmmon:1"
        worse = alert(id="new", rule="brand_new", since_ns=AT_NS)
        await publish(pilot, peer, alerts=(worse, *busy_snapshot().alerts))
        await pilot.press("a")
        await until(pilot, lambda: peer.asked("acknowledge"))
        await publish(pilot, peer, seq=4713, alerts=(worse,))
        await pilot.press("a")
        await until(pilot, lambda: len(peer.asked("acknowledge")) == 2)
        asked = [params["alert_id"] for params in peer.asked("acknowledge")]
        assert asked == ["llmmon:1", "new"]


async def test_a_refusal_is_shown(peer):
    def refuse(params):
        raise Refusal("not_found", "it [has] resolved")

    peer.answers["acknowledge"] = refuse
    async with running(app_of(peer.address)) as pilot:
        await pilot.press("a")
        await until(pilot, lambda: shows(pilot, "not_found: it (has) resolved"))


async def test_readers_cannot_act(peer):
    async with running(app_of(peer.address, readonly=True)) as pilot:
        assert not shows(pilot, "a ack")
        assert not shows(pilot, "[a]ck")
        await pilot.press("a", "m")
        await pilot.press("question_mark")
        assert not peer.asked("acknowledge")
        assert not peer.asked("silence")


async def test_filter(peer):
    async with running(app_of(peer.address)) as pilot:
        await pilot.press("slash", *"claude")
        assert first_group(pilot) == "claude-sonnet-4-5"
        assert shows(pilot, "by model  1", "/claude")
        await pilot.press("enter")
        assert not isinstance(pilot.app.focused, Input)
        assert shows(pilot, "/claude", "esc back", "q quit")
        await pilot.press("escape")
        assert shows(pilot, "by model  4")
        await pilot.press("slash", *"xyz")
        assert shows(pilot, "nothing passes the filter /xyz")
        await pilot.press("escape")
        assert shows(pilot, "by model  4", "q quit")


async def test_help_is_searchable(peer):
    async with running(app_of(peer.address)) as pilot:
        await pilot.press("question_mark")
        assert isinstance(pilot.app.screen, HelpScreen)
        assert shows(pilot, "Acknowledge the alert", "Group by the next dimension")
        await pilot.press(*"acknow")
        assert shows(pilot, "Acknowledge the alert")
        assert not shows(pilot, "Group by the next dimension")
        await pilot.press(*"zzz")
        assert shows(pilot, "no such key")
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, OverviewScreen)


async def test_tabs_on_a_narrow_screen(peer):
    async with running(app_of(peer.address), (80, 24)) as pilot:
        assert shows(pilot, "[Latency]", "p95 warn 5s", "Alerts 2")
        await go_to_panel(pilot, "alerts")
        assert shows(pilot, "[Alerts 2]", "▸✖ high_error_rate")
        assert not shows(pilot, "p95 warn 5s")
        await go_to_panel(pilot, "requests")
        assert shows(pilot, "429 RateLimitError")
        assert shows(pilot, "by model  4")
        await go_to_panel(pilot, "requests")
        assert not shows(pilot, "by model  4")
        await go_to_panel(pilot, "requests")
        assert shows(pilot, "by model  4")


async def test_a_tab_can_be_clicked(peer):
    async with running(app_of(peer.address), (80, 24)) as pilot:
        await pilot.click(pilot.app.screen.tabs, offset=(13, 0))
        assert shows(pilot, "[Cost $/h]", "warn $100")


async def test_panels_and_maximising(peer):
    async with running(app_of(peer.address)) as pilot:
        assert pilot.app.screen.focused_panel == "groups"
        await go_to_panel(pilot, "quality")
        assert pilot.app.screen.focused_panel == "quality"
        await pilot.press("z")
        assert not shows(pilot, "─ Latency")
        assert shows(pilot, "─ Quality", "● LIVE", "q quit")
        await pilot.press("escape")
        assert shows(pilot, "─ Latency", "by model")


@pytest.mark.parametrize("size", [(200, 60), (120, 40), (80, 24)])
async def test_the_groups_can_be_maximised(peer, size):
    async with running(app_of(peer.address), size) as pilot:
        await pilot.press("z")
        lines = screen_text(pilot)
        row = next(at for at, line in enumerate(lines) if "by model  4" in line)
        assert row <= 6
        assert not shows(pilot, "p95 warn 5s")


async def test_tab_goes_through_the_panels(peer):
    async with running(app_of(peer.address)) as pilot:
        seen = set()
        for _ in range(8):
            await pilot.press("tab")
            seen.add(pilot.app.screen.focused_panel)
        assert len(seen) == 8


async def test_enter_on_a_group_narrows_everything_and_escape_leaves(peer):
    async with running(app_of(peer.address)) as pilot:
        await pilot.press("slash", *"claude", "enter", "enter", "escape")
        labels = {"provider": "anthropic", "model": "claude-sonnet-4-5"}
        assert pilot.app.model.view.where == {}
        await pilot.press("enter")
        assert pilot.app.model.view.where == labels
        await until(pilot, lambda: peer.asked("history")[-1]["where"] == labels)
        assert shows(pilot, "› anthropic/claude-sonnet-4-5", "0.4%")
        await pilot.press("escape")
        assert pilot.app.model.view.where == {}
        assert pilot.app.model.view.filter == "claude"
        await pilot.press("escape")
        assert pilot.app.model.view.filter == ""


async def test_enter_on_an_alert_tells_all_of_it(peer):
    async with running(app_of(peer.address)) as pilot:
        await go_to_panel(pilot, "alerts")
        await pilot.press("enter")
        assert isinstance(pilot.app.screen, Sheet)
        assert shows(pilot, "gpt-4o: 7.2 % of requests fail", "peak", "9.1%")
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, OverviewScreen)


async def test_enter_on_a_request_shows_its_trace(peer):
    async with running(app_of(peer.address)) as pilot:
        await go_to_panel(pilot, "requests")
        await pilot.press("enter")
        await until(pilot, lambda: shows(pilot, "where the time went", "tool search"))
        assert peer.asked("trace") == [{"id": "req-0004"}]
        await pilot.press("q")
        assert isinstance(pilot.app.screen, OverviewScreen)


async def test_a_trace_that_cannot_be_had_says_why(peer):
    peer.answers["trace"] = lambda params: "nonsense"
    async with running(app_of(peer.address)) as pilot:
        await go_to_panel(pilot, "requests")
        await pilot.press("enter")
        await until(pilot, lambda: shows(pilot, "expected requests, spans, logs and scores"))


async def test_copy(peer):
    async with running(app_of(peer.address)) as pilot:
        await pilot.press("y")
        assert pilot.app.clipboard.startswith("gpt-4o  openai  4.12")
        await go_to_panel(pilot, "latency")
        await pilot.press("y")
        assert pilot.app.clipboard.startswith("gpt-4o")


async def test_refetch(peer):
    async with running(app_of(peer.address)) as pilot:
        before = len(peer.asked("snapshot"))
        await pilot.press("r")
        await until(pilot, lambda: len(peer.asked("snapshot")) > before)


async def test_palette_runs_a_command(peer):
    async with running(app_of(peer.address)) as pilot:
        await pilot.press("colon")
        await pilot.press(*"pause")
        await until(pilot, lambda: shows(pilot, "Hold the picture"))
        await pilot.press("enter")
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.picture.held is not None)


async def test_the_tail_comes_in(peer):
    async with running(app_of(peer.address)) as pilot:
        await asyncio.to_thread(peer.wait_until, lambda: "tail.requests" in peer.topics)
        row = request_row(0, id="newest", error="BrandNewError", time_ns=AT_NS + 1)
        peer.publish_rows([row])
        await until(pilot, lambda: any(one.id == "newest" for one in pilot.app.picture.tail))
        await painted(pilot)
        assert shows(pilot, "BrandNewError")


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
async def test_quit(peer, key):
    app = app_of(peer.address)
    async with running(app) as pilot:
        await pilot.press(key)
        await until(pilot, lambda: not app.is_running)


async def test_escape_never_quits(peer):
    async with running(app_of(peer.address)) as pilot:
        await pilot.press("escape", "escape", "escape")
        assert pilot.app.is_running


async def test_stale_by_age(peer):
    clock = Clock()
    async with running(app_of(peer.address, clock)) as pilot:
        chart = pilot.app.screen.charts["latency"]
        assert not chart.has_class("-stale")
        clock.advance(4)
        await painted(pilot)
        assert shows(pilot, "▲ STALE", "age 4.0s")
        assert chart.has_class("-stale")
        clock.advance(8)
        await painted(pilot)
        assert shows(pilot, "✖ STALE", "age 12s")
        await publish(pilot, peer, at_ns=clock())
        assert shows(pilot, "● LIVE")
        assert not chart.has_class("-stale")


async def test_a_snapshot_is_painted_when_it_comes(peer):
    clock = Clock()
    async with running(app_of(peer.address, clock, rate_hz=HARDLY_EVER_HZ)) as pilot:
        clock.advance(10 / HARDLY_EVER_HZ)
        await arrive(pilot, peer, note="fresh")
        await until(pilot, lambda: shows(pilot, "fresh"))


async def test_snapshots_that_come_faster_than_the_rate_share_a_frame(peer):
    async with running(app_of(peer.address, rate_hz=HARDLY_EVER_HZ)) as pilot:
        notes = [f"note-{number:02d}" for number in range(20)]
        shown = set()
        for seq, note in enumerate(notes, 5000):
            await arrive(pilot, peer, seq=seq, note=note)
            shown.update(one for one in notes if shows(pilot, one))
        assert len(shown) <= 2
        await painted(pilot)
        assert shows(pilot, notes[-1])


async def test_clocks_go_on_without_news(peer):
    clock = Clock()
    async with running(app_of(peer.address, clock, rate_hz=10)) as pilot:
        for text in ("age 4.0s", "age 8.0s", "age 12s"):
            clock.advance(4)
            await until(pilot, lambda text=text: shows(pilot, text))


async def test_while_nobody_looks_a_snapshot_is_painted_all_the_same(peer):
    clock = Clock()
    async with running(app_of(peer.address, clock, rate_hz=10)) as pilot:
        pilot.app.post_message(events.AppBlur())
        clock.advance(10)
        await arrive(pilot, peer, note="unseen")
        await until(pilot, lambda: shows(pilot, "unseen"))
        pilot.app.post_message(events.AppFocus())
        clock.advance(100)
        await until(pilot, lambda: shows(pilot, "age 1m"))


async def test_gone_and_back(tmp_path):
    clock = Clock()
    address = parse_address(f"ipc://{tmp_path}")
    app = app_of(address, clock, replace(ONCE, retry_s=0.05, longest_retry_s=0.05))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: shows(pilot, "○ CONNECTING", "no answer"))
        with ViewerPeer(address.text) as peer:
            serve_all(peer, busy_snapshot())
            await until(pilot, lambda: shows(pilot, "● LIVE", "gpt-4o"))
        await until(pilot, lambda: app.picture.link.state is LinkState.RECONNECTING)
        await painted(pilot)
        assert shows(pilot, "✖ RECONNECTING", "gpt-4o", "— ev/s")
        with ViewerPeer(address.text) as peer:
            serve_all(peer, busy_snapshot(seq=5000))
            await until(pilot, lambda: shows(pilot, "● LIVE"))


async def test_the_screen_follows_the_width(peer):
    async with running(app_of(peer.address)) as pilot:
        assert isinstance(pilot.app.screen, OverviewScreen)
        await pilot.resize_terminal(40, 24)
        await until(pilot, lambda: isinstance(pilot.app.screen, SideScreen))
        await until(pilot, lambda: shows(pilot, "newest first", "✖ CRIT high_error_rate"))
        await pilot.resize_terminal(100, 30)
        await until(pilot, lambda: isinstance(pilot.app.screen, OverviewScreen))


async def test_the_side_panel_at_any_width(peer):
    async with running(app_of(peer.address, side=True), (100, 30)) as pilot:
        assert isinstance(pilot.app.screen, SideScreen)
        assert shows(pilot, "✖ 1 CRIT", "▲ 1 WARN", "newest last")
        await pilot.press("down", "a")
        await until(pilot, lambda: peer.asked("acknowledge"))
        assert peer.asked("acknowledge")[0]["alert_id"] == "llmmon:1"
        await pilot.press("y")
        assert pilot.app.clipboard.startswith("low_quality")
        await pilot.press("enter")
        assert isinstance(pilot.app.screen, Sheet)


async def test_ascii_shows_nothing_else(peer):
    for size in ((120, 40), (80, 24), (40, 24)):
        async with running(app_of(peer.address, ascii_only=True), size) as pilot:
            assert "\n".join(screen_text(pilot)).isascii()


@pytest.mark.parametrize(
    "keys",
    [
        ["question_mark"],
        ["alerts", "enter"],
        ["alerts", "enter", "e"],
        ["a"],
        ["requests", "enter"],
        ["health", "enter"],
        ["colon"],
        *"octMm",
    ],
)
async def test_ascii_holds_for_what_lies_over_the_screen_and_for_scroll_bars(peer, keys):
    noted = {"flapping": True, "muted_until_ns": AT_NS + 10**9}
    alerts = (*(alert(id=str(n), **noted) for n in range(30)), alert(inhibited_by="other"))
    serve_all(peer, busy_snapshot(alerts=alerts, channels=(failing_channel(),)))
    async with running(app_of(peer.address, ascii_only=True), (80, 20)) as pilot:
        await operate(pilot, *keys)
        await pilot.pause(0.3)
        foreign = {one for one in "".join(screen_text(pilot)) if not one.isascii()}
        assert not foreign


@pytest.mark.parametrize("theme", ["dark", "light", "safe", "ansi"])
async def test_themes(peer, theme):
    async with running(app_of(peer.address, theme=theme)) as pilot:
        assert shows(pilot, "● LIVE")


async def test_no_color(peer, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    async with running(app_of(peer.address)) as pilot:
        assert pilot.app.theme == "ansi-dark"
        assert shows(pilot, "● LIVE")
        colours = {color for style in styles(pilot) for color in (style.color, style.bgcolor)}
        assert all(color.is_default for color in colours if color is not None)


def styles(pilot):
    background = pilot.app.screen.background_colors[1]
    for strip in pilot.app.screen._compositor.render_strips():
        segments = list(strip)
        for line_filter in pilot.app.get_line_filters():
            segments = line_filter.apply(segments, background)
        yield from (segment.style for segment in segments if segment.style is not None)


async def test_a_small_side_panel_still_shows_alerts(peer):
    async with running(app_of(peer.address), (30, 10)) as pilot:
        assert shows(pilot, "✖ CRIT high_error_rate", "▲ WARN low_quality", "p95")


async def test_a_calm_side_panel_leaves_the_room_to_the_tail(peer):
    async with running(app_of(peer.address), (40, 24)) as pilot:
        before = pilot.app.screen.tail.size.height
        await publish(pilot, peer, alerts=())
        await pilot.pause()
        assert shows(pilot, "no alert")
        assert pilot.app.screen.tail.size.height == before + 3


async def test_all_tabs_show_at_every_width(peer):
    async with running(app_of(peer.address), (60, 24)) as pilot:
        assert shows(pilot, "Reque")
        assert await pilot.click("Tabs", offset=(53, 0))
        await painted(pilot)
        assert shows(pilot, "429 RateLimitError")


async def test_only_an_open_alert_can_be_acknowledged(peer):
    async with running(app_of(peer.address)) as pilot:
        assert shows(pilot, "a ack")
        await publish(pilot, peer, alerts=(alert(state="resolved", resolved_ns=AT_NS),))
        assert not shows(pilot, "a ack")


@pytest.mark.parametrize("size", [(200, 60), (160, 50), (120, 40), (100, 30), (100, 24), (60, 20)])
async def test_every_layout_has_groups_and_a_chart(peer, size):
    async with running(app_of(peer.address), size) as pilot:
        assert shows(pilot, "● LIVE", "CRIT high_error_rate", "gpt-4o", "p95 warn 5s", "q quit")
