"""The messages behind ``tests/vectors``: one of each sort, with every column form.

``python -m support.vectors`` (from ``tests``) writes them anew, after a change of the protocol.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, NamedTuple

from llmmon.protocol.codec import decode_map, encode_map
from llmmon.protocol.event import SERIES_FIELDS, Heartbeat, Kind, OpenRequest
from llmmon.protocol.segment import encode_body, encode_header, encode_record
from llmmon.protocol.wire import (
    Batch,
    Envelope,
    Header,
    Message,
    decode_batch,
    decode_heartbeat,
    decode_message,
    decode_series,
    encode_batch,
    encode_heartbeat,
    encode_message,
    encode_series,
)

DIRECTORY: Final = Path(__file__).parent.parent / "vectors"
START_NS: Final = 1_795_500_000_000_000_000
AGENT: Final = bytes(range(16))
EPOCH: Final = 7
NONCE: Final = bytes(range(8))
ROWS: Final = 40


class Vector(NamedTuple):
    """One golden message: its frames and what a reader must find in them."""

    name: str
    frames: list[bytes]

    def as_json(self) -> str:
        """The file that holds it."""
        envelope = decode_message(self.frames)
        document = {
            "frames": [frame.hex() for frame in self.frames],
            "message": envelope.message.name,
            "header": envelope.header._asdict() | {"agent_id": envelope.header.agent_id.hex()},
            "payload": read_payload(envelope),
        }
        return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def read_payload(envelope: Envelope) -> Any:
    """What a payload says, as plain values."""
    header, payload = envelope.header, envelope.payload
    match envelope.message:
        case Message.BATCH:
            return _batch(decode_batch(payload, header.events))
        case Message.HEARTBEAT:
            beat = decode_heartbeat(payload)
            requests = [request._asdict() for request in beat.open_requests]
            return beat._asdict() | {"open_requests": requests}
    return decode_map(payload)


def _batch(batch: Batch) -> dict[str, Any]:
    keys = [dict(zip(SERIES_FIELDS, decode_series(k), strict=True)) for k in batch.series]
    return {
        "host": batch.host,
        "id_prefix": batch.id_prefix,
        "series": keys,
        "tables": {kind.value: table.rows() for kind, table in batch.tables.items()},
        "lost": dict(batch.lost),
    }


def vectors() -> list[Vector]:
    """All of them, encoded now."""
    answer = encode_map({"credit": 64, "server_ns": START_NS, "name": "collector-1"})
    refusal = encode_map({"reason": "throttle", "retry_after_ms": 250})
    return [
        _vector("hello", Message.HELLO, base_seq=1),
        _vector("welcome", Message.WELCOME, answer, seq=3),
        _vector("batch-requests-in-columns", Message.BATCH, _columns(), seq=4, events=ROWS),
        _vector("batch-requests-few", Message.BATCH, _few(), seq=5, first_event=ROWS, events=2),
        _vector("batch-others", Message.BATCH, _others(), seq=6, first_event=ROWS + 2, events=3),
        _vector("ack", Message.ACK, answer, seq=6),
        _vector("nack", Message.NACK, refusal, seq=7),
        _vector("heartbeat", Message.HEARTBEAT, _heartbeat(), base_seq=7),
        _vector("ping", Message.PING),
        _vector("pong", Message.PONG, answer, seq=6),
        _vector("bye", Message.BYE, encode_map({"queue_full": 2}), first_event=ROWS + 7),
    ]


def _vector(name: str, message: Message, payload: bytes = b"", **fields: int) -> Vector:
    if message is Message.BATCH:
        fields["base_seq"] = 4
    header = Header(AGENT, EPOCH, **fields, wall_ns=START_NS, mono_ns=1_000_000_000)
    return Vector(name, encode_message(message, header, payload))


def _series(model: str | None) -> bytes:
    key = ("support-bot", "production", "chat", "openai", model, None, "/ask", None)
    return encode_series(key)


def _columns() -> bytes:
    every = range(ROWS)
    columns: dict[str, list[Any]] = {
        "series": [i % 2 for i in every],
        "counter": [100 + i for i in every],
        "start_ns": [START_NS + i * 1_000_000 for i in every],
        "latency_ms": [800.5 + i for i in every],
        "ttft_ms": [None if i % 3 else 200.25 + i for i in every],
        "input_tokens": [812] * ROWS,
        "output_tokens": [164 + i for i in every],
        "cost_pico_usd": [None if i else 2_030_000_000 for i in every],
        "user_id": [f"user-{i % 5}" for i in every],
        "error": ["TimeoutError" if i == 7 else None for i in every],
        "tags": [{"tier": "gold"} if i == 3 else None for i in every],
    }
    series = [_series("gpt-4o"), _series(None)]
    tables = {Kind.REQUEST: (ROWS, columns)}
    return encode_batch("host-1", "6b05797de6a74cd2", series, tables, {"queue_full": 2})


def _few() -> bytes:
    columns: dict[str, list[Any]] = {
        "series": [0, 0],
        "counter": [140, 141],
        "id": [None, "own-id"],
        "start_ns": [START_NS, START_NS + 1],
        "latency_ms": [12.5, None],
    }
    tables = {Kind.REQUEST: (2, columns)}
    return encode_batch("host-1", "6b05797de6a74cd2", [_series("gpt-4o")], tables, {})


def _others() -> bytes:
    place = {"service": ["support-bot"]}
    span: dict[str, list[Any]] = {
        "id": ["6b05797de6a74cd2-8f"],
        "trace_id": ["6b05797de6a74cd2-8e"],
        "name": ["retrieval"],
        "start_ns": [START_NS],
        "duration_ms": [3.5],
    }
    log: dict[str, list[Any]] = {
        "time_ns": [START_NS],
        "level": ["INFO"],
        "message": ["gefunden: 3 \N{SNOWMAN}"],
        "environment": ["production"],
    }
    score: dict[str, list[Any]] = {
        "request_id": ["own-id"],
        "name": ["thumbs_up"],
        "value": [1.0],
        "time_ns": [START_NS],
    }
    tables = {
        Kind.SPAN: (1, span | place),
        Kind.LOG: (1, log | place),
        Kind.SCORE: (1, score | place),
    }
    return encode_batch("host-1", "6b05797de6a74cd2", [], tables, {})


def _heartbeat() -> bytes:
    waiting = OpenRequest("6b05797de6a74cd2-90", "gpt-4o", "/ask", 2500.0, None, None)
    told: dict[str, Any] = {
        "service": "support-bot",
        "environment": "production",
        "host": "host-1",
        "pid": 4711,
        "version": "0.1.0",
        "emitted": ROWS + 7,
        "lost": {"queue_full": 2},
        "buffered": 0,
        "interval_s": 2.0,
        "open_requests": (waiting,),
        "open_total": 1,
    }
    return encode_heartbeat(Heartbeat(**told))


def segment() -> bytes:
    """A segment file with two batches, as journal and spool hold them."""
    batches = [vector for vector in vectors() if vector.name.startswith("batch-requests")]
    bodies = [encode_body(START_NS, batch.frames) for batch in batches]
    return encode_header(NONCE) + b"".join(encode_record(NONCE, body) for body in bodies)


def main() -> None:
    """Write the files."""
    for vector in vectors():
        (DIRECTORY / f"{vector.name}.json").write_text(vector.as_json())
    (DIRECTORY / "segment.hex").write_text(segment().hex() + "\n")


if __name__ == "__main__":
    main()
