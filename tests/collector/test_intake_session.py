"""The intake: nothing is acknowledged before it is durable, nothing is worked on twice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from support.frames import AGENT, batch_frames, plain_frames

from llmmon.protocol import wire
from llmmon.protocol.event import Heartbeat
from llmmon.protocol.wire import Batch, Message
from llmmon_collector.clock import ManualClock
from llmmon_collector.intake.deadletter import DeadLetters
from llmmon_collector.intake.ledger import Ledger, StreamId
from llmmon_collector.intake.session import Incoming, Session

ROW = {"start_ns": 1, "latency_ms": 100.0}


class Disk:
    """Keeps bodies in memory, or fails as a full disk does."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.full = False

    def append(self, bodies: Sequence[bytes]) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        self.bodies += bodies


class Fixture:
    def __init__(self, tmp_path: Path) -> None:
        self.disk = Disk()
        self.ledger = Ledger()
        self.delivered: list[Batch] = []
        self.dead = DeadLetters(tmp_path / "dead.seg")
        self.session = Session(
            self.ledger,
            self.disk,
            self.dead,
            ManualClock(10**18, 5),
            self.delivered.extend,
            name="c",
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
    assert wire.decode_map(ack.payload)["credit"] == 64
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
    assert wire.decode_map(nack.payload)["reason"] == "bad_version"


def test_hello_is_welcomed_with_where_the_stream_stands(intake: Fixture) -> None:
    intake.send(batch_frames(1, [ROW]))
    [(_, welcome)] = intake.send(plain_frames(Message.HELLO))
    assert (welcome.message, welcome.header.seq) == (Message.WELCOME, 1)
    assert wire.decode_map(welcome.payload)["name"] == "c"


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
    intake.send(plain_frames(Message.BYE, wire.encode_map({"shutdown": 2}), first_event=3))
    assert intake.ledger.totals(5).lost == {"shutdown": 2}


def test_a_goodbye_right_behind_the_last_batch_loses_nothing_of_it(intake: Fixture) -> None:
    bye = plain_frames(Message.BYE, wire.encode_map({}), first_event=3)
    intake.send(batch_frames(1, [ROW] * 3), bye)
    totals = intake.ledger.totals(5)
    assert (totals.stored, totals.lost, totals.in_flight) == (3, {}, 0)


def test_dead_letters_are_bounded(tmp_path: Path) -> None:
    dead = DeadLetters(tmp_path / "dead.seg", max_bytes=200)
    for _ in range(10):
        dead.add(b"x" * 60)
    assert dead.count == 10
    assert (tmp_path / "dead.seg").stat().st_size <= 200
