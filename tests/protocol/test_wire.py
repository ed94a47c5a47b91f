"""Batches and messages survive the wire; anything changed on the way is noticed."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.strategies import losses, series_keys, tables, text

from llmmon.errors import ChecksumError, FrameError, ProtocolError, SchemaError, VersionError
from llmmon.protocol import codec, wire
from llmmon.protocol.event import MAX_EVENTS, SERIES_FIELDS, Heartbeat, Kind, OpenRequest
from llmmon.protocol.wire import Header, Message

_U64 = st.integers(0, 2**64 - 1)
_I64 = st.integers(-(2**63), 2**63 - 1)
headers = st.builds(
    Header,
    agent_id=st.binary(min_size=16, max_size=16),
    epoch=_U64,
    seq=_U64,
    base_seq=_U64,
    first_event=st.integers(0, codec.MAX_COUNT),
    events=st.integers(0, MAX_EVENTS),
    wall_ns=_I64,
    mono_ns=_I64,
)


@given(st.sampled_from(Message), headers, st.binary(max_size=200))
def test_message_round_trip(message: Message, header: Header, payload: bytes) -> None:
    frames = wire.encode_message(message, header, payload)
    assert wire.decode_message(frames) == (message, header, payload)


@given(headers, st.binary(max_size=60), st.data())
def test_any_flipped_bit_is_noticed(header: Header, payload: bytes, data: st.DataObject) -> None:
    frames = wire.encode_message(Message.BATCH, header, payload)
    which = data.draw(st.sampled_from([i for i, frame in enumerate(frames) if frame]))
    at = data.draw(st.integers(0, len(frames[which]) - 1))
    changed = bytearray(frames[which])
    changed[at] ^= 1 << data.draw(st.integers(0, 7))
    frames[which] = bytes(changed)
    with pytest.raises(ProtocolError):
        wire.decode_message(frames)


@given(st.lists(st.binary(max_size=100), max_size=6))
def test_arbitrary_frames_raise_a_typed_error(frames: list[bytes]) -> None:
    with pytest.raises(ProtocolError):
        wire.decode_message(frames)


def test_the_wrong_number_of_frames_is_named() -> None:
    with pytest.raises(FrameError, match="3 frames, expected 4"):
        wire.decode_message([b"B", b"", b""])


def test_another_version_is_named_before_the_checksum() -> None:
    frames = wire.encode_message(Message.HELLO, Header(bytes(16), 1))
    frames[1] = bytes([wire.VERSION + 1]) + frames[1][1:]
    with pytest.raises(VersionError, match="protocol version 2, expected 1"):
        wire.decode_message(frames)


def test_a_changed_payload_fails_the_checksum() -> None:
    frames = wire.encode_message(Message.BATCH, Header(bytes(16), 1), b"abc")
    frames[2] = b"abd"
    with pytest.raises(ChecksumError):
        wire.decode_message(frames)


def test_a_payload_over_the_bound_is_refused_on_both_sides() -> None:
    big = bytes(wire.MAX_PAYLOAD + 1)
    with pytest.raises(FrameError):
        wire.encode_message(Message.BATCH, Header(bytes(16), 1), big)
    frames = wire.encode_message(Message.BATCH, Header(bytes(16), 1))
    with pytest.raises(FrameError):
        wire.decode_message([frames[0], frames[1], big, frames[3]])


@given(text(20), text(20), series_keys, tables(), losses)
def test_batch_round_trip(host: str, prefix: str, series, made, lost) -> None:
    payload = wire.encode_batch(host, prefix, series, made, lost)
    events = sum(count for count, _ in made.values())
    batch = wire.decode_batch(payload, events)
    assert (batch.host, batch.id_prefix, list(batch.series)) == (host, prefix, series)
    assert batch.lost == lost
    assert batch.events == events
    for kind, (count, columns) in made.items():
        table = batch.tables[kind]
        assert table.events == count
        for name, values in columns.items():
            assert table.values(name) == values


@given(tables(), st.data())
def test_a_mutated_batch_decodes_or_raises_a_schema_error(made, data: st.DataObject) -> None:
    payload = bytearray(wire.encode_batch("host", "p", [], made, {}))
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    events = sum(count for count, _ in made.values())
    try:
        batch = wire.decode_batch(bytes(payload), events)
    except SchemaError:
        return
    for table in batch.tables.values():
        table.rows()


@given(st.binary(max_size=300))
def test_arbitrary_payloads_raise_a_schema_error(payload: bytes) -> None:
    with pytest.raises(SchemaError):
        wire.decode_batch(payload, 1)


def test_the_header_must_tell_the_number_of_events() -> None:
    payload = wire.encode_batch("h", "p", [], {Kind.LOG: (2, {"message": ["a", "b"]})}, {})
    with pytest.raises(SchemaError, match="header says 3 events, the tables hold 2"):
        wire.decode_batch(payload, 3)


@pytest.mark.parametrize(
    "payload",
    [
        codec.pack(["h", "p", [], {"request": [MAX_EVENTS + 1]}, {}]),
        codec.pack(["h" * 257, "p", [], {}, {}]),
        codec.pack(["h", "p", [b""] * (MAX_EVENTS + 1), {}, {}]),
        codec.pack(["h", "p", ["text"], {}, {}]),
        codec.pack(["h", "p", [], {"request": [1, [7, "c", "fast"]]}, {}]),
        codec.pack(["h", "p", [], {"request": [1, [13, "c", -1]]}, {}]),
        codec.pack(["h", "p", [], {"request": [1, [13, "c", 2**32]]}, {}]),
        codec.pack(["h", "p", [], {"request": [1, [10, "c", "u" * 129]]}, {}]),
        codec.pack(["h", "p", [], {"request": [1, [30, "l", [{"k": "v" * 257}]]]}, {}]),
        codec.pack(["h", "p", [], {"request": [40, [7, "a", b"\0" * 39 * 4]]}, {}]),
        codec.pack(["h", "p", [], {"request": [40, [7, "b", b"\0" * 160, b"\0"]]}, {}]),
        codec.pack(["h", "p", [], {"request": [40, [19, "f", b"\x28\0\0\0", ["Timeout"]]]}, {}]),
        codec.pack(["h", "p", [], {"request": [1, [19, "c", "a"], [19, "c", "b"]]}, {}]),
        codec.pack(["h", "p", [], {"metric": [1]}, {}]),
        codec.pack(["h", "p", [], {}, {"queue_full": -1}]),
        b"\xdd\xff\xff\xff\xff",
        b"\x90" * 1000,
    ],
)
def test_what_breaks_a_bound_is_refused(payload: bytes) -> None:
    with pytest.raises(SchemaError):
        wire.decode_batch(payload, 1)


def test_unknown_field_numbers_are_passed_over() -> None:
    payload = codec.pack(["h", "p", [], {"log": [1, [4, "c", "hi"], [250, "c", 1]]}, {}])
    assert wire.decode_batch(payload, 1).tables[Kind.LOG].rows() == [{"message": "hi"}]


def test_columns_cost_less_than_forty_eight_bytes_a_request() -> None:
    rows = range(256)
    columns = {
        "series": [0] * 256,
        "counter": list(rows),
        "start_ns": [1_760_000_000_000_000_000 + i for i in rows],
        "latency_ms": [1.5 * i for i in rows],
        "ttft_ms": [0.5 * i for i in rows],
        "input_tokens": list(rows),
        "output_tokens": list(rows),
        "user_id": [f"u{i}" for i in rows],
        "error": [None] * 255 + ["Timeout"],
    }
    key = wire.encode_series(["svc", "prod", "chat", "openai", "gpt-4o", None, "/ask", None])
    payload = wire.encode_batch("host", "p", [key], {Kind.REQUEST: (256, columns)}, {})
    assert len(payload) < 48 * 256


@given(st.tuples(*[st.none() | text(256) for _ in SERIES_FIELDS]))
def test_series_round_trip(key) -> None:
    assert wire.decode_series(wire.encode_series(key)) == key


@pytest.mark.parametrize("key", [[None] * 7, [1] * 8, ["x" * 257] + [None] * 7])
def test_a_malformed_series_key_is_refused(key) -> None:
    with pytest.raises(SchemaError):
        wire.decode_series(codec.pack(key))


def test_heartbeat_round_trip() -> None:
    heartbeat = Heartbeat(
        *("svc", "prod", "host", 7, "0.1.0", 100, {"queue_full": 3}, 12, 2.0),
        open_requests=(OpenRequest("p-1", "gpt-4o", "/ask", 1500.0, None, 20.5),),
        open_total=9,
    )
    assert wire.decode_heartbeat(wire.encode_heartbeat(heartbeat)) == heartbeat


@given(st.binary(max_size=100))
def test_arbitrary_heartbeats_raise_a_schema_error(payload: bytes) -> None:
    with pytest.raises(SchemaError):
        wire.decode_heartbeat(payload)


def test_an_empty_payload_is_an_empty_map() -> None:
    assert codec.decode_map(b"") == {}
    with pytest.raises(SchemaError):
        codec.decode_map(codec.pack([1]))


def test_the_checksum_covers_kind_header_and_payload() -> None:
    frames = wire.encode_message(Message.ACK, Header(bytes(16), 1), b"x")
    assert int.from_bytes(frames[3], "little") == zlib.crc32(b"".join(frames[:3]))
