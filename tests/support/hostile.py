"""What a hostile or broken peer can send: payloads and headers that hurt, each with its name."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from llmmon.protocol.codec import pack
from llmmon.protocol.event import MAX_EVENTS, REQUEST, SCHEMA, SERIES_FIELDS, Kind, Type
from llmmon.protocol.wire import (
    MAX_PAYLOAD,
    Header,
    Message,
    encode_batch,
    encode_message,
    encode_series,
)

MEBI = 1 << 20
U64 = 2**64 - 1
I64 = 2**63 - 1
AGENT = b"hostile-agent-01"
UNTRUSTED = "\x00\x1b[2J\x1b]0;owned\x07\r\n\x9b31m\u202e\u2066\ufeff[red]\u0301"
"""Text with NUL, ANSI, OSC, C1, bidi overrides, markup and marks."""
SERIES = encode_series([*("svc", "prod", "chat", "openai", "gpt-4o", None, "/ask", None)])
AHEAD_NS = 2_000_000_000 * 10**9
"""A start in 2033: the live windows count what claims it as ending now."""
NUMBERS = tuple(field for field in REQUEST if field.type not in (Type.STR, Type.TAGS))


class Attack(NamedTuple):
    """One message: its header's fields and its payload."""

    name: str
    payload: bytes
    header: Mapping[str, int] = {}
    decodes: bool = False
    """Well-formed by the protocol, and still absurd."""

    def frames(self, **over: Any) -> list[bytes]:
        """As a BATCH, the first of its stream unless said."""
        fields: dict[str, Any] = {"agent_id": AGENT, "epoch": 1, "seq": 1, "base_seq": 1}
        header = Header(**{**fields, "events": 1, **self.header, **over})
        return encode_message(Message.BATCH, header, self.payload)


def _array(items: int, one: bytes) -> bytes:
    return b"\xdd" + struct.pack(">I", items) + one * items


def _nested(one: bytes) -> bytes:
    """As many arrays of 4,096 ``one`` as a payload holds: every length is within its bound."""
    inner = b"\xdc" + struct.pack(">H", MAX_EVENTS) + one * MAX_EVENTS
    count = min(MAX_EVENTS, (MAX_PAYLOAD - 16) // len(inner))
    return b"\xdc" + struct.pack(">H", count) + inner * count


def _batch(table: Any, **over: Any) -> bytes:
    parts = {"host": "h", "prefix": "p", "series": [SERIES], "tables": {"request": table}}
    return pack([*{**parts, "lost": {}, **over}.values()])


def request_payload(*column: Any, count: int = 1) -> bytes:
    """A batch of ``count`` requests with one ``column`` beside their series."""
    return _batch([count, [1, "c", 0], list(column)])


def malformed() -> Iterator[Attack]:
    """Payloads that no agent writes; each must be poison."""
    for one in (
        b"\x90",
        b"\x80",
        b"\x91\xc0",
        b"\xc0",
        b"\xa0",
        b"\xa2\xc3\xa9",
        b"\xcb" + b"@" * 8,
    ):
        yield Attack(f"nested arrays of {one.hex()}", _nested(one))
        yield Attack(f"a megabyte of {one.hex()}", one * (MEBI // len(one)))
        yield Attack(f"an array of {one.hex()}", _array(MEBI // len(one) - 8, one))
    yield Attack("arrays in arrays", b"\x91" * MEBI)
    yield Attack("maps in maps", b"\x81\xa1k" * (MEBI // 3))
    for head in (b"\xdd", b"\xdf", b"\xdb", b"\xc6", b"\xc9"):
        yield Attack(f"{head.hex()} declares four gigabytes", head + b"\xff" * 4)
        yield Attack(f"{head.hex()} declares them inside", b"\x95\xa1h" + head + b"\xff" * 8)
    yield Attack("extension types", b"\x95" + b"\xd4\x01x" * 5)
    yield Attack("an empty extension", b"\x95\xa1h\xa1p\xc7\x00\x05\x80\x80")
    yield Attack("a timestamp", b"\x95" + b"\xd6\xff\xff\xff\xff\xff" * 5)
    yield Attack("an empty timestamp", b"\x95\xa1h\xa1p\xc7\x00\xff\x80\x80")
    yield Attack("a byte that means nothing", b"\xc1")
    yield Attack("nothing", b"")
    yield Attack("something behind the end", request_payload(2, "c", 1) + b"\xc0")
    yield Attack("invalid UTF-8", b"\x95\xa2\xff\xfe\xa1p\x90\x80\x80")
    yield Attack("a surrogate", b"\x95\xa3\xed\xa0\x80\xa1p\x90\x80\x80")
    yield Attack("keys that are numbers", b"\x95\xa1h\xa1p\x90\x81\x01\x90\x80")
    yield Attack("keys that are arrays", b"\x95\xa1h\xa1p\x90\x81\x90\x90\x80")
    yield Attack("a host of a megabyte", _batch([1], host="h" * (MEBI - 100)))
    yield Attack("a million series", b"\x95\xa1h\xa1p" + _array(MEBI - 64, b"\xa0") + b"\x80\x80")
    yield Attack("series of nine", _batch([1, [2, "c", 1]], series=[pack(["x"] * 9)]))
    yield Attack("series nested", _batch([1, [2, "c", 1]], series=[_nested(b"\x90")[: MEBI - 99]]))
    yield Attack("series of long names", _batch([1], series=[pack(["x" * 257] * 8)]))
    yield Attack("losses under 65 names", _batch([1], lost={f"n{i}": 1 for i in range(65)}))
    yield Attack("losses by the 2^64", _batch([1], lost={"poison": U64}))
    yield Attack("losses below zero", _batch([1], lost={"queue_full": -1}))
    yield Attack("losses that are true", _batch([1], lost={"queue_full": True}))
    yield Attack("a count below zero", _batch([-1, [2, "c", 1]]))
    yield Attack("a count that is true", _batch([True, [2, "c", 1]]))
    yield Attack("a column number that is true", request_payload(True, "c", 1))
    yield Attack("the same column twice", _batch([1, [2, "c", 1], [2, "c", 1]]))
    yield from _malformed_columns()


def _malformed_columns() -> Iterator[Attack]:
    for value in (True, -1, U64 + 0, 1.5, float("nan"), "1", None, [], {}, b"1"):
        yield Attack(f"u32 of {value!r}", request_payload(13, "c", value))
    for value in (True, None, "1", [], {}, b"1"):
        yield Attack(f"f32 of {value!r}", request_payload(7, "c", value))
    for value in (2**63, True, 0.0):
        yield Attack(f"i64 of {value!r}", request_payload(6, "c", value))
    yield Attack("text of bytes", request_payload(3, "c", b"id"))
    yield Attack("text too long", request_payload(31, "c", "q" * 65_537))
    yield Attack("1e5 tags", request_payload(30, "l", [{f"k{i}": "v" for i in range(100_000)}]))
    yield Attack("17 tags", request_payload(30, "l", [{f"k{i}": "v" for i in range(17)}]))
    yield Attack("tags of numbers", request_payload(30, "c", {"k": 1}))
    for rows in ((1, 0), (0, 0), (40, 41), (2**32 - 1,)):
        packed = struct.pack(f"<{len(rows)}I", *rows)
        values = struct.pack(f"<{len(rows)}I", *rows)
        yield Attack(
            f"few rows {rows}", request_payload(13, "f", packed, values, count=40), {"events": 40}
        )
    for name, column in {
        "few rows of three bytes": [13, "f", b"123", b""],
        "few rows as a list": [13, "f", [1], bytes(4)],
        "few values too many": [13, "f", bytes(4), bytes(8)],
        "all too short": [13, "a", bytes(4 * 39)],
        "all as text": [13, "a", "x" * 160],
        "a bitmap too short": [13, "b", bytes(160), bytes(4)],
        "a bitmap too long": [13, "b", bytes(160), bytes(6)],
        "a list too short": [13, "l", [1] * 39],
        "no form": [13, "z", 1],
        "a form that is a list": [13, [], 1],
        "a column of two": [13, "c"],
        "a column of none": [],
    }.items():
        yield Attack(name, request_payload(*column, count=40), {"events": 40})
    unknown = [[250, "c", 0]] * 100_000
    yield Attack("1e5 unknown columns", _batch([1, *unknown]))


def absurd_headers() -> Iterator[Attack]:
    """Fine payloads under headers that no agent writes."""
    payload = request_payload(2, "c", 1)
    for name, header in {
        "four billion events": {"events": 2**32 - 1},
        "4,097 events": {"events": MAX_EVENTS + 1},
        "an offset of 2^64 - 1": {"first_event": U64},
        "an offset of 2^63": {"first_event": 2**63},
        "an offset of 2^49": {"first_event": 2**49},
    }.items():
        yield Attack(name, payload, header)


def absurd() -> Iterator[Attack]:
    """Messages that keep to the protocol and lie as much as it lets them."""
    payload = request_payload(2, "c", 1)
    for name, header in {
        "an offset of 2^47": {"first_event": 2**47},
        "seq of 2^64 - 1": {"seq": U64, "base_seq": U64},
        "seq 0": {"seq": 0, "base_seq": 0},
        "epoch 0": {"epoch": 0},
        "epoch 2^64 - 1": {"epoch": U64},
        "base_seq above seq": {"seq": 1, "base_seq": 9},
        "base_seq 0": {"seq": 1, "base_seq": 0},
        "clocks of the last day": {"wall_ns": I64, "mono_ns": -I64 - 1},
    }.items():
        yield Attack(name, payload, header, decodes=True)
    for field in NUMBERS:
        for value in _extremes(field.type):
            yield Attack(
                f"{field.name} = {value!r}", columns_payload({field.name: [value]}), decodes=True
            )
    for name, columns in _absurd_columns().items():
        count = len(next(iter(columns.values())))
        yield Attack(name, columns_payload(columns), {"events": count}, decodes=True)
    yield from _absurd_kinds()


def _extremes(kind: Type) -> tuple[Any, ...]:
    reals = (float("nan"), float("inf"), -float("inf"), -1.0, 1e-45, 3e38, 1e9, 0.0)
    return {
        Type.F32: (*reals, U64),
        Type.F64: (*reals, 1.7e308),
        Type.U8: (255,),
        Type.U32: (2**32 - 1,),
        Type.U64: (U64, 2**63),
        Type.I64: (I64, -I64 - 1, -1, 0, -62_135_596_800 * 10**9 // 10, 253_402_300_799 * 10**7),
    }[kind]


def _absurd_columns() -> dict[str, dict[str, list[Any]]]:
    n = 64
    years = range(-I64 - 1, I64, 2**64 // n)
    return {
        "times over all years": {"start_ns": list(years)[:n], "latency_ms": [1e9] * n},
        "the last moment and a day": {"start_ns": [I64] * n, "latency_ms": [86_400_000.0] * n},
        "costs of 9.2 million dollars": {"cost_pico_usd": [I64] * n},
        "every cost but one": {"cost_pico_usd": [I64] * (n - 1) + [None]},
        "series of nobody": {"series": [2**32 - 1] * n},
        "untrusted text": {
            name: [UNTRUSTED] * n for name in ("id", "user_id", "error", "finish_reason", "query")
        },
        "untrusted tags": {"tags": [{UNTRUSTED: UNTRUSTED}] * n},
        "latencies of 1e38 and denormals": {"latency_ms": [3e38, 1e-45] * (n // 2)},
        "empty text": {"id": [""] * n, "error": [""] * n},
    }


def columns_payload(
    columns: Mapping[str, list[Any]],
    kind: Kind = Kind.REQUEST,
    keys: Sequence[bytes] = (SERIES,),
) -> bytes:
    """A batch of ``columns``, started in 2033 unless they say."""
    count = len(next(iter(columns.values())))
    names = {field.name for field in SCHEMA[kind]}
    base: dict[str, list[Any]] = {}
    if kind is Kind.REQUEST:
        base = {
            "series": [0] * count,
            "counter": list(range(count)),
            "start_ns": [AHEAD_NS] * count,
        }
    chosen = {name: values for name, values in columns.items() if name in names}
    return encode_batch("h", "p", keys, {kind: (count, {**base, **chosen})}, {})


def _absurd_kinds() -> Iterator[Attack]:
    extremes = [I64, -I64 - 1, 0, -1]
    reals = [float("nan"), float("inf"), 3e38, -1.0]
    texts = [UNTRUSTED] * 4
    for kind, columns in {
        Kind.SPAN: {"start_ns": extremes, "duration_ms": reals, "id": texts, "name": texts},
        Kind.LOG: {"time_ns": extremes, "message": texts, "level": [UNTRUSTED[:16]] * 4},
        Kind.SCORE: {"time_ns": extremes, "value": reals, "request_id": texts, "name": texts},
    }.items():
        yield Attack(f"absurd {kind}s", columns_payload(columns, kind), {"events": 4}, decodes=True)
    hostile_key = encode_series([UNTRUSTED + "x" * (256 - len(UNTRUSTED))] * len(SERIES_FIELDS))
    payload = encode_batch(
        UNTRUSTED, UNTRUSTED, [hostile_key], {Kind.REQUEST: (1, {"series": [0]})}, {}
    )
    yield Attack("untrusted names", payload, decodes=True)
    empty = encode_batch("", "", [encode_series([None] * 8)], {Kind.REQUEST: (0, {})}, {})
    yield Attack("no events at all", empty, {"events": 0}, decodes=True)
    keys = [encode_series([f"svc-{i}", *["v" * 20] * 7]) for i in range(MAX_EVENTS)]
    many = {"series": list(range(MAX_EVENTS))}
    payload = encode_batch("h", "p", keys, {Kind.REQUEST: (MAX_EVENTS, many)}, {})
    yield Attack("4,096 series", payload, {"events": MAX_EVENTS}, decodes=True)


def malformed_frames() -> Iterator[tuple[str, list[bytes]]]:
    """Multipart messages that are none of ours, by name."""
    good = Attack("good", request_payload(2, "c", 1)).frames()
    yield "no frame", []
    yield "one frame", good[:1]
    yield "three frames", good[:3]
    yield "five frames", [*good, b""]
    yield "1e5 frames", [b""] * 100_000
    yield "four empty frames", [b""] * 4
    yield "a kind of a megabyte", [b"B" * MEBI, *good[1:]]
    yield "a header of a megabyte", [good[0], b"\x01" * MEBI, *good[2:]]
    yield "a payload over its bound", [*good[:2], bytes(MAX_PAYLOAD + 1), good[3]]
    yield "a flipped bit", [*good[:2], bytes([good[2][0] ^ 1]) + good[2][1:], good[3]]
    yield "another version", [good[0], b"\x02" + good[1][1:], *good[2:]]


ATTACKS = (*malformed(), *absurd_headers(), *absurd())
