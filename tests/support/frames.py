"""Messages as an agent would send them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llmmon.protocol.event import SERIES_FIELDS, Kind
from llmmon.protocol.wire import Header, Message, encode_batch, encode_message, encode_series

AGENT = b"agent-number-one"
DEFAULTS = {
    "service": "svc",
    "environment": "test",
    "operation": "chat",
    "provider": "openai",
    "model": "gpt-4o",
    "route": "/ask",
}


def series_key(**dimensions: str | None) -> bytes:
    """A packed series key: ``DEFAULTS`` with ``dimensions`` laid over."""
    known = DEFAULTS | dimensions
    return encode_series([known.get(name) for name in SERIES_FIELDS])


def request_payload(rows: Sequence[Mapping[str, Any]], **dimensions: str | None) -> bytes:
    """A batch of requests of one series; fields that no row has stay out."""
    names = {name for row in rows for name in row}
    columns = {name: [row.get(name) for row in rows] for name in names}
    columns["series"] = [0] * len(rows)
    columns.setdefault("counter", list(range(len(rows))))
    tables = {Kind.REQUEST: (len(rows), columns)}
    return encode_batch("host-1", "pre", [series_key(**dimensions)], tables, {})


def batch_frames(
    seq: int,
    rows: Sequence[Mapping[str, Any]],
    *,
    first_event: int = 0,
    base_seq: int | None = None,
    agent: bytes = AGENT,
    epoch: int = 1,
    **dimensions: str | None,
) -> list[bytes]:
    """The four frames of one BATCH of requests."""
    header = Header(
        agent,
        epoch,
        seq=seq,
        base_seq=seq if base_seq is None else base_seq,
        first_event=first_event,
        events=len(rows),
    )
    return encode_message(Message.BATCH, header, request_payload(rows, **dimensions))


def plain_frames(message: Message, payload: bytes = b"", **header: Any) -> list[bytes]:
    """The four frames of any other message of the same agent."""
    return encode_message(message, Header(AGENT, 1, **header), payload)
