"""The one file format of the collector's journal and the agent's spool.

A segment is a file header and records. The header is :data:`MAGIC` and, twice, a nonce (8 bytes)
with its CRC (u32), so that one damaged copy costs nothing. A record is ``marker`` (4 bytes),
``length`` (u32), ``crc`` (u32), body; the first half of the nonce is the marker, the second the
CRC's start value. A torn tail or a flipped bit costs the records that it hits: the scan says so,
looks for the next marker and goes on. As the nonce is drawn for each file, nothing that somebody
puts into a body can pass for a record, or for many beginnings of one.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final, NamedTuple

from llmmon.errors import FrameError
from llmmon.protocol.wire import HEADER_SIZE, MAX_PAYLOAD, Envelope, decode_message

MAGIC: Final = b"LLMMON\x00\x02"
"""First bytes of a segment; the last one is the format's version."""
NONCE_SIZE: Final = 8

_COPY: Final = struct.Struct(f"<{NONCE_SIZE}sI")
FILE_HEADER_SIZE: Final = len(MAGIC) + 2 * _COPY.size
"""Bytes before the first record."""
_KEY: Final = struct.Struct("<4sI")
_MARKER_SIZE: Final = 4
_RECORD: Final = struct.Struct("<4sII")
RECORD_OVERHEAD: Final = _RECORD.size
"""Bytes that a record is longer than its body."""
MAX_BODY: Final = MAX_PAYLOAD + 256
"""Bytes of one body."""
MAX_RECORD: Final = _RECORD.size + MAX_BODY
"""Bytes of one record."""
_RECEIVED: Final = struct.Struct("<q")
_WINDOW: Final = 1 << 16


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


def encode_header(nonce: bytes) -> bytes:
    """The file header of a segment whose ``nonce``, 8 random bytes, no other file has."""
    return MAGIC + 2 * _COPY.pack(nonce, zlib.crc32(nonce))


def read_nonce(content: bytes | memoryview) -> bytes | None:
    """The nonce of a segment that begins with ``content``; None where it has no whole header."""
    if len(content) < FILE_HEADER_SIZE:
        return None
    for nonce, crc in _COPY.iter_unpack(content[len(MAGIC) : FILE_HEADER_SIZE]):
        if zlib.crc32(nonce) == crc:
            return bytes(nonce)
    return None


def encode_record(nonce: bytes, body: bytes) -> bytes:
    """``body`` as one record of the segment with ``nonce``."""
    marker, seed = _KEY.unpack(nonce)
    return _RECORD.pack(marker, len(body), zlib.crc32(body, seed)) + body


def scan(
    buffer: memoryview, nonce: bytes, start: int = FILE_HEADER_SIZE
) -> Iterator[Record | Damage]:
    """Every record of ``buffer`` from offset ``start`` on, and the damage between them.

    ``nonce`` is that of the segment which ``buffer`` is, or is a part of.
    """
    marker, seed = _KEY.unpack(nonce)
    offset = start
    while offset < len(buffer):
        record = _record_at(buffer, offset, marker, seed)
        if record is None:
            following = _next_record(buffer, offset + 1, marker, seed)
            end = len(buffer) if following is None else following
            yield Damage(offset, end, following is None)
            offset = end
        else:
            yield record
            offset = record.end


def _record_at(buffer: memoryview, offset: int, marker: bytes, seed: int) -> Record | None:
    body_start = offset + _RECORD.size
    if body_start > len(buffer):
        return None
    found, length, crc = _RECORD.unpack_from(buffer, offset)
    end = body_start + length
    if found != marker or length > MAX_BODY or end > len(buffer):
        return None
    body = buffer[body_start:end]
    return Record(body, end) if zlib.crc32(body, seed) == crc else None


def _next_record(buffer: memoryview, offset: int, marker: bytes, seed: int) -> int | None:
    # a window at a time: a file of nothing but damage must not be copied once for each
    for start in range(offset, len(buffer), _WINDOW):
        window = bytes(buffer[start : start + _WINDOW + _MARKER_SIZE - 1])
        at = window.find(marker)
        while at >= 0:
            if _record_at(buffer, start + at, marker, seed) is not None:
                return start + at
            at = window.find(marker, at + 1)
    return None


def encode_body(received_ns: int, frames: list[bytes]) -> bytes:
    """A message as a record's body: when it was received or written, then its frames."""
    kind, header, payload, crc = frames
    return b"".join((_RECEIVED.pack(received_ns), kind, header, crc, payload))


def decode_body(body: memoryview) -> tuple[int, Envelope]:
    """When a message was received or written (wall clock, ns) and the message.

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
