"""For tests of instrumented code: see what it records, without a collector or a socket.

::

    from llmmon.testing import capture_events

    def test_summary_is_tracked():
        with capture_events() as events:
            summarise("...")
        assert events.requests[0]["operation"] == "summarise"
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llmmon.monitor import Monitor, default
from llmmon.packing.packer import CHUNK, Packed, Packer
from llmmon.protocol.event import SERIES_FIELDS, Kind, request_id
from llmmon.protocol.money import usd
from llmmon.protocol.wire import decode_batch, decode_series

__all__ = ["CapturedEvents", "capture_events"]


class CapturedEvents:
    """What was recorded, as a collector would read it: one dict an event, missing fields left out.

    Everything goes through the same packing, scoring, redaction and encoding as on its way to a
    collector; scores are worked out for all requests, whatever the CPU budget.
    """

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self._rows: dict[Kind, list[dict[str, Any]]] = {kind: [] for kind in Kind}
        self.unencodable = 0
        """Events that could not be encoded."""

    @property
    def requests(self) -> list[dict[str, Any]]:
        """Requests ended, with ``id``, dimensions and ``cost_usd`` spelt out."""
        return self._read(Kind.REQUEST)

    @property
    def spans(self) -> list[dict[str, Any]]:
        """Spans ended."""
        return self._read(Kind.SPAN)

    @property
    def logs(self) -> list[dict[str, Any]]:
        """Log lines published."""
        return self._read(Kind.LOG)

    @property
    def scores(self) -> list[dict[str, Any]]:
        """Scores recorded by themselves."""
        return self._read(Kind.SCORE)

    def _read(self, kind: Kind) -> list[dict[str, Any]]:
        if self._monitor.capturing:
            self.collect()
        return self._rows[kind]

    def collect(self) -> None:
        """Take over what has been recorded so far. Reading does it by itself."""
        monitor = self._monitor
        config = monitor.config._replace(score_cpu_share=1.0)
        packer = Packer(config, monitor.prefix, 0.0)
        for lane in monitor.lanes:
            while lane.queue:
                rows = [lane.queue.popleft() for _ in range(min(CHUNK, len(lane.queue)))]
                if lane is monitor.requests:
                    self._take(packer.requests(rows, {}, 0.0))
                else:
                    self._take(packer.events(rows, {}))

    def _take(self, batches: list[Packed]) -> None:
        for packed in batches:
            if packed.payload is None:
                self.unencodable += packed.events
                continue
            batch = decode_batch(packed.payload, packed.events)
            keys = [decode_series(key) for key in batch.series]
            for kind, table in batch.tables.items():
                for row in table.rows():
                    told = _request(row, keys, batch.id_prefix) if kind is Kind.REQUEST else row
                    self._rows[kind].append(told)


def _request(
    row: dict[str, Any], keys: list[tuple[str | None, ...]], id_prefix: str
) -> dict[str, Any]:
    dims = zip(SERIES_FIELDS, keys[row.pop("series")], strict=True)
    told: dict[str, Any] = {"id": request_id(id_prefix, row.pop("counter"))}
    told |= {name: value for name, value in dims if value is not None} | row
    if (cost_pico := row.get("cost_pico_usd")) is not None:
        told |= {"cost_usd": usd(cost_pico)}
    return told


@contextmanager
def capture_events(monitor: Monitor = default) -> Iterator[CapturedEvents]:
    """Everything recorded within the block; nothing of it goes to a collector."""
    was_closed = monitor.closed
    before = [(lane, list(lane.queue)) for lane in monitor.lanes]
    for lane, _ in before:
        lane.queue.clear()
    events = CapturedEvents(monitor)
    monitor.capturing, monitor.closed = True, False
    try:
        yield events
    finally:
        events.collect()
        monitor.capturing, monitor.closed = False, was_closed
        for lane, rows in before:
            lane.queue.extend(rows)
        if any(rows for _, rows in before):
            monitor.wake(urgent=True)
