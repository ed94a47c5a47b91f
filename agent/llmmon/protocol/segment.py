"""The one file format of the collector's journal and the agent's spool.

A segment is a file header and records: ``marker`` (4 bytes), ``length`` (u32), ``crc`` (u32 of the
body), body. A torn tail or a flipped bit costs the records that it hits: the scan says so, looks
for the next marker and goes on.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final, NamedTuple

from llmmon.errors import FrameError
from llmmon.protocol.wire import HEADER_SIZE, MAX_PAYLOAD, Envelope, decode_message

MAGIC: Final = b"LLMMON\x00\x01"
"""First bytes of a segment; the last one is the format's version."""

_MARKER: Final = b"\xa7LLM"
_RECORD: Final = struct.Struct("<4sII")
MAX_BODY: Final = MAX_PAYLOAD + 256
"""Bytes of one body."""
MAX_RECORD: Final = _RECORD.size + MAX_BODY
"""Bytes of one record."""
_RECEIVED: Final = struct.Struct("<q")


class Record(NamedTuple):
    """A whole record: its body and the offset behind it."""

    body: memoryview
    end: int


class Damage(NamedTuple):
    """Bytes from ``start`` to ``end`` that hold no whole record."""

    start: int
    end: int
    at_tail: bool
    """Nothing whole follows: a torn write, or a writer still at work."""


def encode_record(body: bytes) -> bytes:
    """``body`` as one record."""
    return _RECORD.pack(_MARKER, len(body), zlib.crc32(body)) + body


def scan(buffer: memoryview, start: int = len(MAGIC)) -> Iterator[Record | Damage]:
    """Every record of ``buffer`` from offset ``start`` on, and the damage between them."""
    offset = start
    while offset < len(buffer):
        record = _record_at(buffer, offset)
        if record is None:
            following = _next_record(buffer, offset + 1)
            end = len(buffer) if following is None else following
            yield Damage(offset, end, following is None)
            offset = end
        else:
            yield record
            offset = record.end


def _record_at(buffer: memoryview, offset: int) -> Record | None:
    body_start = offset + _RECORD.size
    if body_start > len(buffer):
        return None
    marker, length, crc = _RECORD.unpack_from(buffer, offset)
    end = body_start + length
    if marker != _MARKER or length > MAX_BODY or end > len(buffer):
        return None
    body = buffer[body_start:end]
    return Record(body, end) if zlib.crc32(body) == crc else None


def _next_record(buffer: memoryview, offset: int) -> int | None:
    whole = bytes(buffer[offset:])
    at = whole.find(_MARKER)
    while at >= 0:
        if _record_at(buffer, offset + at) is not None:
            return offset + at
        at = whole.find(_MARKER, at + 1)
    return None


def encode_body(received_ns: int, frames: list[bytes]) -> bytes:
    """A received message as a record's body: when it came, then its frames."""
    kind, header, payload, crc = frames
    return b"".join((_RECEIVED.pack(received_ns), kind, header, crc, payload))


def decode_body(body: memoryview) -> tuple[int, Envelope]:
    """When a message was received (wall clock, ns) and the message.

    Raises:
        ProtocolError: the body holds no message.
    """
    start = _RECEIVED.size
    if len(body) < start + 1 + HEADER_SIZE + 4:
        raise FrameError("a record too short for a message")
    header_end = start + 1 + HEADER_SIZE
    frames = [
        bytes(body[start : start + 1]),
        bytes(body[start + 1 : header_end]),
        bytes(body[header_end + 4 :]),
        bytes(body[header_end : header_end + 4]),
    ]
    return _RECEIVED.unpack_from(body)[0], decode_message(frames)
