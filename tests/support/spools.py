"""Messages and spools made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llmmon.protocol.codec import encode_map
from llmmon.protocol.event import Kind
from llmmon.protocol.segment import encode_record
from llmmon.protocol.wire import Header, Message, encode_batch, encode_message
from llmmon.spool.spool import Spool, record_of

AGENT = bytes(range(16))
EPOCH = 7
NONCE = bytes(range(8))


def batch_payload(name: str, events: int = 1) -> bytes:
    """A batch of scores called ``name``."""
    columns: dict[str, Sequence[Any]] = {
        "request_id": [f"r-{n}" for n in range(events)],
        "name": [name] * events,
        "value": [1.0] * events,
        "time_ns": list(range(events)),
    }
    return encode_batch("host", "p", [], {Kind.SCORE: (events, columns)}, {})


def record(seq: int, first_event: int, events: int = 1, agent: bytes = AGENT) -> bytes:
    """A batch as a spool's record; its scores are called after its number."""
    header = Header(agent, EPOCH, seq, seq, first_event, events, 1, 2)
    frames = encode_message(Message.BATCH, header, batch_payload(f"b{seq}", events))
    return record_of(1, frames)


def framed(seq: int, first_event: int) -> bytes:
    """The same as it lies in a segment with ``NONCE``."""
    return encode_record(NONCE, record(seq, first_event))


def farewell(emitted: int, lost: dict[str, int]) -> bytes:
    """A goodbye as a spool's record."""
    header = Header(AGENT, EPOCH, first_event=emitted)
    return record_of(1, encode_message(Message.BYE, header, encode_map(lost)))


class Warnings(list[str]):
    """What was warned of."""

    def __call__(self, about: object) -> None:
        self.append(str(about))


def new_spool(home: Path, max_bytes: int = 1 << 20, epoch: int = EPOCH) -> tuple[Spool, Warnings]:
    """A spool of ``AGENT`` in ``home``, and what it warns of."""
    warnings = Warnings()
    return Spool(str(home), AGENT, epoch, max_bytes, warnings), warnings
