"""The ledger that goes with the rows: which batches are stored, which events are lost. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import NamedTuple

from llmmon.errors import SchemaError
from llmmon.protocol.event import SERIES_FIELDS, Kind
from llmmon.protocol.wire import Batch, Message, decode_heartbeat, decode_series
from llmmon_collector.account import add_into, decode_claims
from llmmon_collector.store.base import FORGOTTEN, AgentRow, Committed

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
    booked = Booked([], {})
    for item in committed:
        header = item.envelope.header
        key = (header.agent_id, header.epoch)
        row = booked.changed.get(key) or copy(known.get(key)) or _new(key, item.received_ns)
        if _advance(row, item):
            booked.changed[key] = row
            if item.batch is not None:
                booked.fresh.append(item)
    return booked


def _new(key: Key, received_ns: int) -> AgentRow:
    agent_id, epoch = key
    return AgentRow(
        agent_id=agent_id, epoch=epoch, first_seen_ns=received_ns, last_seen_ns=received_ns
    )


def _advance(row: AgentRow, item: Committed) -> bool:
    """Book one message; False where it says nothing new."""
    match item.envelope.message:
        case Message.BATCH:
            changed = _take(row, item)
        case Message.BYE:
            changed = _part(row, item)
        case Message.HEARTBEAT:
            changed = _note(row, item)
        case _:
            changed = False
    if changed:
        row.last_seen_ns = max(row.last_seen_ns, item.received_ns)
    return changed


def _take(row: AgentRow, item: Committed) -> bool:
    header, batch = item.envelope.header, item.batch
    if header.seq <= row.last_seq:
        return False
    if batch is None:
        row.poison(header)
        return True
    row.take(header, batch.lost)
    row.service = row.service or service_of(batch)
    row.host = batch.host
    return True


def _part(row: AgentRow, item: Committed) -> bool:
    try:
        claims = decode_claims(item.envelope.payload)
    except SchemaError:
        return False
    row.part(item.envelope.header.first_event, claims)
    return True


def _note(row: AgentRow, item: Committed) -> bool:
    if not row.last_seq:
        return False
    try:
        heartbeat = decode_heartbeat(item.envelope.payload)
    except SchemaError:
        return False
    row.tell(heartbeat.emitted)
    row.service, row.host = heartbeat.service, heartbeat.host
    return True


def fold_away(known: Mapping[Key, AgentRow], before_ns: int) -> tuple[list[AgentRow], AgentRow]:
    """The agents that ended before ``before_ns``, and the row that takes up their sums."""
    over = [
        row
        for key, row in known.items()
        if row.ended and row.last_seen_ns < before_ns and key != FORGOTTEN
    ]
    sums = copy(known.get(FORGOTTEN)) or _new(FORGOTTEN, before_ns)
    lost = dict(sums.claims)
    for row in over:
        sums.stored += row.stored
        sums.tell(sums.emitted + row.emitted)
        sums.next_event = sums.emitted
        sums.last_seen_ns = max(sums.last_seen_ns, row.last_seen_ns)
        sums.first_seen_ns = min(sums.first_seen_ns, row.first_seen_ns)
        add_into(lost, row.lost_by_reason())
    sums.claims, sums.parted = lost, True
    return over, sums


def service_of(batch: Batch) -> str:
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
