"""Brings the live state back at start: from the store, then from the journal's tail behind it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from llmmon.errors import ProtocolError
from llmmon.protocol.segment import decode_body
from llmmon.protocol.wire import Batch, Envelope, Message, decode_batch, decode_series
from llmmon_collector.intake.ledger import Ledger, Stream, StreamId
from llmmon_collector.journal import Cursor, Journal
from llmmon_collector.live import LiveMetrics
from llmmon_collector.store.base import Store

_CHUNK: Final = 64
_LONGEST_DAY_S: Final = 26 * 3600
"""A day on which clocks go back by two hours: what ``daily_cost`` may have to reach back over."""


def restore_ledger(ledger: Ledger, store: Store) -> None:
    """Put back where every stream stood at the store's cursor."""
    for row in store.agents():
        ledger.streams[StreamId(row.agent_id, row.epoch)] = Stream(
            last_seq=row.last_seq,
            next_event=row.next_event,
            stored=row.stored,
            lost=row.lost,
            claims={why: count for why, count in row.claims.items() if why != "poison"},
            poisoned=row.claims.get("poison", 0),
            emitted=row.next_event,
            host=row.host,
            service=row.service,
        )


def refill_windows(live: LiveMetrics, store: Store, now_ns: int) -> None:
    """Count again the stored requests that the windows, or today's cost, still cover.

    Raises:
        StoreError: the store cannot be read.
    """
    since_ns = now_ns - max(live.windows.windows_s[-1], _LONGEST_DAY_S) * 10**9
    for requests in store.recent_requests(since_ns, live.series):
        live.windows.add(requests, now_ns, warm=True)


def replay_tail(
    journal: Journal, start: Cursor, ledger: Ledger, live: LiveMetrics, now_ns: int
) -> int:
    """Book and count what is committed behind ``start`` and not yet in the store; events.

    What is in the journal was judged when it came: here only repetitions are passed over.

    Raises:
        JournalError: the journal cannot be read.
    """
    events, waiting = 0, list[Batch]()
    for envelope, batch in _committed(journal, start):
        header = envelope.header
        if header.seq <= ledger.last_seq(StreamId(header.agent_id, header.epoch)):
            continue
        if batch is None:
            ledger.poison(header)
            continue
        ledger.apply(header, batch.host, batch.lost)
        events += header.events
        waiting.append(batch)
        if len(waiting) >= _CHUNK:
            live.add(waiting, now_ns, warm=True)
            waiting = []
    if waiting:
        live.add(waiting, now_ns, warm=True)
    return events


def _committed(journal: Journal, start: Cursor) -> Iterator[tuple[Envelope, Batch | None]]:
    while entries := journal.read(start):
        for entry in entries:
            try:
                _, envelope = decode_body(memoryview(entry.body))
            except ProtocolError:
                continue
            if envelope.message is Message.BATCH:
                yield envelope, _decoded(envelope)
        start = entries[-1].end


def _decoded(envelope: Envelope) -> Batch | None:
    try:
        batch = decode_batch(envelope.payload, envelope.header.events)
        for key in batch.series:
            decode_series(key)
    except ProtocolError:
        return None
    return batch
