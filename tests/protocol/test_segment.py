"""Segments: whole records come back; a torn tail or a flipped bit costs what it hits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmon.errors import ProtocolError
from llmmon.protocol import segment
from llmmon.protocol.segment import MAGIC, Damage, Record
from llmmon.protocol.wire import Header, Message, encode_message

bodies = st.lists(st.binary(max_size=40), max_size=6)


def _file(parts: list[bytes]) -> bytes:
    return MAGIC + b"".join(segment.encode_record(body) for body in parts)


def _whole(buffer: bytes) -> list[bytes]:
    return [bytes(r.body) for r in segment.scan(memoryview(buffer)) if isinstance(r, Record)]


@given(bodies)
def test_records_come_back_in_order(parts: list[bytes]) -> None:
    assert _whole(_file(parts)) == parts


@given(bodies, st.data())
def test_a_torn_tail_keeps_what_is_whole(parts: list[bytes], data: st.DataObject) -> None:
    whole = _file(parts)
    cut = data.draw(st.integers(len(MAGIC), len(whole)))
    kept = _whole(whole[:cut])
    assert kept == parts[: len(kept)]
    assert len(_file(parts[: len(kept)])) <= cut
    assert len(kept) == len(parts) or cut < len(_file(parts[: len(kept) + 1]))


@given(st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=6), st.data())
def test_a_flipped_bit_costs_one_record(parts: list[bytes], data: st.DataObject) -> None:
    changed = bytearray(_file(parts))
    at = data.draw(st.integers(len(MAGIC), len(changed) - 1))
    changed[at] ^= 1 << data.draw(st.integers(0, 7))
    kept = _whole(bytes(changed))
    found = list(segment.scan(memoryview(bytes(changed))))
    assert sum(isinstance(item, Damage) for item in found) == 1
    hit = next(i for i in range(len(parts)) if at < len(_file(parts[: i + 1])))
    assert kept == parts[:hit] + parts[hit + 1 :]


def test_damage_says_whether_anything_whole_follows() -> None:
    record = segment.encode_record(b"body")
    inside = MAGIC + b"junk" + record
    assert next(segment.scan(memoryview(inside))) == Damage(8, 12, at_tail=False)
    tail = MAGIC + record + record[:-1]
    assert list(segment.scan(memoryview(tail)))[-1] == Damage(24, 39, at_tail=True)


def test_the_end_of_a_record_is_where_the_next_scan_starts() -> None:
    buffer = memoryview(_file([b"one", b"two"]))
    first = next(segment.scan(buffer))
    assert [bytes(r.body) for r in segment.scan(buffer, first.end)] == [b"two"]


@given(st.integers(-(2**63), 2**63 - 1), st.binary(max_size=50))
def test_messages_survive_as_bodies(received_ns: int, payload: bytes) -> None:
    header = Header(b"a" * 16, 3, seq=9, events=1)
    frames = encode_message(Message.BATCH, header, payload)
    body = segment.encode_body(received_ns, frames)
    assert segment.decode_body(memoryview(body)) == (received_ns, (Message.BATCH, header, payload))


@given(st.binary(max_size=200))
def test_arbitrary_bodies_raise_a_typed_error(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        segment.decode_body(memoryview(body))
