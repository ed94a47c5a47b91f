"""Brings the live state back at start: from the store, then from the journal's tail behind it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from llmmon.errors import ProtocolError, SchemaError
from llmmon.protocol.segment import decode_body
from llmmon.protocol.wire import (
    Batch,
    Envelope,
    Message,
    decode_heartbeat,
)
from llmmon_collector.account import ACCOUNT_FIELDS, decode_claims
from llmmon_collector.intake.ledger import Ledger
from llmmon_collector.intake.reader import BatchReader
from llmmon_collector.intake.stream import Stream, StreamId
from llmmon_collector.journal import Cursor, Journal
from llmmon_collector.live import LiveMetrics
from llmmon_collector.requests import Requests
from llmmon_collector.series import SeriesTable
from llmmon_collector.store.base import FORGOTTEN, Span, Store
from llmmon_collector.store.streams import service_of
from llmmon_collector.windows.delta import Delta

_CHUNK: Final = 64


def restore_ledger(ledger: Ledger, store: Store, now_ns: int) -> None:
    """Put back where every stream stood at the store's cursor; ``now_ns`` is wall time."""
    for row in store.agents():
        if (row.agent_id, row.epoch) == FORGOTTEN:
            ledger.stored_before, ledger.lost_before = row.stored, dict(row.claims)
            continue
        account = {name: getattr(row, name) for name in ACCOUNT_FIELDS}
        seen_ns = _monotonic_ns(ledger, row.last_seen_ns, now_ns)
        stream = Stream(**account, host=row.host, service=row.service)
        stream.heard_ns = stream.noted_ns = seen_ns
        stream.noted_emitted = stream.emitted
        ledger.put(StreamId(row.agent_id, row.epoch), stream)


def _monotonic_ns(ledger: Ledger, at_ns: int, now_ns: int) -> int:
    """A wall time as the ledger's monotonic time, never in the future."""
    return ledger.opened_ns - max(0, now_ns - at_ns)


def refill_windows(live: LiveMetrics, store: Store, now_ns: int) -> None:
    """Put back what the store has of the time that the windows, or today's cost, still cover.

    Raises:
        StoreError: the store cannot be read.
    """
    live.windows.refill(_Kept(store, live.series, now_ns), now_ns)


class _Kept(NamedTuple):
    """A store as the windows ask it."""

    store: Store
    series: SeriesTable
    now_ns: int

    def begun_ns(self, since_ns: int) -> int | None:
        return self.store.begin_ns(since_ns)

    def rollups(self, since_ns: int, step_ns: int) -> Iterator[tuple[int, Delta]]:
        return self.store.rollups(Span.of(since_ns, self.now_ns, step_ns), self.series)

    def requests(self, since_ns: int) -> Iterator[Requests]:
        return self.store.recent_requests(since_ns, self.series)


def replay_tail(
    journal: Journal, start: Cursor, ledger: Ledger, live: LiveMetrics, now_ns: int
) -> int:
    """Book and count what is committed behind ``start`` and not yet in the store; events.

    What is in the journal was judged when it came: here only repetitions are passed over.

    Raises:
        JournalError: the journal cannot be read.
    """
    events, waiting, reader = 0, list[Batch](), BatchReader()
    for received_ns, envelope in _committed(journal, start):
        at_ns = _monotonic_ns(ledger, received_ns, now_ns)
        if envelope.message is not Message.BATCH:
            _book_word(ledger, envelope, at_ns)
            continue
        batch = _book_batch(ledger, reader, envelope, at_ns)
        if batch is None:
            continue
        events += envelope.header.events
        waiting.append(batch)
        if len(waiting) >= _CHUNK:
            live.add(waiting, now_ns, warm=True)
            waiting = []
    if waiting:
        live.add(waiting, now_ns, warm=True)
    return events


def _book_batch(
    ledger: Ledger, reader: BatchReader, envelope: Envelope, at_ns: int
) -> Batch | None:
    """Book a batch; None where it is a repetition, or cannot be read."""
    header = envelope.header
    stream_id = StreamId(header.agent_id, header.epoch)
    if header.seq <= ledger.last_seq(stream_id):
        return None
    try:
        batch = reader.read(envelope)
    except SchemaError:
        ledger.poison(header, at_ns)
        return None
    ledger.apply(header, batch.host, batch.lost, at_ns)
    stream = ledger.stream(stream_id)
    stream.service = stream.service or service_of(batch)
    return batch


def _book_word(ledger: Ledger, envelope: Envelope, at_ns: int) -> None:
    """Book a goodbye, or a heartbeat that was noted."""
    header = envelope.header
    stream_id = StreamId(header.agent_id, header.epoch)
    try:
        if envelope.message is Message.BYE:
            ledger.bye(header, decode_claims(envelope.payload), at_ns)
        elif envelope.message is Message.HEARTBEAT and ledger.last_seq(stream_id):
            ledger.heard(header, at_ns, decode_heartbeat(envelope.payload))
            ledger.noted(stream_id, at_ns)
    except ProtocolError:
        return


def _committed(journal: Journal, start: Cursor) -> Iterator[tuple[int, Envelope]]:
    while entries := journal.read(start):
        for entry in entries:
            try:
                yield decode_body(memoryview(entry.body))
            except ProtocolError:
                continue
        start = entries[-1].end
