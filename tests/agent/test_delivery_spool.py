"""Delivery with a spool: what is on disk, dropped, sent again and adopted, against a model."""

from collections import Counter, deque
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from llmmon.delivery.delivery import SPILL_S, Delivery, Outgoing
from llmmon.delivery.numbered import Entry, Place
from llmmon.protocol.wire import Message

SEGMENT = 3


class Disk:
    """Segments of three records, a rank each, at most so many in all."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.working = True
        self.records: dict[Place, Outgoing] = {}
        self.left: Counter[int] = Counter()
        self._open: dict[int, tuple[int, int]] = {}
        self._segments = 0

    def has_room(self) -> bool:
        return self.left.total() < self.most

    def write(self, batch: Outgoing, rank: int) -> Place:
        segment, used = self._open.get(rank, (0, SEGMENT))
        if used == SEGMENT or not self.left[segment]:
            self._segments += 1
            segment, used = self._segments, 0
        self._open[rank] = segment, used + 1
        place = Place(segment, used, len(batch.payload))
        self.records[place] = batch
        self.left[segment] += 1
        return place

    def release(self, segments: list[int]) -> None:
        for segment in segments:
            self.left[segment] -= 1
            assert self.left[segment] >= 0
            if not self.left[segment]:
                self.records = {p: b for p, b in self.records.items() if p.segment != segment}


class Collector:
    """The collector's half of the protocol; every event of the stream has an offset."""

    def __init__(self) -> None:
        self.seq = 0
        self.next_event = 0
        self.lost = 0
        self.passed_over = 0
        self.stored: list[int] = []

    def take(self, batch: Outgoing, payload: bytes) -> None:
        if batch.seq <= self.seq:
            return
        if batch.seq > self.seq + 1 and batch.base_seq != batch.seq:
            self.passed_over += 1
            return
        assert batch.first_event >= self.next_event
        self.lost += batch.first_event - self.next_event
        self.next_event = batch.first_event + batch.events
        self.seq = batch.seq
        self.stored.append(int(payload))


class World:
    """A process with a disk, a collector, and a network that loses what it likes."""

    def __init__(self, window: int, most: int) -> None:
        self.agent = Delivery(window=window, max_bytes=4000)
        self.disk = Disk(most)
        self.collector = Collector()
        self.now_s = 0.0
        self.emitted = 0
        self.sealed = 0
        self.wire: deque[tuple[Outgoing, bytes]] = deque()
        self.answers: deque[tuple[Message, int]] = deque()
        self.peer = True

    def seal(self, events: int, rank: int) -> None:
        self.sealed += 1
        self.emitted += events
        self.agent.seal(b"%d" % self.sealed, events, rank)

    def lose(self, events: int) -> None:
        self.emitted += events
        self.agent.lose(events, "queue_full")

    def send(self) -> None:
        while (message := self.agent.next(self.now_s)) is not None:
            if not self.peer:
                self.agent.blocked()
                return
            batch = message if message.place is None else self.disk.records[message.place]
            payload = batch.payload
            self.wire.append((message, payload))
            self.agent.sent(message, self.now_s)

    def spill(self, everything: bool = False) -> None:
        while (found := self.agent.spill(self.now_s, everything)) is not None:
            batch, rank = found
            if not self.disk.working:
                return
            if not self.disk.has_room():
                if not self.agent.make_room(batch, rank):
                    return
                self.disk.release(self.agent.released())
                continue
            self.agent.spilled(batch, self.disk.write(batch, rank))

    def work(self) -> None:
        while self.wire:
            message, payload = self.wire.popleft()
            if message.message is Message.HELLO:
                self.answers.append((Message.WELCOME, self.collector.seq))
            else:
                self.collector.take(message, payload)
                self.answers.append((Message.ACK, self.collector.seq))

    def hear(self) -> None:
        while self.answers:
            message, seq = self.answers.popleft()
            self.agent.received(message, seq, {}, self.now_s)
        self.disk.release(self.agent.released())

    def pass_time(self, seconds: float) -> None:
        self.now_s += seconds
        self.agent.tick(self.now_s)

    def step(self, name: str, *arguments: Any) -> None:
        match name:
            case "drop_out":
                self.wire.clear()
            case "drop_in":
                self.answers.clear()
            case "peer":
                self.peer = not self.peer
            case "disk":
                self.disk.working = not self.disk.working
            case _:
                getattr(self, name)(*arguments)

    def finish(self) -> None:
        self.peer = True
        for _ in range(300):
            self.send()
            self.work()
            self.hear()
            self.pass_time(6.0)

    def check(self) -> None:
        agent, collector = self.agent, self.collector
        assert self.emitted == agent.offset
        assert self.emitted == agent.acknowledged + sum(agent.lost.values()) + agent.held
        assert 0 <= agent.spooled <= agent.held
        assert collector.lost <= sum(agent.lost.values())
        assert collector.stored == sorted(set(collector.stored))


STEPS = st.one_of(
    st.tuples(st.just("seal"), st.integers(1, 9), st.integers(0, 2)),
    st.tuples(st.just("seal"), st.integers(1, 9), st.integers(0, 2)),
    st.tuples(st.just("lose"), st.integers(0, 5)),
    st.tuples(st.just("pass_time"), st.sampled_from([0.1, 0.6, 2.5, 6.0])),
    st.tuples(st.just("spill"), st.booleans()),
    st.sampled_from(
        [("send",), ("work",), ("hear",), ("drop_out",), ("drop_in",), ("peer",), ("disk",)]
    ),
)
SCHEDULES = st.lists(STEPS, max_size=150)


@given(steps=SCHEDULES, window=st.sampled_from([1, 4, 64]), most=st.sampled_from([3, 8, 1000]))
@settings(max_examples=400, deadline=None)
def test_every_event_is_stored_lost_or_held_wherever_it_waits(
    steps: list[tuple[Any, ...]], window: int, most: int
) -> None:
    world = World(window, most)
    for name, *arguments in steps:
        world.step(name, *arguments)
        world.check()
    world.finish()
    world.check()
    assert world.agent.held == 0
    assert world.agent.settled == world.emitted
    assert world.disk.left.total() == 0
    assert not world.disk.records


@given(steps=SCHEDULES, window=st.sampled_from([1, 4, 64]), most=st.sampled_from([3, 8]))
@settings(max_examples=300, deadline=None)
def test_nothing_is_sent_past_a_gap(steps: list[tuple[Any, ...]], window: int, most: int) -> None:
    world = World(window, most)
    for name, *arguments in steps:
        if name not in ("drop_out", "drop_in"):
            world.step(name, *arguments)
    world.finish()
    assert world.collector.passed_over == 0


@given(steps=SCHEDULES, window=st.sampled_from([1, 4, 64]), most=st.sampled_from([3, 8, 1000]))
@settings(max_examples=300, deadline=None)
def test_what_a_process_leaves_is_delivered_by_the_next_once(
    steps: list[tuple[Any, ...]], window: int, most: int
) -> None:
    world = World(window, most)
    for name, *arguments in steps:
        world.step(name, *arguments)
    # SIGKILL: what is in memory and on the wire between the processes is gone
    dead, spooled = world.agent, world.agent.spooled
    world.wire.clear()
    world.answers.clear()
    stored_before = list(world.collector.stored)
    heir = Delivery(window=4)
    on_disk = {batch.seq: (place, batch) for place, batch in world.disk.records.items()}
    for seq, (place, batch) in sorted(on_disk.items()):
        heir.take(Entry(seq, batch.first_event, batch.events, 0, place), b"")
    assert heir.held >= spooled
    world.agent, world.disk.left = heir, Counter(place.segment for place in world.disk.records)
    world.finish()
    assert heir.held == 0
    assert not heir.lost
    stored = world.collector.stored
    assert stored == sorted(set(stored))
    assert set(stored) == set(stored_before) | {int(b.payload) for _, b in on_disk.values()}
    assert dead.offset >= world.collector.next_event


def connected(window: int = 64, max_bytes: int = 1 << 20) -> Delivery:
    delivery = Delivery(window=window, max_bytes=max_bytes)
    hello = delivery.next(0.0)
    assert hello is not None
    delivery.sent(hello, 0.0)
    delivery.received(Message.WELCOME, 0, {}, 0.1)
    return delivery


def send_all(delivery: Delivery, now_s: float) -> list[Outgoing]:
    sent = []
    while (message := delivery.next(now_s)) is not None:
        delivery.sent(message, now_s)
        sent.append(message)
    return sent


def spill_all(delivery: Delivery, now_s: float, segment: int = 1) -> list[Outgoing]:
    spilled: list[Outgoing] = []
    while (found := delivery.spill(now_s)) is not None:
        delivery.spilled(found[0], Place(segment, len(spilled), 1))
        spilled.append(found[0])
    return spilled


def test_nothing_is_spilled_while_the_collector_acknowledges() -> None:
    delivery = connected()
    for turn in range(10):
        now_s = 1.0 + turn
        delivery.seal(b"x", 1, 2)
        delivery.tick(now_s)
        send_all(delivery, now_s)
        assert delivery.spill(now_s) is None
        delivery.received(Message.ACK, turn + 1, {}, now_s + 0.2)


def test_after_two_seconds_without_an_answer_all_is_spilled_under_its_number() -> None:
    delivery = connected(window=2)
    for events in (1, 2, 3):
        delivery.seal(b"x", events, 2)
    delivery.tick(1.0)
    send_all(delivery, 1.0)
    assert delivery.spill_at() == 1.0 + SPILL_S
    assert delivery.spill(2.9) is None
    spilled = spill_all(delivery, 3.0)
    assert [(b.seq, b.first_event, b.events) for b in spilled] == [(1, 0, 1), (2, 1, 2), (3, 3, 3)]
    assert (delivery.spooled, delivery.memory_bytes, delivery.spill_at()) == (6, 0, None)


def test_half_full_memory_is_spilled_at_once() -> None:
    delivery = Delivery(max_bytes=4 * 600)
    delivery.seal(b"x" * 80, 1, 2)
    assert delivery.spill(0.0) is None
    for _ in range(2):
        delivery.seal(b"x" * 80, 1, 2)
    assert [batch.seq for batch in spill_all(delivery, 0.0)] == [1]
    assert delivery.memory_bytes * 2 < delivery.max_bytes
    assert delivery.lost == {}


def test_a_batch_on_disk_is_sent_by_its_place() -> None:
    delivery = Delivery()
    delivery.seal(b"x", 5, 2)
    delivery.tick(0.0)
    spill_all(delivery, 9.0, segment=7)
    send_all(delivery, 9.0)
    delivery.received(Message.WELCOME, 0, {}, 9.1)
    (message,) = send_all(delivery, 9.2)
    assert (message.seq, message.payload, message.place) == (1, b"", Place(7, 0, 1))
    delivery.received(Message.ACK, 1, {}, 9.3)
    assert delivery.released() == [7]
    assert delivery.acknowledged == 5


def test_what_follows_a_gap_waits_for_acknowledgement_and_needs_no_timeout() -> None:
    delivery = Delivery()
    for events, rank in ((1, 2), (10, 0), (100, 2)):
        delivery.seal(b"x", events, rank)
    delivery.tick(0.0)
    for segment in (1, 2, 3):
        found = delivery.spill(9.0)
        assert found is not None
        delivery.spilled(found[0], Place(segment, 0, 1))
    delivery.seal(b"x", 1, 2)
    incoming = delivery.spill(9.0)
    assert incoming is not None
    assert delivery.make_room(*incoming)
    assert delivery.lost == {"spool_full": 10}
    send_all(delivery, 9.0)
    delivery.received(Message.WELCOME, 0, {}, 9.1)
    assert [m.seq for m in send_all(delivery, 9.2)] == [1]
    delivery.received(Message.ACK, 1, {}, 9.3)
    assert [(m.seq, m.base_seq) for m in send_all(delivery, 9.3)] == [(3, 3), (4, 3)]


def test_a_full_spool_drops_logs_then_spans_then_requests_and_never_what_was_sent() -> None:
    delivery = connected(window=1)
    for events, rank in ((1, 2), (10, 2), (100, 1), (1000, 0)):
        delivery.seal(b"x", events, rank)
    send_all(delivery, 0.2)
    delivery.tick(0.2)
    for segment in (1, 2, 3, 4):
        found = delivery.spill(9.0)
        assert found is not None
        delivery.spilled(found[0], Place(segment, 0, 1))
    delivery.seal(b"log", 1, 0)
    log = delivery.spill(9.0)
    assert log is not None
    assert delivery.make_room(*log)
    assert delivery.lost == {"spool_full": 1000}
    assert not delivery.make_room(*log)
    request = log[0], 2
    assert delivery.make_room(*request)
    assert delivery.make_room(*request)
    assert not delivery.make_room(*request)
    assert delivery.lost == {"spool_full": 1110}
    assert delivery.released() == [4, 3, 2]


def test_what_cannot_be_read_back_is_counted_and_passed_over() -> None:
    delivery = Delivery()
    for events in (3, 4):
        delivery.seal(b"x", events, 2)
    delivery.tick(0.0)
    spill_all(delivery, 9.0)
    send_all(delivery, 9.0)
    delivery.received(Message.WELCOME, 0, {}, 9.1)
    delivery.unreadable(1)
    assert delivery.lost == {"spool_damaged": 3}
    assert [(m.seq, m.base_seq) for m in send_all(delivery, 9.2)] == [(2, 2)]


def test_abandoning_leaves_what_is_on_disk() -> None:
    delivery = Delivery()
    delivery.seal(b"x", 3, 2)
    delivery.tick(0.0)
    spill_all(delivery, 9.0)
    delivery.seal(b"x", 4, 2)
    delivery.abandon("shutdown")
    assert (delivery.lost, delivery.held, delivery.spooled) == ({"shutdown": 4}, 3, 3)
