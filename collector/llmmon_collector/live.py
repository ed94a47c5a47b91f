"""The live numbers: batches in, tables of metrics out. What rules, snapshots and tools read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np

from llmmon.protocol.event import Heartbeat, Kind
from llmmon.protocol.wire import Batch
from llmmon_collector.metrics import MetricTable
from llmmon_collector.requests import RequestDecoder, Requests
from llmmon_collector.series import SeriesTable, Where
from llmmon_collector.windows import Windows

STALLED_MS: Final = 10_000
"""An open request with no chunk, or no answer at all, for this long is stalled."""


class Open(NamedTuple):
    """Requests begun and not ended, as agents last said."""

    total: int
    stalled: int


def count_open(heartbeats: Iterable[Heartbeat]) -> Open:
    """The open requests of all agents whose ``heartbeats`` are given."""
    total = stalled = 0
    for heartbeat in heartbeats:
        total += heartbeat.open_total
        for request in heartbeat.open_requests:
            waited_ms = request.since_chunk_ms
            stalled += (request.age_ms if waited_ms is None else waited_ms) > STALLED_MS
    return Open(total, stalled)


class LiveMetrics:
    """Series and windows, read through tables that are built once between two changes."""

    def __init__(self, series: SeriesTable, windows: Windows, decoder: RequestDecoder) -> None:
        self.series = series
        self.windows = windows
        self._decoder = decoder
        self.open_requests = Open(0, 0)
        """As of the last ``advance``."""
        self._tables: dict[tuple[int, tuple[str, ...], Where | None], MetricTable] = {}
        self.count_too: Callable[[Requests, int], None] = _count_nothing
        """Given the requests that the windows were given, late ones too, and the wall time."""
        self.late_events = 0
        """Requests too old for the windows when they came."""

    def add(self, batches: Sequence[Batch], now_ns: int, warm: bool = False) -> Requests:
        """Take in the requests of ``batches`` and return them; ``warm`` at start-up only."""
        requests = self._decoder.decode(batches)
        timed = _by_our_clock(batches, requests)
        late = self.windows.add(timed, now_ns, warm)
        self.count_too(timed, now_ns)
        self.late_events += 0 if warm else late
        self._tables.clear()
        return requests

    def set_clock(self, now_ns: int, moved_ns: int) -> None:
        """The clock was set forward by ``moved_ns``, or back, and is at ``now_ns``."""
        self.windows.set_clock(now_ns, moved_ns)
        self._tables.clear()

    def advance(self, now_ns: int, open_requests: Open) -> None:
        """Move the windows on to ``now_ns``."""
        self.windows.advance(now_ns)
        self.open_requests = open_requests
        self._tables.clear()

    def table(
        self, window_s: int, by: tuple[str, ...] = (), where: Where | None = None
    ) -> MetricTable:
        """A :data:`~llmmon_collector.metrics.MetricSource`.

        Open requests are known for the whole only: agents tell their number, not their series.
        """
        key = (window_s, by, where)
        if key not in self._tables:
            table = self.windows.table(window_s, self.series.group(by, where))
            self._tables[key] = self._with_open(table, whole=not by and where is None)
        return self._tables[key]

    def _with_open(self, table: MetricTable, whole: bool) -> MetricTable:
        counts = self.open_requests if whole else (np.nan, np.nan)
        names = ("open_requests", "stalled_requests")
        told = {n: np.full(len(table), c, np.float64) for n, c in zip(names, counts, strict=True)}
        return replace(table, values={**table.values, **told})


def _count_nothing(requests: Requests, now_ns: int) -> None:
    """Where nobody else counts."""


def _by_our_clock(batches: Sequence[Batch], requests: Requests) -> Requests:
    """The requests of ``batches``, ending when they would have by the collector's clock."""
    if not any(batch.skew_ns for batch in batches):
        return requests
    tables = [(batch.skew_ns, batch.tables.get(Kind.REQUEST)) for batch in batches]
    skews_ns = [skew_ns for skew_ns, table in tables if table is not None]
    counts = [table.events for _, table in tables if table is not None]
    return requests.ending(requests.end_ns - np.repeat(np.array(skews_ns, np.int64), counts))
