"""Batches as agents send them and journals keep them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llmmon.protocol.event import SERIES_FIELDS, Kind
from llmmon.protocol.segment import decode_body, encode_body
from llmmon.protocol.wire import (
    Header,
    Message,
    decode_batch,
    encode_batch,
    encode_message,
    encode_series,
)
from llmmon_collector.store import Committed

AGENT = bytes(range(16))
START_NS = 1_795_500_000_000_000_000
"""2026-11-24 06:00:00 UTC."""

Rows = Sequence[Mapping[str, Any]]


def series(**dimensions: str) -> bytes:
    """A packed series key, ``service`` and ``model`` set unless said."""
    given = {"service": "shop", "operation": "chat", "model": "m", **dimensions}
    return encode_series([given.get(name) for name in SERIES_FIELDS])


def body(
    requests: Rows = (),
    *,
    seq: int = 1,
    first_event: int = 0,
    keys: Sequence[bytes] = (),
    others: Mapping[Kind, Rows] | None = None,
    agent_id: bytes = AGENT,
    epoch: int = 7,
    lost: Mapping[str, int] | None = None,
    received_ns: int = START_NS,
) -> bytes:
    """A journal record's body: one batch of ``requests`` and of ``others`` by kind."""
    rows = {Kind.REQUEST: requests, **(others or {})}
    tables = {kind: (len(some), _columns(some)) for kind, some in rows.items() if some}
    payload = encode_batch("host-1", "a1b2", keys or [series()], tables, lost or {})
    events = sum(len(some) for some in rows.values())
    header = Header(agent_id, epoch, seq, seq, first_event, events, received_ns, 0)
    return encode_body(received_ns, encode_message(Message.BATCH, header, payload))


def _columns(rows: Rows) -> dict[str, list[Any]]:
    names = {name for row in rows for name in row}
    return {name: [row.get(name) for row in rows] for name in names}


def committed(record: bytes) -> Committed:
    """What a store folds for a journal record's body."""
    received_ns, envelope = decode_body(memoryview(record))
    batch = decode_batch(envelope.payload, envelope.header.events)
    return Committed(received_ns, envelope, batch)
