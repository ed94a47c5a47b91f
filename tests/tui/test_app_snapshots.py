"""Pictures of whole screens; look at the SVG files after --snapshot-update."""

from contextlib import ExitStack

import pytest
from support.snapshots import (
    AT_NS,
    alert,
    budget,
    burning_slo,
    busy_snapshot,
    channel,
    check,
    empty_snapshot,
    failing_channel,
    slo,
)
from support.viewer_app import (
    LEAVING,
    ONCE,
    Clock,
    app_of,
    filled,
    operate,
    painted,
    screen_text,
    serve_all,
    until,
)
from support.viewer_peer import ViewerPeer

from llmmon.protocol.endpoint import parse_address
from llmmon_tui.link import LinkState

SIZES = [(200, 60), (120, 40), (80, 24), (40, 24)]
HANDLED = (
    alert(id="a", rule="critical_latency", acknowledged_by="ops", since_ns=AT_NS - 7200 * 10**9),
    alert(id="b", rule="cost_spike", silenced_until_ns=AT_NS + 3480 * 10**9, labels={}),
    alert(
        id="c",
        rule="high_latency",
        state="resolved",
        fired_ns=AT_NS - 400 * 10**9,
        resolved_ns=AT_NS - 80 * 10**9,
        since_ns=AT_NS - 80 * 10**9,
    ),
)
IDLE = {
    "total_events": 0,
    "good_events": 0,
    "attained": None,
    "budget_left": None,
    "burn_rates": {"5m": None, "1h": None, "6h": None},
}
OVERSPENT = (
    slo(attained=0.99865, budget_left=-0.35, exhausted_in_s=0.0, severity="warning"),
    budget(
        spent_usd=6320.5,
        forecast_usd=9100.0,
        exhausted_ns=AT_NS - 26 * 3600 * 10**9,
        severity="critical",
    ),
)
LONG_NAMES = (
    slo(
        name="summaries-of-support-tickets-in-time",
        labels={"model": "meta-llama/Llama-2-70b-chat-hf"},
        good="error is None and latency_ms < 3000 and quality_score >= 0.7",
    ),
    slo(name="客服聊天机器人的可用性目标", labels={"service": "客服"}),
    budget(name="研究团队的月度预算", labels={"service": "笔记本电脑服务"}),
    budget(name="everything-that-the-notebooks-spend", labels={"service": "notebooks"}),
)
MANY = (
    burning_slo(name="gateway", labels={"provider": "openai", "model": "gpt-4o"}),
    slo(name="young", covered_s=3 * 3600.0),
    slo(name="idle", **IDLE),
    *(slo(name=f"team-{number}", budget_left=0.9 - number / 10) for number in range(8)),
    budget(name="new", spent_usd=0.0, unpriced_requests=4, forecast_usd=None),
    *busy_snapshot().budgets,
)
OBJECTIVES = {
    "none": (),
    "one": (slo(), budget()),
    "many": MANY,
    "overspent": OVERSPENT,
    "long": LONG_NAMES,
}
TROUBLE = {
    "alerts": (
        *busy_snapshot().alerts,
        *HANDLED,
        alert(id="f", rule="provider_errors", flapping=True),
        alert(id="q", rule="slow", muted_until_ns=AT_NS + 3 * 3600 * 10**9),
        alert(id="i", rule="high_latency", inhibited_by="critical_latency"),
    ),
    "health": (
        *busy_snapshot().health,
        check("redis", status="failing", message="connection refused", flapping=True),
        check("search", slow=True, took_ms=4200.0),
    ),
    "channels": (
        failing_channel(),
        channel("mail", type="email", given_up=3, last_error="550 no such user"),
        channel("pager", type="pagerduty", last_sent_ns=None),
    ),
}


@pytest.fixture(params=SIZES, ids=lambda size: "x".join(map(str, size)))
def size(request):
    return request.param


@pytest.fixture
def peer(tmp_path):
    with ViewerPeer(f"ipc://{tmp_path}") as peer:
        yield peer


def test_busy(snap_compare, peer, size):
    serve_all(peer, busy_snapshot(alerts=(*busy_snapshot().alerts, *HANDLED)))
    app = app_of(peer.address)
    assert snap_compare(app, terminal_size=size, run_before=filled)


def test_trouble(snap_compare, peer, size):
    serve_all(peer, busy_snapshot(**TROUBLE, slos=OVERSPENT[:1], budgets=OVERSPENT[1:]))
    app = app_of(peer.address)
    assert snap_compare(app, terminal_size=size, run_before=filled)


@pytest.mark.parametrize("state", OBJECTIVES)
def test_objectives(snap_compare, peer, size, state):
    slos = tuple(one for one in OBJECTIVES[state] if hasattr(one, "objective"))
    budgets = tuple(one for one in OBJECTIVES[state] if hasattr(one, "limit_usd"))
    serve_all(peer, busy_snapshot(slos=slos, budgets=budgets))

    async def opened(pilot):
        await filled(pilot)
        await pilot.press("o")
        await painted(pilot)

    assert snap_compare(app_of(peer.address), terminal_size=size, run_before=opened)


def test_empty(snap_compare, peer, size):
    serve_all(peer, empty_snapshot())
    peer.answers["requests"] = lambda params: []
    peer.answers["history"] = lambda params: {"start_ns": 0, "step_ns": 1, "metrics": {}}
    app = app_of(peer.address)

    async def arrived(pilot):
        await until(pilot, lambda: app.picture.history)
        await painted(pilot)

    assert snap_compare(app, terminal_size=size, run_before=arrived)


def test_never_connected(snap_compare, tmp_path, size):
    app = app_of(parse_address(f"ipc://{tmp_path}"), timing=ONCE)

    async def refused(pilot):
        await until(pilot, lambda: app.picture.link.attempt)
        await painted(pilot)

    assert snap_compare(app, terminal_size=size, run_before=refused)


def test_disconnected(snap_compare, tmp_path, size):
    clock = Clock()
    app = app_of(parse_address(f"ipc://{tmp_path}"), clock, LEAVING)
    with ExitStack() as stack:
        serve_all(stack.enter_context(ViewerPeer(f"ipc://{tmp_path}")), busy_snapshot())

        async def gone(pilot):
            await filled(pilot)
            stack.close()
            await until(pilot, lambda: app.picture.link.state is LinkState.RECONNECTING)
            clock.advance(12)
            await painted(pilot)

        assert snap_compare(app, terminal_size=size, run_before=gone)


def test_paused(snap_compare, peer):
    clock = Clock()
    serve_all(peer, busy_snapshot())

    async def paused(pilot):
        await filled(pilot)
        await pilot.press("space")
        clock.advance(27)
        peer.publish(busy_snapshot(seq=4712, at_ns=clock()))
        await until(pilot, lambda: pilot.app.picture.live.seq == 4712)
        await painted(pilot)

    assert snap_compare(app_of(peer.address, clock), terminal_size=(120, 40), run_before=paused)


OVER_IT = {
    "help": [("?", "search the keys")],
    "alert": [("alerts enter", "escalated")],
    "why": [("alerts enter", "escalated"), ("e", "1.2k (20 needed)")],
    "history": [("t", "cost_spike")],
    "mute": [("m", "tomorrow")],
    "silences": [("M", "load test")],
    "channels": [("c", "550 no such user")],
    "check": [("health enter", "connection refused")],
    "trace": [("requests enter", "retrieval")],
    "zoom": [("z", "gpt-4o")],
}
"""Keys, each with a text by which to know that what they open is there."""


@pytest.mark.parametrize("steps", OVER_IT.values(), ids=OVER_IT)
def test_over_it(snap_compare, peer, steps):
    serve_all(peer, busy_snapshot(health=TROUBLE["health"], channels=TROUBLE["channels"]))

    async def opened(pilot):
        await filled(pilot)
        for keys, text in steps:
            await operate(pilot, *keys.split())
            await until(pilot, lambda text=text: text in "\n".join(screen_text(pilot)))
        await painted(pilot)

    assert snap_compare(app_of(peer.address), terminal_size=(100, 32), run_before=opened)


@pytest.mark.parametrize("theme", ["light", "safe"])
def test_other_colours(snap_compare, peer, theme):
    serve_all(peer, busy_snapshot())
    app = app_of(peer.address, theme=theme)
    assert snap_compare(app, terminal_size=(120, 40), run_before=filled)


def test_ascii(snap_compare, peer):
    serve_all(peer, busy_snapshot())
    app = app_of(peer.address, ascii_only=True)
    assert snap_compare(app, terminal_size=(80, 24), run_before=filled)


def test_objectives_in_ascii(snap_compare, peer):
    serve_all(peer, busy_snapshot(slos=OVERSPENT[:1], budgets=OVERSPENT[1:]))

    async def opened(pilot):
        await filled(pilot)
        await pilot.press("o")
        await painted(pilot)

    app = app_of(peer.address, ascii_only=True)
    assert snap_compare(app, terminal_size=(80, 24), run_before=opened)


def test_side_panel_at_full_width(snap_compare, peer):
    serve_all(peer, busy_snapshot())
    app = app_of(peer.address, side=True)
    assert snap_compare(app, terminal_size=(100, 30), run_before=filled)
