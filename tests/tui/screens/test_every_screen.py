"""Every screen in every state at every size, as text; look at the files after --snapshot-update."""

from contextlib import ExitStack

import pytest
from support.screenframes import FrameFile, frame
from support.viewer_app import LEAVING, PATIENT, Clock, app_of, settled, until
from support.viewer_data import answer_all
from support.viewer_peer import ViewerPeer
from support.viewer_states import past_of, states
from support.viewer_store import answer_from, viewer_store

from llmmon.protocol.endpoint import parse_address
from llmmon.protocol.snapshot import encode_snapshot
from llmmon_tui.link import LinkState
from llmmon_tui.places import PLACES

SIZES = [(200, 60), (120, 40), (100, 30), (80, 24), (40, 24)]
STATES = states()


@pytest.fixture
def frames(snapshot):
    return snapshot.use_extension(FrameFile)


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """One store for all states that have the same series."""
    opened = {}
    with ExitStack() as stack:
        for state in STATES.values():
            if state.models not in opened:
                path = tmp_path_factory.mktemp("store") / "s.duckdb"
                opened[state.models] = stack.enter_context(viewer_store(path, state.models))
        yield opened


def serve(peer, state, store):
    """Let ``peer`` answer as a collector in this state."""
    answer_all(peer)
    answer_from(peer, store)
    if not state.models:
        peer.answers["history"] = lambda params: {"start_ns": 0, "step_ns": 1, "metrics": {}}
        peer.answers["transitions"] = lambda params: []
        peer.answers["silences"] = lambda params: []

    def told(params):
        at_ns = params.get("at_ns")
        shown = state.snapshot if at_ns is None else past_of(state.snapshot, at_ns)
        return encode_snapshot(shown)

    peer.answers["snapshot"] = told


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("place", range(len(PLACES)), ids=[place.id for place in PLACES])
async def test_screen(frames, stores, tmp_path, place, state):
    told = STATES[state]
    clock = Clock()
    address = parse_address(f"ipc://{tmp_path}")
    app = app_of(address, clock, LEAVING if told.is_gone else PATIENT)
    with ExitStack() as stack:
        peer = stack.enter_context(ViewerPeer(address.text))
        serve(peer, told, stores[told.models])
        async with app.run_test(size=SIZES[0]) as pilot:
            await until(pilot, lambda: app.picture.snapshot)
            if place:
                await pilot.press(str(place + 1))
            await settled(pilot)
            if told.is_past:
                await pilot.press("left_square_bracket")
                await until(pilot, lambda: app.picture.is_past)
                await settled(pilot)
            if told.is_gone:
                stack.close()
                await until(pilot, lambda: app.picture.link.state is LinkState.RECONNECTING)
                clock.advance(12)
            for size in SIZES:
                await pilot.resize_terminal(*size)
                await settled(pilot, asks=not told.is_gone)
                assert frame(pilot) == frames(name="x".join(map(str, size)))
