"""Pictures of whole screens; look at the SVG files after --snapshot-update."""

from contextlib import ExitStack

import pytest
from support.snapshots import AT_NS, alert, busy_snapshot, empty_snapshot
from support.viewer_app import LEAVING, ONCE, Clock, app_of, filled, painted, serve_all, until
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


@pytest.mark.parametrize(
    "keys", ["?", "5 enter", "7 enter", "z"], ids=["help", "alert", "trace", "zoom"]
)
def test_over_it(snap_compare, peer, keys):
    serve_all(peer, busy_snapshot())

    async def opened(pilot):
        await filled(pilot)
        await pilot.press(*keys.split())
        if keys == "7 enter":
            await until(pilot, lambda: "retrieval" in pilot.app.export_screenshot())
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


def test_side_panel_at_full_width(snap_compare, peer):
    serve_all(peer, busy_snapshot())
    app = app_of(peer.address, side=True)
    assert snap_compare(app, terminal_size=(100, 30), run_before=filled)
