"""Sheets over the live screen, and what an operator does in them, against real sockets."""

import asyncio

import pytest
from support.snapshots import (
    AT_NS,
    alert,
    budget,
    burning_slo,
    busy_snapshot,
    channel,
    failing_channel,
    slo,
)
from support.viewer_app import app_of, go_to_panel, painted, running, screen_text, serve_all, until
from support.viewer_data import silences
from support.viewer_peer import Refusal, ViewerPeer

from llmmon_tui.screens.mute import MuteScreen
from llmmon_tui.screens.overview import OverviewScreen
from llmmon_tui.screens.side import SideScreen
from llmmon_tui.screens.silences import SilencesScreen

SIZES = [(200, 60), (120, 40), (80, 24), (40, 24)]


@pytest.fixture
def peer(tmp_path):
    with ViewerPeer(f"ipc://{tmp_path}") as peer:
        serve_all(peer, busy_snapshot())
        yield peer


def shows(pilot, *parts):
    whole = "\n".join(screen_text(pilot))
    return all(part in whole for part in parts)


async def publish(pilot, peer, **changes):
    await asyncio.to_thread(peer.wait_until, lambda: "snapshot.model" in peer.topics)
    snapshot = busy_snapshot(**({"seq": 4712} | changes))
    peer.publish(snapshot)
    await until(pilot, lambda: pilot.app.picture.live.seq == snapshot.seq)
    await painted(pilot)


def is_live(pilot):
    return isinstance(pilot.app.screen, OverviewScreen | SideScreen)


@pytest.mark.parametrize("size", SIZES)
async def test_objectives_open_and_close_at_every_size(peer, size):
    async with running(app_of(peer.address), size) as pilot:
        await pilot.press("o")
        assert shows(pilot, "SLOs  0 of 2 alerting", "chat-availability", "99.96%", "lasts")
        assert shows(pilot, "budgets  1 of 2 alerting", "$162.40+")
        await pilot.press("o")
        assert is_live(pilot)


async def test_objectives_follow_the_data_while_they_are_open(peer):
    async with running(app_of(peer.address)) as pilot:
        await pilot.press("o")
        await publish(pilot, peer, slos=(slo(), burning_slo(name="gateway")), budgets=())
        await pilot.pause()
        assert shows(pilot, "SLOs  1 of 2 alerting", "✖ gateway", "No budgets")


async def test_a_frame_without_news_draws_no_line_of_a_sheet(peer):
    async with running(app_of(peer.address)) as pilot:
        await pilot.press("o")
        await painted(pilot)
        before = pilot.app.screen.prose.lines_drawn
        await publish(pilot, peer)
        assert pilot.app.screen.prose.lines_drawn == before
        await publish(pilot, peer, seq=4713, budgets=(budget(spent_usd=3204.22),))
        assert pilot.app.screen.prose.lines_drawn > before


async def test_the_overview_tells_the_worst_objective(peer):
    async with running(app_of(peer.address)) as pilot:
        assert shows(pilot, "slo    · chat-latency  97.31% of 95%", "spend  ▲ by-provider openai")
        height = pilot.app.screen.query_one("#board").size.height
        await publish(pilot, peer, slos=(), budgets=())
        await pilot.pause()
        assert not shows(pilot, "spend  ")
        assert pilot.app.screen.query_one("#board").size.height == height + 2


async def test_channels(peer):
    async with running(app_of(peer.address), (100, 30)) as pilot:
        await pilot.press("c")
        assert shows(pilot, "channels  0 of 2 in trouble", "pagerduty")
        await publish(pilot, peer, channels=(failing_channel(), channel("pager")))
        await pilot.pause()
        assert shows(pilot, "✖ slack", "failing 6 ×", "HTTP 503 Service Unavailable")
        await pilot.press("c")
        assert is_live(pilot)
        assert shows(pilot, "✖ channel slack fails, 3 waiting 5m10s")


async def test_the_side_panel_tells_of_a_channel_that_fails(peer):
    async with running(app_of(peer.address), (40, 24)) as pilot:
        assert not shows(pilot, "channel")
        await publish(pilot, peer, channels=(failing_channel(),))
        assert shows(pilot, "✖ channel slack fails, 3 waiting 5m10s")


async def test_enter_on_a_check_tells_all_of_it(peer):
    async with running(app_of(peer.address)) as pilot:
        await go_to_panel(pilot, "health")
        await pilot.press("enter")
        assert shows(pilot, "▲ degraded disk", "91 % used")
        await pilot.press("escape", "end", "enter")
        assert is_live(pilot)


async def test_mute_asks_how_long_and_why(peer):
    async with running(app_of(peer.address)) as pilot:
        await pilot.press("m")
        assert shows(pilot, "▸ 1 hour", "until 07:00 (1h)", "this morning", "tomorrow")
        await pilot.press("down", *"deploy", "enter")
        await until(pilot, lambda: peer.asked("silence"))
        assert peer.asked("silence") == [
            {
                "matchers": {
                    "rule": "high_error_rate",
                    "provider": "openai",
                    "model": "gpt-4o",
                },
                "duration_s": 14400.0,
                "by": "ops",
                "comment": "deploy",
            }
        ]
        await until(pilot, lambda: shows(pilot, "silenced high_error_rate openai/gpt-4o for 4h"))
        assert is_live(pilot)


async def test_the_choice_stays_within_what_is_offered(peer):
    async with running(app_of(peer.address)) as pilot:
        await pilot.press("m", *["down"] * 9, "up", *["up"] * 9, "up", "enter")
        await until(pilot, lambda: peer.asked("silence"))
        assert peer.asked("silence")[0]["duration_s"] == 3600


async def test_leaving_mutes_nothing_and_keeps_filter_and_focus(peer):
    async with running(app_of(peer.address)) as pilot:
        await go_to_panel(pilot, "alerts")
        await pilot.press("m", *"gpt", "escape")
        assert is_live(pilot)
        assert pilot.app.screen.focused_panel == "alerts"
        assert pilot.app.model.view.filter == ""
        await pilot.press("a")
        await until(pilot, lambda: peer.asked("acknowledge"))
        assert not peer.asked("silence")


async def test_without_an_alert_there_is_nothing_to_mute(peer):
    serve_all(peer, busy_snapshot(alerts=(alert(acknowledged_by="anna"),)))
    async with running(app_of(peer.address)) as pilot:
        await pilot.press("m")
        assert not isinstance(pilot.app.screen, MuteScreen)
        await until(pilot, lambda: shows(pilot, "no new alert"))


async def test_the_sheet_of_an_alert_acts_on_it_and_follows_it(peer):
    async with running(app_of(peer.address)) as pilot:
        await go_to_panel(pilot, "alerts")
        await pilot.press("down", "enter")
        assert shows(pilot, "▲ WARN low_quality", "a ack  m mute  e why  esc closes")
        await pilot.press("a")
        await until(pilot, lambda: peer.asked("acknowledge"))
        assert peer.asked("acknowledge")[0]["alert_id"] == "llmmon:1"
        await pilot.press("m", "enter")
        await until(pilot, lambda: peer.asked("silence"))
        assert peer.asked("silence")[0]["matchers"] == {"rule": "low_quality"}
        acked = alert(id="llmmon:1", rule="low_quality", acknowledged_by="ops", flapping=True)
        await publish(pilot, peer, alerts=(acked,))
        await pilot.pause()
        assert shows(pilot, "✓ ack low_quality", "acknowledged   by ops", "so often")
        await publish(pilot, peer, seq=4713, alerts=())
        assert shows(pilot, "low_quality")


async def test_the_sheet_of_an_alert_has_its_history_and_fetches_it_anew(peer):
    async with running(app_of(peer.address)) as pilot:
        await go_to_panel(pilot, "alerts")
        await pilot.press("enter")
        await until(pilot, lambda: shows(pilot, "history", "escalated", "by provider_down"))
        assert not shows(pilot, "cost_spike")
        asked = len(peer.asked("transitions"))
        await publish(pilot, peer, alerts=(alert(value=0.08),))
        await publish(pilot, peer, seq=4713, alerts=(alert(acknowledged_by="ops"),))
        await until(pilot, lambda: len(peer.asked("transitions")) == asked + 1)


async def test_without_a_history_the_sheet_says_the_rest(peer):
    del peer.answers["transitions"]
    async with running(app_of(peer.address)) as pilot:
        await go_to_panel(pilot, "alerts")
        await pilot.press("enter")
        await until(pilot, lambda: peer.asked("transitions"))
        assert shows(pilot, "✖ CRIT high_error_rate", "peak")


async def test_an_alert_explains_itself(peer):
    async with running(app_of(peer.address, readonly=True)) as pilot:
        await go_to_panel(pilot, "alerts")
        await pilot.press("enter", "e")
        await until(pilot, lambda: shows(pilot, "has been for 1m", "told critical 1s ago"))
        assert peer.asked("explain") == [
            {"name": "high_error_rate", "labels": {"provider": "openai", "model": "gpt-4o"}}
        ]
        await pilot.press("escape", "escape")
        assert is_live(pilot)


async def test_an_alert_that_has_gone_explains_nothing(peer):
    async with running(app_of(peer.address)) as pilot:
        await go_to_panel(pilot, "alerts")
        await pilot.press("enter")
        await publish(pilot, peer, alerts=())
        await pilot.press("e", "a", "m")
        await until(pilot, lambda: shows(pilot, "that alert has gone"))
        assert not peer.asked("explain")
        assert not peer.asked("acknowledge")


async def test_the_history_of_all_alerts(peer):
    async with running(app_of(peer.address)) as pilot:
        await pilot.press("t")
        await until(pilot, lambda: shows(pilot, "Mon 23 Nov 2026", "resolved  cost_spike"))
        await pilot.press("escape", "t")
        peer.answers["transitions"] = lambda params: "nonsense"
        await pilot.press("escape", "t")
        await until(pilot, lambda: shows(pilot, "expected a list of rows"))


async def test_a_reader_is_offered_nothing_in_the_sheet_of_an_alert(peer):
    async with running(app_of(peer.address, readonly=True)) as pilot:
        await go_to_panel(pilot, "alerts")
        await pilot.press("enter")
        assert shows(pilot, "✖ CRIT high_error_rate", "esc closes")
        assert not shows(pilot, "a ack")
        await pilot.press("a", "m")
        assert not isinstance(pilot.app.screen, MuteScreen)
        assert not peer.asked("acknowledge")


async def test_silences_are_listed_and_ended(peer):
    left = silences({})
    peer.answers["silences"] = lambda params: left
    peer.answers["end_silence"] = lambda params: left.pop(0) and {}
    async with running(app_of(peer.address), (100, 30)) as pilot:
        await pilot.press("M")
        await until(pilot, lambda: shows(pilot, "cost_spike model=gpt-4*", "load test", "anna"))
        await pilot.press("x")
        await until(pilot, lambda: not shows(pilot, "load test"))
        assert peer.asked("end_silence") == [{"id": "silence-1", "by": "ops"}]
        assert shows(pilot, "maintenance of the gateway")
        await pilot.press("M")
        assert is_live(pilot)


async def test_a_reader_sees_silences_and_cannot_end_them(peer):
    async with running(app_of(peer.address, readonly=True), (100, 30)) as pilot:
        await pilot.press("M")
        await until(pilot, lambda: shows(pilot, "cost_spike"))
        assert not shows(pilot, "x ends it")
        await pilot.press("x")
        assert not peer.asked("end_silence")


async def test_without_a_silence_it_says_how_to_make_one(peer):
    peer.answers["silences"] = lambda params: []
    async with running(app_of(peer.address), (100, 30)) as pilot:
        await pilot.press("M")
        await until(pilot, lambda: shows(pilot, "nothing is silenced; m on an alert mutes it"))
        await pilot.press("x")
        assert not peer.asked("end_silence")


async def test_a_collector_that_does_not_tell_of_silences_says_why(peer):
    def refuse(params):
        raise Refusal("forbidden", "this key may not")

    peer.answers["silences"] = refuse
    async with running(app_of(peer.address), (100, 30)) as pilot:
        await pilot.press("M")
        await until(pilot, lambda: shows(pilot, "this key may not"))


async def test_an_answer_to_silences_that_were_closed_is_dropped(peer):
    peer.hold.add("silences")
    async with running(app_of(peer.address), (100, 30)) as pilot:
        await pilot.press("M")
        assert isinstance(pilot.app.screen, SilencesScreen)
        screen = pilot.app.screen
        await pilot.press("escape")
        screen.fill([])
        assert is_live(pilot)


async def test_the_bell_rings_once_for_an_alert_that_is_new(peer, monkeypatch):
    rung = []
    app = app_of(peer.address, bell=True)
    monkeypatch.setattr(app, "bell", lambda: rung.append(1))
    async with running(app) as pilot:
        await publish(pilot, peer)
        assert not rung
        alerts = (alert(id="new"), *busy_snapshot().alerts)
        await publish(pilot, peer, seq=4713, alerts=alerts)
        await publish(pilot, peer, seq=4714, at_ns=AT_NS + 10**9, alerts=alerts)
        assert rung == [1]


async def test_without_the_option_no_bell_rings(peer, monkeypatch):
    rung = []
    app = app_of(peer.address)
    monkeypatch.setattr(app, "bell", lambda: rung.append(1))
    async with running(app) as pilot:
        await publish(pilot, peer, alerts=(alert(id="new"),))
        assert not rung
