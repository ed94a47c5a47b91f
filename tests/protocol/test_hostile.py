"""No bytes of a peer raise anything but a ProtocolError, or cost more than they weigh."""

from __future__ import annotations

import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.hostile import ATTACKS, U64, Attack, malformed, malformed_frames
from support.strategies import series_keys, tables

from llmmon.errors import ControlError, FrameError, ProtocolError, SchemaError
from llmmon.protocol import codec, control, segment, snapshot, wire
from llmmon.protocol.codec import MAX_COUNT
from llmmon.protocol.event import MAX_EVENTS
from llmmon.protocol.wire import MAX_PAYLOAD, Header, Message

MEBI = 1 << 20
MALFORMED = tuple(malformed())
READERS: tuple[Callable[[bytes], object], ...] = (
    wire.decode_heartbeat,
    codec.decode_map,
    wire.decode_series,
    control.decode_request,
    control.decode_reply,
    snapshot.decode_snapshot,
)


def _named(attacks: tuple[Attack, ...]) -> list[object]:
    return [pytest.param(attack, id=attack.name) for attack in attacks]


def _read(frames: list[bytes]) -> None:
    """As an intake does: the frames, the payload, the series, the rows."""
    envelope = wire.decode_message(frames)
    batch = wire.decode_batch(envelope.payload, envelope.header.events)
    for key in batch.series:
        wire.decode_series(key)
    for table in batch.tables.values():
        table.rows()


@pytest.mark.parametrize("attack", _named(ATTACKS))
def test_an_attack_is_refused_or_harmless(attack: Attack) -> None:
    frames = attack.frames()
    if attack.decodes:
        _read(frames)
    else:
        with pytest.raises(ProtocolError):
            _read(frames)


@pytest.mark.parametrize("frames", [pytest.param(f, id=name) for name, f in malformed_frames()])
def test_what_is_no_message_is_refused(frames: list[bytes]) -> None:
    with pytest.raises(ProtocolError):
        wire.decode_message(frames)


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_refuses_what_is_malformed(reader: Callable[[bytes], object]) -> None:
    for attack in MALFORMED:
        if attack.payload:
            with pytest.raises(ProtocolError):
                reader(attack.payload)


@pytest.mark.parametrize("attack", _named(MALFORMED))
def test_a_payload_costs_at_most_sixteen_times_its_bytes(attack: Attack) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(SchemaError):
            _read(attack.frames(events=0))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * MEBI


@pytest.mark.parametrize(
    "header",
    [
        {"events": MAX_EVENTS + 1},
        {"events": 2**32 - 1},
        {"first_event": MAX_COUNT + 1},
        {"first_event": U64},
    ],
)
@pytest.mark.parametrize("message", Message)
def test_impossible_counts_in_a_header_are_refused(
    message: Message, header: dict[str, int]
) -> None:
    frames = wire.encode_message(message, Header(bytes(16), 1, **header))
    with pytest.raises(FrameError, match="impossible"):
        wire.decode_message(frames)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (3, -1),
        (3, True),
        (4, "v" * 257),
        (5, U64),
        (5, MAX_COUNT + 1),
        (6, {"queue_full": U64}),
        (7, -1),
        (8, float("nan")),
        (8, float("inf")),
        (8, 0),
        (8, -2.0),
        (8, 1e9),
        (10, -(2**63)),
        (10, MAX_COUNT + 1),
    ],
)
def test_an_impossible_heartbeat_is_refused(place: int, value: object) -> None:
    plain: list[object] = ["svc", "prod", "host", 7, "1.0", 100, {"queue_full": 3}, 12, 2.0, [], 9]
    assert wire.decode_heartbeat(codec.pack(plain)).open_total == 9
    plain[place] = value
    with pytest.raises(SchemaError):
        wire.decode_heartbeat(codec.pack(plain))


def test_a_batch_of_as_many_tags_as_may_be_is_fine() -> None:
    tags = [{f"key-{k}": "v" * 8 for k in range(2)}] * MAX_EVENTS
    payload = codec.pack(["h", "p", [], {"request": [MAX_EVENTS, [30, "l", tags]]}, {}])
    assert 1 << 16 < len(payload) <= MAX_PAYLOAD
    assert wire.decode_batch(payload, MAX_EVENTS).events == MAX_EVENTS


def test_an_answer_of_many_rows_is_fine() -> None:
    rows = [[i, "text"] for i in range(100_000)]
    assert control.decode_reply(control.encode_result(1, rows)) == (1, rows)


def _mutated(data: st.DataObject, valid: bytes, other: bytes) -> bytes:
    """``valid`` with some bits flipped, cut off, or continued with a piece of ``other``."""
    changed = bytearray(valid)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, max(0, len(changed) - 1)))
        match data.draw(st.sampled_from(["flip", "cut", "splice", "insert"])):
            case "flip" if changed:
                changed[at] ^= 1 << data.draw(st.integers(0, 7))
            case "cut":
                del changed[at:]
            case "splice":
                changed[at:] = other[data.draw(st.integers(0, len(other))) :]
            case "insert":
                changed[at:at] = data.draw(st.binary(max_size=8))
    return bytes(changed)


@given(tables(), tables(), series_keys, st.data())
def test_a_mutated_payload_under_a_right_checksum(one, two, keys, data: st.DataObject) -> None:
    first, second = (wire.encode_batch("host", "p", keys, made, {}) for made in (one, two))
    payload = _mutated(data, first, second)
    events = sum(count for count, _ in one.values())
    header = Header(bytes(16), 1, seq=1, base_seq=1, events=events)
    try:
        _read(wire.encode_message(Message.BATCH, header, payload))
    except ProtocolError:
        return


@given(tables(), st.data())
def test_a_mutated_header_under_a_right_checksum(made, data: st.DataObject) -> None:
    payload = wire.encode_batch("host", "p", [], made, {})
    events = sum(count for count, _ in made.values())
    header = Header(bytes(16), 1, seq=1, base_seq=1, events=events)
    kind, packed, _, _ = wire.encode_message(Message.BATCH, header, payload)
    packed = _mutated(data, packed, packed)
    crc = zlib.crc32(payload, zlib.crc32(packed, zlib.crc32(kind)))
    try:
        _read([kind, packed, payload, crc.to_bytes(4, "little")])
    except ProtocolError:
        return


@given(st.sampled_from(READERS), st.data())
def test_a_mutated_request_answer_or_heartbeat(
    reader: Callable[[bytes], object], data: st.DataObject
) -> None:
    valid = (
        codec.pack(
            ["s", "e", "h", 1, "0", 2, {"n": 1}, 3, 2.0, [["i", "m", "r", 1.0, 2, None]], 4]
        ),
        codec.encode_map({"credit": 64, "server_ns": 1, "name": "c"}),
        wire.encode_series(["svc", None, "chat", "openai", "gpt-4o", None, "/ask", None]),
        control.encode_request(control.Request(1, "query", {"sql": "SELECT 1", "limit": 5})),
        control.encode_error(1, "failed", "why"),
        codec.pack([snapshot.VERSION, 1, 2, "c", "", 3, "model", [], [], [], [0] * 14, [], []]),
    )
    payload = _mutated(data, data.draw(st.sampled_from(valid)), data.draw(st.sampled_from(valid)))
    try:
        reader(payload)
    except (ProtocolError, ControlError):
        return


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=5), st.data())
def test_a_mutated_segment_is_covered_by_records_and_damage(
    bodies: list[bytes], data: st.DataObject
) -> None:
    nonce = bytes(range(8))
    whole = b"".join(segment.encode_record(nonce, body) for body in bodies)
    buffer = _mutated(data, whole, whole)
    end = 0
    for found in segment.scan(memoryview(buffer), nonce, 0):
        assert found.end > end
        if isinstance(found, segment.Damage):
            assert found.start == end
        end = found.end
    assert end == len(buffer)
