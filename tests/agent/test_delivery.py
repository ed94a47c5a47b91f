"""Delivery against a model of a lossy network and a collector that forgets nothing committed."""

from collections import deque
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from llmmon.delivery.delivery import Delivery, Outgoing
from llmmon.protocol.wire import Message


class Collector:
    """The collector's half of the protocol, as the build's message rules tell it."""

    def __init__(self) -> None:
        self.seq = 0
        self.next_event = 0
        self.stored = 0
        self.lost = 0
        self.taken: list[int] = []

    def take(self, batch: Outgoing) -> None:
        if batch.seq <= self.seq or (batch.seq > self.seq + 1 and batch.base_seq != batch.seq):
            return
        assert batch.first_event >= self.next_event
        self.lost += batch.first_event - self.next_event
        self.stored += batch.events
        self.next_event = batch.first_event + batch.events
        self.seq = batch.seq
        self.taken.append(int(batch.payload))


class World:
    """An agent, a collector, and two wires that lose what they like."""

    def __init__(self, max_bytes: int) -> None:
        self.agent = Delivery(window=4, max_bytes=max_bytes)
        self.collector = Collector()
        self.now_s = 0.0
        self.emitted = 0
        self.outbound: deque[Outgoing] = deque()
        self.inbound: deque[tuple[Message, int]] = deque()
        self.peer = True
        self.payload = 0

    def seal(self, events: int, rank: int) -> None:
        self.payload += 1
        self.emitted += events
        self.agent.seal(b"%d" % self.payload, events, rank)

    def lose(self, events: int) -> None:
        self.emitted += events
        self.agent.lose(events, "queue_full")

    def send(self) -> None:
        while (message := self.agent.next(self.now_s)) is not None:
            if not self.peer:
                self.agent.blocked()
                return
            self.outbound.append(message)
            self.agent.sent(message, self.now_s)

    def work(self) -> None:
        """The collector takes what has come and answers."""
        while self.outbound:
            message = self.outbound.popleft()
            if message.message is Message.HELLO:
                self.inbound.append((Message.WELCOME, self.collector.seq))
            else:
                self.collector.take(message)
                self.inbound.append((Message.ACK, self.collector.seq))

    def hear(self) -> None:
        while self.inbound:
            message, seq = self.inbound.popleft()
            self.agent.received(message, seq, {}, self.now_s)

    def pass_time(self, seconds: float) -> None:
        self.now_s += seconds
        self.agent.tick(self.now_s)

    def check(self) -> None:
        agent, collector = self.agent, self.collector
        assert self.emitted == agent.offset
        assert self.emitted == agent.acknowledged + sum(agent.lost.values()) + agent.held
        assert agent.acknowledged <= collector.stored
        assert collector.lost <= sum(agent.lost.values())
        assert collector.taken == sorted(set(collector.taken))


STEPS = st.one_of(
    st.tuples(st.just("seal"), st.integers(1, 9), st.integers(0, 2)),
    st.tuples(st.just("lose"), st.integers(0, 5)),
    st.tuples(st.just("pass_time"), st.sampled_from([0.1, 0.6, 6.0])),
    st.sampled_from([("send",), ("work",), ("hear",), ("drop_out",), ("drop_in",), ("peer",)]),
)


@given(steps=st.lists(STEPS, max_size=120), max_bytes=st.sampled_from([1200, 4000, 1 << 20]))
@settings(max_examples=300, deadline=None)
def test_every_event_is_stored_lost_or_held_whatever_the_network_does(
    steps: list[tuple[Any, ...]], max_bytes: int
) -> None:
    world = World(max_bytes)
    for name, *arguments in steps:
        if name == "drop_out":
            world.outbound.clear()
        elif name == "drop_in":
            world.inbound.clear()
        elif name == "peer":
            world.peer = not world.peer
        else:
            getattr(world, name)(*arguments)
        world.check()

    world.peer = True
    for _ in range(200):
        world.send()
        world.work()
        world.hear()
        world.pass_time(6.0)
    world.check()
    assert world.agent.held == 0
    assert world.agent.settled == world.emitted
    assert world.agent.acknowledged == world.collector.stored


def greeted(window: int = 4) -> Delivery:
    delivery = Delivery(window=window)
    hello = delivery.next(0.0)
    assert hello is not None
    assert hello.message is Message.HELLO
    delivery.sent(hello, 0.0)
    delivery.received(Message.WELCOME, 0, {}, 0.1)
    return delivery


def send_all(delivery: Delivery, now_s: float) -> list[Outgoing]:
    sent = []
    while (message := delivery.next(now_s)) is not None:
        delivery.sent(message, now_s)
        sent.append(message)
    return sent


def test_nothing_but_a_greeting_is_sent_before_the_welcome() -> None:
    delivery = Delivery()
    delivery.seal(b"1", 1, 2)
    assert [message.message for message in send_all(delivery, 0.0)] == [Message.HELLO]


def test_the_window_bounds_what_is_in_flight() -> None:
    delivery = greeted(window=4)
    for _ in range(9):
        delivery.seal(b"x", 2, 2)
    assert [message.seq for message in send_all(delivery, 1.0)] == [1, 2, 3, 4]
    delivery.received(Message.ACK, 3, {}, 1.1)
    assert [message.seq for message in send_all(delivery, 1.1)] == [5, 6, 7]
    assert delivery.acknowledged == 6


def test_credit_narrows_the_window() -> None:
    delivery = greeted(window=4)
    delivery.received(Message.PONG, 0, {"credit": 2}, 0.2)
    for _ in range(3):
        delivery.seal(b"x", 1, 2)
    assert [message.seq for message in send_all(delivery, 1.0)] == [1, 2]


def test_a_timeout_sends_again_from_the_first_unacknowledged() -> None:
    delivery = greeted()
    for _ in range(3):
        delivery.seal(b"x", 1, 2)
    send_all(delivery, 1.0)
    delivery.received(Message.ACK, 1, {}, 1.05)
    assert not delivery.tick(1.2)
    assert send_all(delivery, 1.2) == []
    assert not delivery.tick(2.0)
    assert [(m.seq, m.base_seq) for m in send_all(delivery, 2.0)] == [(2, 2), (3, 2)]


def test_three_silent_timeouts_ask_for_a_new_socket_and_a_new_greeting() -> None:
    delivery = greeted()
    delivery.seal(b"x", 1, 2)
    now_s, reopened = 1.0, []
    for _ in range(3):
        send_all(delivery, now_s)
        now_s += 6.0
        reopened.append(delivery.tick(now_s))
    assert reopened == [False, False, True]
    assert not delivery.connected
    message = delivery.next(now_s)
    assert message is not None
    assert (message.message, message.base_seq) == (Message.HELLO, 1)


def test_two_silent_timeouts_are_doubted_within_two_seconds_and_the_socket_is_kept() -> None:
    delivery = greeted()
    delivery.seal(b"x", 1, 2)
    send_all(delivery, 1.0)
    assert not delivery.tick(1.5)
    assert delivery.connected
    send_all(delivery, 1.5)
    assert not delivery.tick(2.5)
    assert not delivery.connected
    assert [m.message for m in send_all(delivery, 2.5)] == [Message.HELLO]
    assert not delivery.tick(4.4)
    delivery.received(Message.WELCOME, 0, {}, 4.4)
    assert delivery.connected
    assert [m.seq for m in send_all(delivery, 4.4)] == [1]


def test_a_welcome_that_knows_more_settles_what_it_knows() -> None:
    delivery = greeted()
    for _ in range(3):
        delivery.seal(b"x", 5, 2)
    send_all(delivery, 1.0)
    delivery.blocked()
    send_all(delivery, 1.5)
    delivery.received(Message.WELCOME, 2, {}, 1.6)
    assert delivery.acknowledged == 10
    assert [message.seq for message in send_all(delivery, 1.7)] == [3]


def test_full_memory_drops_logs_before_spans_before_requests_and_oldest_first() -> None:
    delivery = Delivery(max_bytes=3 * 600)
    events = {0: 1, 1: 1000, 2: 100}
    for rank in (2, 1, 0, 0, 2):
        delivery.seal(b"x" * 80, events[rank], rank)
    assert delivery.lost == {"memory_full": 2}
    delivery.seal(b"x" * 80, 7, 2)
    assert delivery.lost == {"memory_full": 2 + 1000}


def test_what_was_sent_is_never_dropped_and_the_gap_moves_the_next_offset() -> None:
    delivery = Delivery(window=1, max_bytes=2 * 513)
    send_all(delivery, 0.0)
    delivery.received(Message.WELCOME, 0, {}, 0.1)
    delivery.seal(b"1", 3, 2)
    send_all(delivery, 1.0)
    delivery.seal(b"2", 4, 2)
    delivery.seal(b"3", 5, 2)
    assert delivery.lost == {"memory_full": 4}
    delivery.received(Message.ACK, 1, {}, 1.1)
    (message,) = send_all(delivery, 1.2)
    assert (message.seq, message.first_event, message.payload) == (2, 7, b"3")


def test_a_throttle_holds_everything_for_its_time() -> None:
    delivery = greeted()
    delivery.seal(b"x", 1, 2)
    send_all(delivery, 1.0)
    delivery.received(Message.NACK, 1, {"reason": "throttle", "retry_after_ms": 2000}, 1.0)
    assert delivery.next(2.9) is None
    assert delivery.wake_at() == 3.0
    delivery.tick(3.0)
    assert [message.seq for message in send_all(delivery, 3.0)] == [1]


def test_another_version_stops_sending_and_says_why() -> None:
    delivery = greeted()
    delivery.received(Message.NACK, 0, {"reason": "bad_version", "detail": "upgrade"}, 1.0)
    delivery.seal(b"x", 1, 2)
    assert delivery.refused == "upgrade"
    assert delivery.next(30.0) is None
    delivery.tick(61.5)
    message = delivery.next(61.5)
    assert message is not None
    assert message.message is Message.HELLO


def test_what_is_forbidden_is_told_held_and_asked_for_again() -> None:
    delivery = Delivery()
    delivery.seal(b"x", 1, 2)
    send_all(delivery, 0.0)
    told = {"reason": "forbidden", "detail": "revoked key", "retry_after_ms": 5000}
    delivery.received(Message.NACK, 0, told, 1.0)
    assert (delivery.refused, delivery.connected) == ("revoked key", False)
    assert delivery.next(5.9) is None
    assert delivery.wake_at() == 6.0
    delivery.tick(6.0)
    assert [m.message for m in send_all(delivery, 6.0)] == [Message.HELLO]
    delivery.received(Message.WELCOME, 0, {}, 6.1)
    assert (delivery.refused, delivery.connected) == ("", True)
    assert [m.seq for m in send_all(delivery, 6.1)] == [1]


def test_abandoned_batches_are_counted_and_those_in_flight_stay() -> None:
    delivery = greeted(window=1)
    delivery.seal(b"1", 3, 2)
    delivery.seal(b"2", 4, 2)
    send_all(delivery, 1.0)
    delivery.abandon("shutdown")
    assert delivery.lost == {"shutdown": 4}
    assert delivery.held == 3
