"""The intake: nothing is acknowledged before it is durable, nothing is worked on twice."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.frames import AGENT, batch_frames, plain_frames, request_payload

from llmmon.delivery.delivery import Delivery
from llmmon.protocol import codec, wire
from llmmon.protocol.event import Heartbeat
from llmmon.protocol.segment import decode_body
from llmmon.protocol.wire import Batch, Message
from llmmon_collector.account import FORGET_ENDED_S
from llmmon_collector.clock import ManualClock
from llmmon_collector.intake.deadletter import DeadLetters
from llmmon_collector.intake.gate import open_gate
from llmmon_collector.intake.ledger import Ledger
from llmmon_collector.intake.session import Incoming, Session, Terms
from llmmon_collector.intake.stream import StreamId
from llmmon_collector.intake.watermark import Space

ROW = {"start_ns": 1, "latency_ms": 100.0}


class Disk:
    """Keeps bodies in memory, or fails as a full disk does."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.full = False
        self.sync: Callable[[], None] = lambda: None

    def append(self, bodies: Sequence[bytes]) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        self.bodies += bodies
        self.sync()


class Fixture:
    def __init__(self, tmp_path: Path, events_per_s: float = 1e6, max_streams: int = 100) -> None:
        self.disk = Disk()
        self.space = Space(free_bytes=10 << 30, total_bytes=100 << 30)
        self.clock = ManualClock(10**18, 5)
        self.ledger = Ledger(max_streams=max_streams)
        self.delivered: list[Batch] = []
        self.dead = DeadLetters(tmp_path / "dead.seg")
        self.session = Session(
            self.ledger,
            self.disk,
            self.dead,
            self.clock,
            self.delivered.extend,
            Terms("c", open_gate(self.ledger, lambda: self.space, events_per_s, None)),
        )

    def send(self, *messages: list[bytes]) -> list[tuple[bytes, wire.Envelope]]:
        incoming = [Incoming(b"peer", frames) for frames in messages]
        answers = self.session.work(incoming)
        return [(answer.peer, wire.decode_message(answer.frames)) for answer in answers]


@pytest.fixture
def intake(tmp_path: Path) -> Fixture:
    return Fixture(tmp_path)


def test_a_batch_is_journalled_acknowledged_and_delivered(intake: Fixture) -> None:
    [(peer, ack)] = intake.send(batch_frames(1, [ROW]))
    assert peer == b"peer"
    assert (ack.message, ack.header.seq) == (Message.ACK, 1)
    assert codec.decode_map(ack.payload)["credit"] == 64
    assert len(intake.disk.bodies) == 1
    assert [batch.events for batch in intake.delivered] == [1]


def test_one_acknowledgement_covers_a_group(intake: Fixture) -> None:
    answers = intake.send(
        batch_frames(1, [ROW]), batch_frames(2, [ROW] * 3, first_event=1, base_seq=1)
    )
    assert [answer.header.seq for _, answer in answers] == [2]
    assert intake.ledger.totals(5).stored == 4


def test_a_full_disk_acknowledges_nothing_and_recovers(intake: Fixture) -> None:
    intake.disk.full = True
    assert intake.send(batch_frames(1, [ROW])) == []
    assert "No space left" in intake.session.problem
    assert intake.delivered == []
    intake.disk.full = False
    [(_, ack)] = intake.send(batch_frames(1, [ROW]))
    assert ack.header.seq == 1
    assert intake.session.problem == ""
    assert intake.ledger.totals(5).stored == 1


def test_a_repeated_batch_is_acknowledged_again_and_kept_once(intake: Fixture) -> None:
    intake.send(batch_frames(1, [ROW]))
    [(_, ack)] = intake.send(batch_frames(1, [ROW]))
    assert ack.header.seq == 1
    assert len(intake.disk.bodies) == len(intake.delivered) == 1
    assert intake.ledger.totals(5).duplicates == 1


def test_a_batch_ahead_of_its_turn_is_not_kept(intake: Fixture) -> None:
    [(_, ack)] = intake.send(batch_frames(2, [ROW], first_event=1, base_seq=1))
    assert ack.header.seq == 0
    assert intake.disk.bodies == []


def test_poison_is_put_aside_journalled_acknowledged_and_counted(intake: Fixture) -> None:
    frames = wire.encode_message(
        Message.BATCH, wire.Header(AGENT, 1, seq=1, base_seq=1, events=5), b"\xc1"
    )
    [(_, ack)] = intake.send(frames)
    assert ack.header.seq == 1
    assert len(intake.disk.bodies) == 1
    assert intake.delivered == []
    assert (intake.session.rejected, intake.dead.count) == (1, 1)
    assert intake.ledger.totals(5).lost == {"poison": 5}


def test_a_malformed_series_key_is_poison(intake: Fixture) -> None:
    payload = wire.encode_batch("h", "p", [b"\x01"], {}, {})
    frames = wire.encode_message(
        Message.BATCH, wire.Header(AGENT, 1, seq=1, base_seq=1, events=0), payload
    )
    intake.send(frames)
    assert intake.session.rejected == 1


@pytest.mark.parametrize("frames", [[], [b"x"], [b"B", b"", b"", b""], [b"B"] * 9])
def test_what_is_no_message_is_counted_and_unanswered(intake: Fixture, frames) -> None:
    assert intake.send(frames) == []
    assert intake.session.rejected == 1


def test_another_version_is_told(intake: Fixture) -> None:
    frames = plain_frames(Message.HELLO)
    frames[1] = b"\x63" + frames[1][1:]
    [(_, nack)] = intake.send(frames)
    assert nack.message is Message.NACK
    assert codec.decode_map(nack.payload)["reason"] == "bad_version"


def test_hello_is_welcomed_with_where_the_stream_stands(intake: Fixture) -> None:
    intake.send(batch_frames(1, [ROW]))
    [(_, welcome)] = intake.send(plain_frames(Message.HELLO))
    assert (welcome.message, welcome.header.seq) == (Message.WELCOME, 1)
    assert codec.decode_map(welcome.payload)["name"] == "c"


def test_heartbeats_and_pings_are_answered(intake: Fixture) -> None:
    heartbeat = Heartbeat("svc", "prod", "h", 1, "0", 9, {}, 0, 2.0)
    answers = intake.send(
        plain_frames(Message.HEARTBEAT, wire.encode_heartbeat(heartbeat)),
        plain_frames(Message.PING),
    )
    assert [answer.message for _, answer in answers] == [Message.PONG, Message.PONG]
    assert intake.ledger.streams[StreamId(AGENT, 1)].heartbeat == heartbeat
    assert intake.ledger.totals(5).in_flight == 9


def test_a_malformed_heartbeat_is_counted(intake: Fixture) -> None:
    assert intake.send(plain_frames(Message.HEARTBEAT, b"\xc1")) == []
    assert intake.session.rejected == 1


def test_goodbye_ends_a_stream(intake: Fixture) -> None:
    intake.send(batch_frames(1, [ROW]))
    intake.send(plain_frames(Message.BYE, codec.encode_map({"shutdown": 2}), first_event=3))
    assert intake.ledger.totals(5).lost == {"shutdown": 2}


def test_a_goodbye_right_behind_the_last_batch_loses_nothing_of_it(intake: Fixture) -> None:
    bye = plain_frames(Message.BYE, codec.encode_map({}), first_event=3)
    intake.send(batch_frames(1, [ROW] * 3), bye)
    totals = intake.ledger.totals(5)
    assert (totals.stored, totals.lost, totals.in_flight) == (3, {}, 0)


def test_a_goodbye_is_journalled_with_the_batches_before_it(intake: Fixture) -> None:
    bye = plain_frames(Message.BYE, codec.encode_map({"shutdown": 2}), first_event=3)
    intake.send(batch_frames(1, [ROW]), bye)
    written = [decode_body(body)[1].message for body in intake.disk.bodies]
    assert written == [Message.BATCH, Message.BYE]


def test_a_goodbye_that_is_not_on_disk_is_not_booked(intake: Fixture) -> None:
    intake.send(batch_frames(1, [ROW]))
    intake.disk.full = True
    intake.send(plain_frames(Message.BYE, codec.encode_map({"shutdown": 2}), first_event=3))
    assert intake.ledger.totals(5).lost == {}


def test_a_goodbye_of_nobody_leaves_no_trace(intake: Fixture) -> None:
    intake.send(plain_frames(Message.BYE, first_event=0))
    assert (intake.ledger.streams, intake.disk.bodies) == ({}, [])


@pytest.mark.parametrize(
    "claims", [b"\xc1", codec.encode_map({"x": -1}), codec.encode_map({"x": 0.5})]
)
def test_a_malformed_goodbye_is_counted(intake: Fixture, claims: bytes) -> None:
    intake.send(plain_frames(Message.BYE, claims, first_event=9))
    assert (intake.dead.reasons, intake.ledger.streams) == ({"schema": 1}, {})


def test_what_cannot_be_read_is_counted_by_what_is_wrong(intake: Fixture) -> None:
    good = batch_frames(1, [ROW])
    other_version = [good[0], b"\x63" + good[1][1:], *good[2:]]
    poison = wire.encode_message(Message.BATCH, wire.Header(AGENT, 1, 1, 1, 0, 5), b"\xc1")
    intake.send(good[:3], [*good[:3], b"\0\0\0\0"], other_version, poison)
    reasons = {"malformed": 1, "bad_crc": 1, "bad_version": 1, "schema": 1}
    assert (intake.dead.reasons, intake.session.rejected) == (reasons, 4)


@pytest.mark.parametrize(
    "header",
    [
        wire.Header(bytes(16), 1, 1, 1, 0, 1),
        wire.Header(AGENT, 1, 1, 1, 2**48, 1),
        wire.Header(AGENT, 1, 1, 1, 2**64 - 1, 2**32 - 1),
    ],
)
def test_a_header_that_no_agent_writes_is_malformed(intake: Fixture, header: wire.Header) -> None:
    assert intake.send(wire.encode_message(Message.BATCH, header)) == []
    assert intake.dead.reasons == {"malformed": 1}


def test_a_heartbeat_of_impossibly_many_events_is_malformed(intake: Fixture) -> None:
    heartbeat = Heartbeat("svc", "prod", "h", 1, "0", 2**63, {}, 0, 2.0)
    assert intake.send(plain_frames(Message.HEARTBEAT, wire.encode_heartbeat(heartbeat))) == []
    assert intake.ledger.totals(5).in_flight == 0


def told(answers: list[tuple[bytes, wire.Envelope]]) -> list[tuple[Message, int, object]]:
    """Kind, sequence number and reason of every answer."""
    return [
        (answer.message, answer.header.seq, codec.decode_map(answer.payload).get("detail"))
        for _, answer in answers
    ]


def test_beyond_its_bucket_an_agent_waits_and_sends_again(tmp_path: Path) -> None:
    intake = Fixture(tmp_path, events_per_s=1)
    batches = [
        batch_frames(seq, [ROW] * 2, first_event=2 * seq - 2, base_seq=1) for seq in (1, 2, 3, 4)
    ]
    answers = intake.send(*batches)
    assert told(answers) == [(Message.ACK, 2, None), (Message.NACK, 3, "rate")]
    nack = codec.decode_map(answers[1][1].payload)
    assert (nack["reason"], nack["retry_after_ms"]) == ("throttle", 2001)
    assert intake.ledger.streams[StreamId(AGENT, 1)].throttled == 1
    [notice] = intake.session.notices()
    assert "throttled" in notice
    intake.clock.advance(2.001)
    assert told(intake.send(*batches[2:]))[0] == (Message.ACK, 3, None)
    intake.clock.advance(11)
    assert intake.session.notices() == ()


def test_others_are_not_touched_by_one_that_waits(tmp_path: Path) -> None:
    intake = Fixture(tmp_path, events_per_s=1)
    flood = [batch_frames(seq, [ROW] * 4, first_event=4 * seq - 4, base_seq=1) for seq in (1, 2)]
    polite = batch_frames(1, [ROW], agent=b"agent-number-two")
    assert (Message.ACK, 1, None) in told(intake.send(*flood, polite))
    assert intake.ledger.streams[StreamId(b"agent-number-two", 1)].stored == 1


def test_while_the_disk_is_nearly_full_nothing_is_taken_and_then_it_is(intake: Fixture) -> None:
    intake.space = Space(free_bytes=(1 << 30) - 1, total_bytes=100 << 30)
    answers = intake.send(batch_frames(1, [ROW]), plain_frames(Message.PING))
    assert [answer.message for _, answer in answers] == [Message.PONG, Message.ACK, Message.NACK]
    assert told(answers)[1:] == [(Message.ACK, 0, None), (Message.NACK, 1, "disk")]
    assert "1023 MiB free" in intake.session.problem
    assert intake.disk.bodies == []
    intake.space = Space(free_bytes=1 << 30, total_bytes=100 << 30)
    intake.clock.advance(1)
    assert told(intake.send(batch_frames(1, [ROW]))) == [(Message.ACK, 1, None)]
    assert intake.session.problem == ""


def test_a_disk_that_has_room_again_is_noticed_without_agents(intake: Fixture) -> None:
    intake.space = Space(free_bytes=0, total_bytes=100)
    intake.send(batch_frames(1, [ROW]))
    intake.space = Space(free_bytes=100, total_bytes=100)
    intake.clock.advance(10)
    intake.send()
    assert intake.session.problem == ""


def test_agents_beyond_what_the_ledger_can_hold_are_turned_away(tmp_path: Path) -> None:
    intake = Fixture(tmp_path, max_streams=20)
    for epoch in range(30):
        intake.send(batch_frames(1, [ROW], epoch=epoch))
    assert len(intake.ledger.streams) == 20
    assert intake.ledger.turned_away == 10
    assert any("turned away" in notice for notice in intake.session.notices())
    before = intake.ledger.totals(0)
    intake.clock.advance(61)
    intake.send()
    intake.clock.advance(10)
    intake.send()
    assert len(intake.ledger.streams) < 20
    after = intake.ledger.totals(0)
    assert (after.stored, after.lost, after.in_flight) == (before.stored, {}, 0)
    assert told(intake.send(batch_frames(1, [ROW], epoch=50))) == [(Message.ACK, 1, None)]


def test_a_slow_disk_costs_credit_down_to_one_and_a_quick_one_gives_it_back(
    intake: Fixture,
) -> None:
    seqs = count(1)

    def credit(slow: bool) -> int:
        intake.disk.sync = lambda: intake.clock.advance(0.2 if slow else 0.001)
        seq = next(seqs)
        [(_, ack)] = intake.send(batch_frames(seq, [ROW] * 9, first_event=9 * (seq - 1)))
        return int(codec.decode_map(ack.payload)["credit"])

    slow = [credit(slow=True) for _ in range(10)]
    assert slow == sorted(slow, reverse=True)
    assert (slow[0], slow[-1]) == (64, 1)
    for _ in range(11):
        intake.clock.advance(1)
        quick = credit(slow=False)
    assert quick == 64


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 40)), min_size=1, max_size=30))
def test_an_agent_loses_to_throttling_only_what_it_drops_itself(
    steps: list[tuple[int, int]],
) -> None:
    """The real delivery of an agent against the real session, over a wire that loses nothing."""
    with tempfile.TemporaryDirectory() as directory:
        intake = Fixture(Path(directory), events_per_s=20)
        delivery = Delivery(max_bytes=4096)
        now_s = 0.0
        for wait_s, events in [*steps, *((60, 1) for _ in range(20))]:
            delivery.seal(request_payload([ROW] * events), events, 2)
            now_s += wait_s
            intake.clock.advance(wait_s)
            delivery.tick(now_s)
            exchange(intake, delivery, now_s)
        lost = sum(delivery.lost.values())
        assert (delivery.held, delivery.offset) == (0, delivery.acknowledged + lost)
        totals = intake.ledger.totals(0)
        assert (totals.stored, sum(totals.lost.values())) == (delivery.acknowledged, lost)
        assert set(totals.lost) <= {"unexplained"}


def exchange(intake: Fixture, delivery: Delivery, now_s: float) -> None:
    """Everything that the agent wants to say now, and the answers."""
    while (out := delivery.next(now_s)) is not None:
        delivery.sent(out, now_s)
        header = wire.Header(AGENT, 1, out.seq, out.base_seq, out.first_event, out.events)
        for _, answer in intake.send(wire.encode_message(out.message, header, out.payload)):
            values = codec.decode_map(answer.payload)
            delivery.received(answer.message, answer.header.seq, values, now_s)


def test_dead_letters_are_bounded(tmp_path: Path) -> None:
    dead = DeadLetters(tmp_path / "dead.seg", max_bytes=200)
    for _ in range(10):
        dead.add(b"x" * 60)
    assert dead.count == 10
    assert (tmp_path / "dead.seg").stat().st_size <= 200


@pytest.mark.parametrize("kind", [Message.WELCOME, Message.ACK, Message.NACK, Message.PONG])
def test_what_only_a_collector_sends_is_counted_and_no_sign_of_life(
    intake: Fixture, kind: Message
) -> None:
    intake.send(batch_frames(1, [ROW]))
    intake.clock.advance(9)
    assert intake.send(plain_frames(kind)) == []
    assert intake.dead.reasons == {"malformed": 1}
    assert intake.ledger.streams[StreamId(AGENT, 1)].silence_s(intake.clock.mono_ns()) == 9


def test_a_goodbye_that_says_nothing_new_is_not_journalled_again(intake: Fixture) -> None:
    intake.send(batch_frames(1, [ROW]))
    for lost in (1, 1, 2, 2):
        intake.send(plain_frames(Message.BYE, codec.encode_map({"shutdown": lost}), first_event=3))
    written = [decode_body(body)[1].message for body in intake.disk.bodies]
    assert written == [Message.BATCH, Message.BYE, Message.BYE]
    assert intake.ledger.totals(5).lost == {"shutdown": 2}


def test_a_batch_in_the_group_in_which_its_stream_is_forgotten_begins_it_anew(
    intake: Fixture,
) -> None:
    intake.send(batch_frames(1, [ROW]))
    intake.send(plain_frames(Message.BYE, codec.encode_map({}), first_event=1))
    intake.clock.advance(FORGET_ENDED_S + 1)
    [(_, ack)] = intake.send(batch_frames(2, [ROW], first_event=1, base_seq=1))
    assert ack.header.seq == 0
    totals = intake.ledger.totals(5)
    assert (totals.stored, totals.lost) == (1, {})
