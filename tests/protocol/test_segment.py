"""Segments: whole records come back; a torn tail or a flipped bit costs what it hits."""

from __future__ import annotations

import zlib
from unittest import mock

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from llmmon.errors import ProtocolError
from llmmon.protocol import segment
from llmmon.protocol.segment import FILE_HEADER_SIZE, Damage, Record
from llmmon.protocol.wire import Header, Message, encode_message

NONCE = bytes(range(1, 9))

bodies = st.lists(st.binary(max_size=40), max_size=6)


def _file(parts: list[bytes]) -> bytes:
    records = (segment.encode_record(NONCE, body) for body in parts)
    return segment.encode_header(NONCE) + b"".join(records)


def _whole(buffer: bytes) -> list[bytes]:
    return [bytes(r.body) for r in segment.scan(memoryview(buffer), NONCE) if isinstance(r, Record)]


@given(bodies)
def test_records_come_back_in_order(parts: list[bytes]) -> None:
    assert _whole(_file(parts)) == parts


@given(bodies, st.data())
def test_a_torn_tail_keeps_what_is_whole(parts: list[bytes], data: st.DataObject) -> None:
    whole = _file(parts)
    cut = data.draw(st.integers(FILE_HEADER_SIZE, len(whole)))
    kept = _whole(whole[:cut])
    assert kept == parts[: len(kept)]
    assert len(_file(parts[: len(kept)])) <= cut
    assert len(kept) == len(parts) or cut < len(_file(parts[: len(kept) + 1]))


@given(st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=6), st.data())
def test_a_flipped_bit_costs_one_record(parts: list[bytes], data: st.DataObject) -> None:
    changed = bytearray(_file(parts))
    at = data.draw(st.integers(FILE_HEADER_SIZE, len(changed) - 1))
    changed[at] ^= 1 << data.draw(st.integers(0, 7))
    kept = _whole(bytes(changed))
    found = list(segment.scan(memoryview(bytes(changed)), NONCE))
    assert sum(isinstance(item, Damage) for item in found) == 1
    hit = next(i for i in range(len(parts)) if at < len(_file(parts[: i + 1])))
    assert kept == parts[:hit] + parts[hit + 1 :]


def test_damage_says_whether_anything_whole_follows() -> None:
    header, record = segment.encode_header(NONCE), segment.encode_record(NONCE, b"body")
    inside = header + b"junk" + record
    assert next(segment.scan(memoryview(inside), NONCE)) == Damage(32, 36, at_tail=False)
    tail = header + record + record[:-1]
    assert list(segment.scan(memoryview(tail), NONCE))[-1] == Damage(48, 63, at_tail=True)


def test_a_header_with_one_damaged_copy_still_tells_its_nonce() -> None:
    header = segment.encode_header(NONCE)
    for at in range(FILE_HEADER_SIZE):
        changed = bytearray(header)
        changed[at] ^= 0x20
        assert segment.read_nonce(changed) == NONCE
        assert segment.read_nonce(header[:at]) is None
    changed[len(segment.MAGIC)] ^= 0x20
    assert segment.read_nonce(changed) is None


@given(bodies, st.binary(min_size=8, max_size=8))
def test_records_of_another_file_are_not_read(parts: list[bytes], other: bytes) -> None:
    assume(other != NONCE)
    foreign = b"".join(segment.encode_record(other, body) for body in parts)
    own = segment.encode_record(NONCE, b"own")
    found = list(segment.scan(memoryview(foreign + own), NONCE, 0))
    assert [bytes(item.body) for item in found if isinstance(item, Record)] == [b"own"]


def test_a_body_full_of_records_and_markers_offers_none_after_damage() -> None:
    guess = segment.encode_record(bytes(8), b"forged")
    hostile = segment.encode_record(NONCE, guess + guess[:12] * 80_000)
    buffer = b"\0" + hostile[1:] + segment.encode_record(NONCE, b"next")
    with mock.patch.object(zlib, "crc32", side_effect=zlib.crc32) as summed:
        found = list(segment.scan(memoryview(buffer), NONCE, 0))
    assert found[0] == Damage(0, len(hostile), at_tail=False)
    assert isinstance(found[1], Record)
    assert summed.call_count == 2, "the next record is found, then read"


def test_the_end_of_a_record_is_where_the_next_scan_starts() -> None:
    buffer = memoryview(_file([b"one", b"two"]))
    first = next(segment.scan(buffer, NONCE))
    assert [bytes(r.body) for r in segment.scan(buffer, NONCE, first.end)] == [b"two"]


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
