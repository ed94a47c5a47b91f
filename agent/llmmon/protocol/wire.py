"""Messages between agent and collector, as frames of bytes.

Every message, both ways, is four frames: ``kind`` (1 byte), ``header`` (fixed struct), ``payload``
(msgpack, at most 1 MiB), ``crc`` (CRC-32 of the three before, little-endian). A batch's payload is
self-contained: it carries the series its requests name, so it can be read from a journal or a
spool without what came before it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Final, NamedTuple

from llmmon.errors import ChecksumError, FrameError, SchemaError, VersionError
from llmmon.protocol.codec import MAX_COUNT, as_counts, is_count, pack, unpack
from llmmon.protocol.decoding import decode_table
from llmmon.protocol.event import MAX_EVENTS, SCHEMA, SERIES_FIELDS, Heartbeat, Kind, OpenRequest
from llmmon.protocol.table import Ready, Table, encode_table

VERSION: Final = 1
MAX_PAYLOAD: Final = 1 << 20
MAX_SERIES: Final = MAX_EVENTS
_MAX_DIMENSION: Final = 256
_MAX_KEY: Final = len(SERIES_FIELDS) * (4 * _MAX_DIMENSION + 3) + 1
_MAX_PREFIX: Final = 64
_MAX_OPEN: Final = 64
_HEADER: Final = struct.Struct("<BB16sQQQQIqq")
HEADER_SIZE: Final = _HEADER.size
_MAX_INTERVAL_S: Final = 3600
_HEARTBEAT: Final = (*(str, str, str, int, str, int, dict, int), int | float, list, int)
_CRC: Final = struct.Struct("<I")
_FIELDS: Final = {kind: {f.number: f for f in fields} for kind, fields in SCHEMA.items()}
_KINDS: Final[Mapping[Any, Kind]] = {kind.value: kind for kind in Kind}
_BYTES: Final = frozenset((bytes,))


class Message(Enum):
    """What a message is. Agent to collector unless said."""

    HELLO = b"H"
    WELCOME = b"W"
    """Collector: answer to HELLO with the last sequence number it has committed."""
    BATCH = b"B"
    ACK = b"A"
    """Collector: every batch up to the header's ``seq`` is on disk."""
    NACK = b"N"
    """Collector: the batch ``seq`` was refused; the payload gives ``reason``."""
    HEARTBEAT = b"T"
    PING = b"P"
    PONG = b"Q"
    """Collector: answer to PING and HEARTBEAT."""
    BYE = b"E"


class Header(NamedTuple):
    """Who speaks and where it stands. On the wire a version and a flags byte come before it."""

    agent_id: bytes
    """16 bytes, the same for a service process and its forks."""
    epoch: int
    """New for every process and every fork."""
    seq: int = 0
    """BATCH: its number, from 1. ACK, WELCOME: the last one committed."""
    base_seq: int = 0
    """The oldest batch that the agent still holds."""
    first_event: int = 0
    """Events emitted before this batch's first, the lost ones too."""
    events: int = 0
    """Events in this batch."""
    wall_ns: int = 0
    mono_ns: int = 0


class Envelope(NamedTuple):
    """One message, checked as far as its frames go."""

    message: Message
    header: Header
    payload: bytes


class Batch(NamedTuple):
    """The events of one BATCH."""

    host: str
    id_prefix: str
    """Request ids are ``f"{id_prefix}-{counter:x}"`` where a row has no id of its own."""
    series: tuple[bytes, ...]
    """Packed series keys; a request's ``series`` is an index into them."""
    tables: Mapping[Kind, Table]
    lost: Mapping[str, int]
    """Events lost since the epoch began, by reason."""
    agent_id: bytes = b""
    """Whose it is, as the header says; empty where it was decoded without one."""
    skew_ns: int = 0
    """How far its agent's clock is ahead of who received it, where that is too far."""

    @property
    def events(self) -> int:
        """Events in all tables."""
        return sum(table.events for table in self.tables.values())


def encode_message(message: Message, header: Header, payload: bytes = b"") -> list[bytes]:
    """The four frames of one message.

    Raises:
        FrameError: the payload is over 1 MiB.
    """
    if len(payload) > MAX_PAYLOAD:
        raise FrameError(f"payload of {len(payload)} bytes, at most {MAX_PAYLOAD}")
    packed = _HEADER.pack(VERSION, 0, *header)
    crc = zlib.crc32(payload, zlib.crc32(packed, zlib.crc32(message.value)))
    return [message.value, packed, payload, _CRC.pack(crc)]


def decode_message(frames: Sequence[bytes]) -> Envelope:
    """The message in ``frames``.

    Raises:
        FrameError: not four frames, a frame of the wrong size, an unknown kind, impossible counts.
        VersionError: another protocol version.
        ChecksumError: the CRC does not match.
    """
    if len(frames) != 4:
        raise FrameError(f"{len(frames)} frames, expected 4")
    kind, packed, payload, crc = frames
    if len(packed) != _HEADER.size or len(crc) != _CRC.size or len(payload) > MAX_PAYLOAD:
        raise FrameError("a frame has the wrong size")
    if packed[0] != VERSION:
        raise VersionError(packed[0], VERSION)
    if zlib.crc32(payload, zlib.crc32(packed, zlib.crc32(kind))) != _CRC.unpack(crc)[0]:
        raise ChecksumError("the message's CRC does not match")
    try:
        message = Message(kind)
    except ValueError:
        raise FrameError(f"unknown message {bytes(kind[:1])!r}") from None
    header = Header(*_HEADER.unpack(packed)[2:])
    if header.events > MAX_EVENTS or header.first_event > MAX_COUNT:
        raise FrameError("the header's counts are impossible")
    return Envelope(message, header, payload)


def encode_series(key: Sequence[str | None]) -> bytes:
    """One series key, in the order of ``SERIES_FIELDS``, as the bytes that stand for it."""
    return pack(list(key))


def decode_series(packed: bytes) -> tuple[str | None, ...]:
    """The series key behind ``packed``.

    Raises:
        SchemaError: not one text or None for each of ``SERIES_FIELDS``.
    """
    key = unpack(packed) if len(packed) <= _MAX_KEY else None
    if not isinstance(key, list) or len(key) != len(SERIES_FIELDS):
        raise SchemaError(f"series: expected {len(SERIES_FIELDS)} dimensions")
    if not all(d is None or (isinstance(d, str) and len(d) <= _MAX_DIMENSION) for d in key):
        raise SchemaError(f"series: expected text of at most {_MAX_DIMENSION} characters")
    return tuple(key)


def encode_batch(
    host: str,
    id_prefix: str,
    series: Sequence[bytes],
    tables: Mapping[Kind, tuple[int, Mapping[str, Sequence[Any] | Ready]]],
    lost: Mapping[str, int],
) -> bytes:
    """A BATCH's payload. ``tables`` maps a kind to its row count and its columns by field name.

    Raises:
        struct.error, TypeError, OverflowError: a value does not fit its field's type.
    """
    packed_tables = {
        kind.value: encode_table(SCHEMA[kind], count, columns)
        for kind, (count, columns) in tables.items()
    }
    return pack([host, id_prefix, list(series), packed_tables, dict(lost)])


def decode_batch(payload: bytes, events: int, agent_id: bytes = b"") -> Batch:
    """The batch in ``payload``, which its header says holds ``events`` events of ``agent_id``.

    Raises:
        SchemaError: anything that ``encode_batch`` would not have written.
    """
    match unpack(payload):
        case [str() as host, str() as prefix, list() as series, dict() as tables, dict() as lost]:
            pass
        case _:
            raise SchemaError("batch: expected [host, id_prefix, series, tables, lost]")
    if len(host) > _MAX_DIMENSION or len(prefix) > _MAX_PREFIX or len(series) > MAX_SERIES:
        raise SchemaError("batch: host, id_prefix or series is too long")
    if not _BYTES.issuperset(map(type, series)):
        raise SchemaError("batch: expected packed series keys")
    decoded = {}
    found = 0
    for name, packed in tables.items():
        kind = _KINDS.get(name)
        if kind is None:
            raise SchemaError(f"batch: unknown kind {str(name)[:32]!r}")
        table = decoded[kind] = decode_table(_FIELDS[kind], packed)
        found += table.events
    if found != events:
        raise SchemaError(f"batch: header says {events} events, the tables hold {found}")
    return Batch(host, prefix, tuple(series), decoded, as_counts(lost), agent_id)


def encode_heartbeat(heartbeat: Heartbeat) -> bytes:
    """A HEARTBEAT's payload."""
    return pack([*heartbeat[:9], [list(o) for o in heartbeat[9]], heartbeat[10]])


def decode_heartbeat(payload: bytes) -> Heartbeat:
    """The heartbeat in ``payload``.

    Raises:
        SchemaError: anything that ``encode_heartbeat`` would not have written.
    """
    plain = unpack(payload)
    if not isinstance(plain, list) or len(plain) != len(_HEARTBEAT):
        raise SchemaError("heartbeat: unexpected shape")
    if not all(map(isinstance, plain, _HEARTBEAT)):
        raise SchemaError("heartbeat: unexpected shape")
    service, environment, host, pid, version, emitted, lost, buffered = plain[:8]
    interval_s, open_requests, open_total = plain[8:]
    names = (service, environment, host, version)
    if len(open_requests) > _MAX_OPEN or max(map(len, names)) > _MAX_DIMENSION:
        raise SchemaError("heartbeat: over its bounds")
    if not all(map(is_count, (pid, emitted, buffered, open_total))):
        raise SchemaError("heartbeat: impossible counts")
    if not 0 < interval_s <= _MAX_INTERVAL_S:
        raise SchemaError(f"heartbeat: expected an interval of at most {_MAX_INTERVAL_S} s")
    return Heartbeat(
        *(service, environment, host, pid, version, emitted, as_counts(lost), buffered),
        interval_s=float(interval_s),
        open_requests=tuple(_open_request(item) for item in open_requests),
        open_total=open_total,
    )


def _open_request(item: Any) -> OpenRequest:
    match item:
        case [
            str() as id_,
            str() as model,
            str() as route,
            int() | float() as age_ms,
            int() | None as output_tokens,
            int() | float() | None as since_chunk_ms,
        ] if max(map(len, (id_, model, route))) <= _MAX_DIMENSION:
            return OpenRequest(id_, model, route, age_ms, output_tokens, since_chunk_ms)
    raise SchemaError("heartbeat: unexpected open request")
