"""Pictures: one a tick, the same for whoever asks within it, sent to whoever watches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import zmq
import zmq.asyncio
from support.frames import AGENT
from support.live import NOW_NS, new_live, request_batch, row
from support.snapshots import alert, budget, channel, slo

from llmmon.protocol.codec import unpack
from llmmon.protocol.event import Heartbeat, OpenRequest
from llmmon.protocol.snapshot import GROUPINGS, decode_snapshot
from llmmon.protocol.wire import Header
from llmmon_collector.clock import ManualClock
from llmmon_collector.intake.ledger import Ledger
from llmmon_collector.pictures import MOST_UNPRICED, Contributions, Pictures, wanted_tails
from llmmon_collector.publisher import Publisher
from llmmon_collector.snapshots import Identity
from llmmon_collector.sockets import TOPICS
from llmmon_collector.tail import ALERTS, ERRORS, LOGS, REQUESTS


class Rig:
    """Pictures over a real ledger and live metrics; what other rooms say can be set."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOW_NS, mono_ns=10**9)
        self.ledger = Ledger()
        self.live = new_live()
        self.said: dict[str, Any] = {
            "slos": (),
            "budgets": (),
            "channels": (),
            "alerts": (),
            "limits": (),
            "health": (),
            "problems": (),
            "rejected": 0,
            "unpriced_models": (),
            "fold_lag_s": None,
        }
        contributions = Contributions(*(self._reader(name) for name in Contributions._fields))
        self.pictures = Pictures(
            self.live, self.ledger, self.clock, lambda: Identity("c", "", NOW_NS), contributions
        )
        self._sent: dict[int, tuple[int, int]] = {}

    def _reader(self, name: str) -> Any:
        return lambda *alerts: self.said[name]

    def store(self, events: int, skipped: int = 0, epoch: int = 1) -> None:
        """One more batch of an agent, before which it lost ``skipped`` events."""
        seq, first_event = self._sent.get(epoch, (1, 0))
        header = Header(AGENT, epoch, seq, seq, first_event + skipped, events)
        self._sent[epoch] = (seq + 1, first_event + skipped + events)
        self.ledger.heard(header, self.clock.mono_ns())
        self.ledger.apply(header, "h", {})

    def tick(self, seconds: float = 1.0) -> None:
        self.clock.advance(seconds)
        self.pictures.advance()

    def heartbeat(self, epoch: int, emitted: int, *open_requests: OpenRequest) -> None:
        beat = Heartbeat(
            *("svc", "test", "h", 1, "1", emitted, {}, 0, 2.0), open_requests, len(open_requests)
        )
        self.ledger.heard(Header(AGENT, epoch), self.clock.mono_ns(), beat)


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_sequence_numbers_rise_by_one_a_tick_on_every_topic(rig: Rig) -> None:
    for tick in range(1, 5):
        rig.tick()
        assert {rig.pictures.snapshot(by).seq for by in GROUPINGS} == {tick}


def test_what_waits_to_be_counted_is_counted_before_a_picture() -> None:
    live, clock = new_live(), ManualClock(NOW_NS, mono_ns=10**9)
    waiting = [request_batch([row()])]

    def count_waiting() -> None:
        live.add([waiting.pop()], clock.wall_ns())

    said = Contributions(tuple, tuple, tuple, tuple, int, tuple, lambda: None)
    identity = Identity("c", "", NOW_NS)
    pictures = Pictures(live, Ledger(), clock, lambda: identity, said, count_waiting)
    pictures.refresh()
    assert live.table(60).row(0)["requests"] == 1
    waiting.append(request_batch([row()]))
    pictures.advance()
    assert live.table(60).row(0)["requests"] == 2


def test_within_a_tick_the_picture_stays_as_it_is(rig: Rig) -> None:
    rig.live.add([request_batch([row()])], NOW_NS)
    rig.tick()
    at_ns = rig.clock.wall_ns()
    first = rig.pictures.snapshot("model")
    rig.clock.advance(0.4)
    rig.live.add([request_batch([row()])], NOW_NS)
    rig.store(5)
    rig.said["problems"] = ("disk is full",)
    assert rig.pictures.snapshot("model") is first
    other = rig.pictures.snapshot("route")
    assert (other.seq, other.at_ns, other.ingest) == (first.seq, first.at_ns, first.ingest)
    assert (other.at_ns, other.problems) == (at_ns, ())
    assert other.window(60).total == first.window(60).total
    rig.tick()
    later = rig.pictures.snapshot("model")
    assert later.window(60).total["requests"] == 2
    assert (later.problems, later.ingest.events_stored) == (("disk is full",), 5)
    assert later.at_ns == rig.clock.wall_ns()


def test_refreshing_counts_what_came_since_the_tick_and_is_no_tick(rig: Rig) -> None:
    rig.tick()
    before = rig.pictures.snapshot("model")
    rig.clock.advance(0.5)
    rig.live.add([request_batch([row()])], rig.clock.wall_ns())
    assert rig.pictures.refresh() == rig.clock.wall_ns()
    assert rig.live.table(60).row(0)["requests"] == 1
    assert rig.pictures.snapshot("model") is before
    rig.tick(0.5)
    assert rig.pictures.snapshot("model").seq == before.seq + 1


def test_what_other_rooms_say_is_in_it(rig: Rig) -> None:
    rig.said |= {"alerts": (alert(),), "rejected": 3, "unpriced_models": ("x",), "fold_lag_s": 2.0}
    rig.said |= {"slos": (slo(),), "budgets": (budget(),), "channels": (channel("log"),)}
    rig.tick()
    snapshot = rig.pictures.snapshot("model")
    assert snapshot.alerts == (alert(),)
    assert (snapshot.slos, snapshot.budgets) == ((slo(),), (budget(),))
    assert snapshot.channels == (channel("log"),)
    ingest = snapshot.ingest
    assert (ingest.rejected_batches, ingest.unpriced_models, ingest.fold_lag_s) == (3, ("x",), 2.0)


def test_of_many_models_without_a_price_some_are_named(rig: Rig) -> None:
    rig.said["unpriced_models"] = tuple(f"m{n:04}" for n in range(10_000))
    rig.tick(1)
    named = rig.pictures.snapshot("model").ingest.unpriced_models
    assert named == tuple(f"m{n:04}" for n in range(MOST_UNPRICED))


def test_the_rate_is_of_the_last_ten_ticks(rig: Rig) -> None:
    assert rig.pictures.ingest().events_per_second == 0.0
    rig.store(1000)
    rig.tick()
    assert rig.pictures.ingest().events_per_second == 0.0
    for _ in range(4):
        rig.store(30)
        rig.tick(0.5)
    assert rig.pictures.ingest().events_per_second == pytest.approx(60.0)
    for _ in range(10):
        rig.store(7)
        rig.tick()
    assert rig.pictures.ingest().events_per_second == pytest.approx(7.0)


def test_emitted_is_stored_and_lost_and_in_flight(rig: Rig) -> None:
    rig.store(10)
    rig.store(5, skipped=2)
    rig.heartbeat(1, emitted=20)
    rig.store(4, epoch=2)
    rig.tick()
    ingest = rig.pictures.snapshot("model").ingest
    assert (ingest.events_stored, ingest.events_lost) == (19, {"unexplained": 2})
    assert ingest.events_in_flight == 3
    emitted = 20 + 4
    assert emitted == ingest.events_stored + 2 + ingest.events_in_flight


def test_open_requests_of_agents_that_fell_silent_are_forgotten(rig: Rig) -> None:
    rig.heartbeat(1, 0, OpenRequest("a", "m", "/", 11_000, None, None))
    rig.clock.advance(4)
    rig.heartbeat(2, 0, OpenRequest("b", "m", "/", 10, None, None))
    rig.tick()
    total = rig.pictures.snapshot("model").window(60).total
    assert (total["open_requests"], total["stalled_requests"]) == (2, 1)
    rig.tick(2)
    total = rig.pictures.snapshot("model").window(60).total
    assert (total["open_requests"], total["stalled_requests"]) == (1, 0)


class Viewers:
    """A publisher and those who watch it."""

    def __init__(self, directory: Path) -> None:
        self.endpoint = f"ipc://{directory}/snapshots.sock"
        self.context = zmq.asyncio.Context()
        self.publisher = Publisher(self.context, self.endpoint, TOPICS)
        self.publisher.start()
        self.sockets: list[zmq.asyncio.Socket] = []

    async def watch(self, topic: str) -> zmq.asyncio.Socket:
        socket = self.context.socket(zmq.SUB)
        self.sockets.append(socket)
        socket.setsockopt(zmq.LINGER, 0)
        socket.subscribe(topic)
        socket.connect(self.endpoint)
        async with asyncio.timeout(5):
            while not self.publisher.wants(topic):
                await asyncio.sleep(0.005)
        return socket

    async def close(self) -> None:
        for socket in self.sockets:
            socket.close()
        await self.publisher.stop()
        self.context.destroy(linger=0)


async def received(socket: zmq.asyncio.Socket) -> tuple[str, bytes]:
    topic, payload = await asyncio.wait_for(socket.recv_multipart(), 5)
    return topic.decode(), payload


@pytest.fixture
async def viewers(tmp_path: Path) -> AsyncIterator[Viewers]:
    viewers = Viewers(tmp_path)
    yield viewers
    await viewers.close()


async def test_what_is_watched_is_published(rig: Rig, viewers: Viewers) -> None:
    socket = await viewers.watch("snapshot.route")
    for _ in range(2):
        rig.tick()
        await rig.pictures.publish(viewers.publisher)
    for seq in (1, 2):
        topic, payload = await received(socket)
        snapshot = decode_snapshot(payload)
        assert (topic, snapshot.by, snapshot.seq) == ("snapshot.route", "route", seq)
    assert snapshot == rig.pictures.snapshot("route")


async def test_everything_is_published_to_who_watches_everything(
    rig: Rig, viewers: Viewers
) -> None:
    socket = await viewers.watch("snapshot.")
    rig.tick()
    await rig.pictures.publish(viewers.publisher)
    assert [(await received(socket))[0] for _ in GROUPINGS] == [f"snapshot.{b}" for b in GROUPINGS]


async def test_pictures_that_nobody_watches_are_not_built(rig: Rig, viewers: Viewers) -> None:
    await viewers.watch(LOGS)
    rig.tick()
    await rig.pictures.publish(viewers.publisher)
    rig.said["alerts"] = (alert(),)
    assert rig.pictures.snapshot("model").alerts == (alert(),)


async def test_tails_go_to_their_followers(rig: Rig, viewers: Viewers) -> None:
    assert wanted_tails(viewers.publisher) == frozenset()
    socket = await viewers.watch(ERRORS)
    assert wanted_tails(viewers.publisher) == {ERRORS}
    batches = [request_batch([row(), row(error="timeout")])]
    requests = rig.live.add(batches, NOW_NS)
    rig.pictures.tail.add_batches(batches, requests, wanted_tails(viewers.publisher))
    rig.tick()
    await rig.pictures.publish(viewers.publisher)
    topic, payload = await received(socket)
    told = unpack(payload)
    assert (topic, told["sampled_out"]) == (ERRORS, 0)
    assert [row["error"] for row in told["rows"]] == ["timeout"]


async def test_who_follows_all_tails_wants_each(viewers: Viewers) -> None:
    await viewers.watch("tail.")
    assert wanted_tails(viewers.publisher) == {REQUESTS, ERRORS, LOGS, ALERTS}
