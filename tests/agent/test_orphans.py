"""What ended processes left, delivered under their own names, whatever state it is in."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.spools import AGENT, EPOCH, NONCE, Warnings, farewell, new_spool, record

from llmmon.protocol.codec import decode_map
from llmmon.protocol.segment import encode_header, encode_record
from llmmon.protocol.wire import Header, Message, decode_message
from llmmon.sending.orphans import KEEP_S, LOOK_S, Orphans
from llmmon.spool.home import orphan_lock, spool_name


class Collector:
    """Takes frames and answers at once."""

    def __init__(self, last_seq: int = 0) -> None:
        self.last_seq = last_seq
        self.next_event = 0
        self.lost = 0
        self.taken: list[int] = []
        self.byes: list[tuple[int, dict[str, Any]]] = []
        self.there = True
        self.answers: list[tuple[Message, Header]] = []

    def send(self, frames: list[bytes]) -> bool:
        if not self.there:
            return False
        message, header, payload = decode_message(frames)
        assert (header.agent_id, header.epoch) == (AGENT, EPOCH)
        if message is Message.BYE:
            self.byes.append((header.first_event, decode_map(payload)))
            return True
        if message is Message.BATCH and self._wanted(header):
            self.lost += header.first_event - self.next_event
            self.next_event = header.first_event + header.events
            self.last_seq = header.seq
            self.taken.append(header.seq)
        kind = Message.WELCOME if message is Message.HELLO else Message.ACK
        self.answers.append((kind, Header(AGENT, EPOCH, self.last_seq)))
        return True

    def _wanted(self, header: Header) -> bool:
        follows = header.seq == self.last_seq + 1
        return header.seq > self.last_seq and (follows or header.base_seq == header.seq)


def leave(home: Path, seqs: range, emitted: int | None, max_bytes: int = 1 << 20) -> Path:
    """A spool whose process has ended; ``emitted`` None where it was killed."""
    spool, _ = new_spool(home, max_bytes)
    for seq in seqs:
        assert spool.append(seq % 3, record(seq, (seq - 1) * 5, 5)) is not None
    if emitted is None:
        spool.disown()
    else:
        spool.close(farewell(emitted, {"spool_full": 2}))
    return home / spool_name(AGENT, EPOCH)


def work(orphans: Orphans, collector: Collector, turns: int = 60, now_s: float = 0.0) -> None:
    for turn in range(turns):
        orphans.turn(collector, now_s + turn * 0.01)
        while collector.answers:
            message, header = collector.answers.pop(0)
            orphans.received(message, header, {}, now_s)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "root" / "shop-1"


def test_it_is_delivered_in_order_said_goodbye_for_and_removed(home: Path) -> None:
    leave(home, range(1, 41), emitted=202)
    orphans, collector = Orphans(str(home), Warnings()), Collector()
    work(orphans, collector)
    assert collector.taken == list(range(1, 41))
    assert collector.byes == [(202, {"spool_full": 2})]
    assert orphans.adopted == 200
    assert list(home.iterdir()) == []


def test_what_the_collector_has_already_is_not_sent_again(home: Path) -> None:
    leave(home, range(1, 11), emitted=None)
    collector = Collector(last_seq=7)
    collector.next_event = 35
    work(Orphans(str(home), Warnings()), collector)
    assert collector.taken == [8, 9, 10]
    assert not collector.byes
    assert list(home.iterdir()) == []


def test_one_that_is_refused_is_let_go_of_until_the_next_look(home: Path) -> None:
    directory = leave(home, range(1, 4), emitted=15)
    warnings, collector = Warnings(), Collector()
    orphans = Orphans(str(home), warnings)
    while not collector.answers:
        orphans.turn(collector, 0.0)
    collector.answers.clear()
    told = {"reason": "forbidden", "detail": "another key", "retry_after_ms": 5000}
    orphans.received(Message.NACK, Header(AGENT, EPOCH), told, 0.1)
    orphans.turn(collector, 0.1)
    descriptor = orphan_lock(str(directory))
    assert descriptor is not None
    os.close(descriptor)
    assert list(warnings) == ["another key"]
    work(orphans, collector, now_s=LOOK_S)
    assert (collector.taken, list(home.iterdir())) == ([1, 2, 3], [])


@pytest.mark.parametrize(("age_s", "taken"), [(KEEP_S - 60, [1, 2, 3]), (KEEP_S + 60, [])])
def test_what_the_collector_has_given_up_is_thrown_away(
    home: Path, age_s: float, taken: list[int]
) -> None:
    written_s = max(path.stat().st_mtime for path in leave(home, range(1, 4), emitted=15).iterdir())
    warnings, collector = Warnings(), Collector()
    work(Orphans(str(home), warnings, lambda: written_s + age_s), collector)
    assert (collector.taken, list(home.iterdir())) == (taken, [])
    assert any("too old" in str(told) for told in warnings) == (not taken)


def test_segments_go_as_they_are_acknowledged_and_the_rest_is_for_the_next(home: Path) -> None:
    directory = leave(home, range(1, 301), emitted=1500, max_bytes=1 << 16)
    before = len(list(directory.iterdir()))
    orphans, collector = Orphans(str(home), Warnings()), Collector()
    work(orphans, collector, turns=before + 8)
    collector.there = False
    work(orphans, collector)
    assert 0 < len(collector.taken) < 300
    assert len(list(directory.iterdir())) < before
    orphans.let_go()
    collector.there = True
    work(Orphans(str(home), Warnings()), collector)
    assert collector.taken == list(range(1, 301))
    assert [emitted for emitted, _ in collector.byes] == [1500]
    assert list(home.iterdir()) == []


def test_a_damaged_record_is_a_gap_that_the_collector_books(home: Path) -> None:
    directory = leave(home, range(1, 21), emitted=100)
    for path in directory.glob("*.seg"):
        changed = bytearray(path.read_bytes())
        changed[len(changed) // 2] ^= 0xFF
        path.write_bytes(changed)
    warnings = Warnings()
    orphans, collector = Orphans(str(home), warnings), Collector()
    work(orphans, collector, turns=200)
    missing = sorted(set(range(1, 21)) - set(collector.taken))
    assert 1 <= len(missing) <= 3
    assert collector.taken == sorted(collector.taken)
    assert collector.lost == 5 * sum(seq < max(collector.taken) for seq in missing)
    assert "damaged places" in warnings[0]
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(os.urandom(5000)),
        lambda path: path.write_bytes(path.read_bytes()[:-3]),
        lambda path: path.write_bytes(path.read_bytes() + path.read_bytes()),
        lambda path: path.write_bytes(
            encode_header(NONCE) + encode_record(NONCE, record(3, 2, agent=bytes(16)))
        ),
        lambda path: path.unlink(),
    ],
    ids=["empty", "noise", "torn", "twice", "another agent's", "gone"],
)
def test_no_state_of_a_file_stops_the_adopter(home: Path, spoil: Callable[[Path], Any]) -> None:
    directory = leave(home, range(1, 10), emitted=45)
    spoil(min(directory.glob("*.seg")))
    orphans, collector = Orphans(str(home), Warnings()), Collector()
    work(orphans, collector, turns=200)
    assert collector.taken == sorted(set(collector.taken))
    assert {2, 3, 5, 6, 8, 9} <= set(collector.taken)
    assert list(home.iterdir()) == []


def test_a_living_process_keeps_its_spool_and_two_adopters_do_not_share(home: Path) -> None:
    spool, _ = new_spool(home)
    spool.append(2, record(1, 0, 5))
    first, second, collector = *(Orphans(str(home), Warnings()) for _ in range(2)), Collector()
    work(first, collector)
    assert not collector.taken
    spool.close(farewell(5, {}))
    first.turn(collector, LOOK_S)
    work(second, collector)
    assert not collector.taken
    assert orphan_lock(str(home / spool_name(AGENT, EPOCH))) is None
    work(first, collector, now_s=LOOK_S)
    assert (collector.taken, collector.byes) == ([1], [(5, {})])


def test_an_adopter_s_child_does_not_keep_the_orphan(home: Path) -> None:
    directory = str(leave(home, range(1, 3), emitted=10))
    orphans, collector = Orphans(str(home), Warnings()), Collector()
    collector.there = False
    orphans.turn(collector, 0.0)
    child = os.fork()
    if child == 0:
        orphans.let_go()
        os._exit(0 if orphan_lock(directory) is None else 1)
    assert os.waitpid(child, 0)[1] == 0
    orphans.let_go()
    descriptor = orphan_lock(directory)
    assert descriptor is not None
    os.close(descriptor)


def test_a_home_that_others_can_enter_is_left_alone(home: Path) -> None:
    directory = leave(home, range(1, 3), emitted=10)
    home.chmod(0o755)
    warnings = Warnings()
    orphans, collector = Orphans(str(home), warnings), Collector()
    work(orphans, collector)
    assert "chmod 700" in warnings[0]
    assert directory.exists()
    home.chmod(0o700)
    work(orphans, collector, now_s=LOOK_S)
    assert collector.taken == [1, 2]
