"""The ledger that goes with the rows: which batches are stored, which events are lost. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from llmmon.errors import SchemaError
from llmmon.protocol.event import SERIES_FIELDS, Kind
from llmmon.protocol.wire import Batch, Message, decode_series
from llmmon_collector.store.base import AgentRow, Committed

Key = tuple[bytes, int]
"""Agent id and epoch."""


class Booked(NamedTuple):
    """What some committed messages come to."""

    fresh: list[Committed]
    """Batches that are not stored yet and can be."""
    changed: dict[Key, AgentRow]
    """Where their agents stand after them."""


def book(known: Mapping[Key, AgentRow], committed: Sequence[Committed]) -> Booked:
    """Judge ``committed``, given where every agent stood before them."""
    fresh: list[Committed] = []
    changed: dict[Key, AgentRow] = {}
    for item in committed:
        header = item.envelope.header
        if item.envelope.message is not Message.BATCH:
            continue
        key = (header.agent_id, header.epoch)
        row = changed.get(key) or known.get(key) or _new(key, item.received_ns)
        if header.seq <= row.last_seq:
            continue
        if item.batch is not None:
            fresh.append(item)
        changed[key] = _advance(row, item)
    return Booked(fresh, changed)


def _new(key: Key, received_ns: int) -> AgentRow:
    return AgentRow(*key, "", "", 0, 0, 0, 0, {}, received_ns, received_ns)


def _advance(row: AgentRow, item: Committed) -> AgentRow:
    header, batch = item.envelope.header, item.batch
    gap = max(0, header.first_event - row.next_event)
    moved = replace(
        row,
        last_seq=header.seq,
        next_event=header.first_event + header.events,
        last_seen_ns=item.received_ns,
    )
    if batch is None:
        poison = row.claims.get("poison", 0) + header.events
        claims = {**row.claims, "poison": poison}
        return replace(moved, lost=row.lost + gap + header.events, claims=claims)
    return replace(
        moved,
        service=row.service or _service(batch),
        host=batch.host,
        stored=row.stored + header.events,
        lost=row.lost + gap,
        claims=_claims(batch, row.claims.get("poison", 0)),
    )


def _claims(batch: Batch, poison: int) -> Mapping[str, int]:
    """The agent's word on its losses, and ours on what could not be read."""
    return {**batch.lost, "poison": poison} if poison else batch.lost


def _service(batch: Batch) -> str:
    """The service that a batch's first request, span, log line or score names."""
    if batch.series:
        try:
            return decode_series(batch.series[0])[SERIES_FIELDS.index("service")] or ""
        except SchemaError:  # the fold will find it, and book the batch as poison
            return ""
    for kind in (Kind.SPAN, Kind.LOG, Kind.SCORE):
        table = batch.tables.get(kind)
        if table is not None and table.events:
            return table.values("service")[0] or ""
    return ""
