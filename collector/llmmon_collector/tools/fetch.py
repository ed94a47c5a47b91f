"""Minutes of a running collector's store, fetched through its ``query`` method. No I/O.

Each page is one statement that has the database pack rows into one text a series, so that the
daemon handles a few long texts instead of millions of numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from llmmon_collector.series import SeriesKey, SeriesTable
from llmmon_collector.store.base import Rollup, Span
from llmmon_collector.store.rollup import delta_of
from llmmon_collector.store.schema import COUNTS, SERIES, select
from llmmon_collector.windows.delta import run_starts

PAGE_ROLLUPS: Final = 20_000
"""Rows a page, about ten megabytes."""
MOST_SERIES: Final = 50_000
_HOUR_US: Final = 3600 * 10**6

Ask = Callable[[str, int], Sequence[Sequence[Any]]]
"""The rows of an SQL statement, of which at most so many come."""


class FetchedRollups:
    """What :class:`~llmmon_collector.past.Past` asks a store, asked of a collector."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def rollups(self, span: Span, series: SeriesTable) -> Iterator[Rollup]:
        """See :meth:`~llmmon_collector.store.base.Store.rollups`; steps are single minutes."""
        for first_us, last_us in self._pages(span):
            rows = self._ask(_page_sql(first_us, last_us), MOST_SERIES)
            yield from _rollups(_columns(rows, series)) if rows else ()

    def begin_ns(self, since_ns: int) -> int | None:
        """See :class:`~llmmon_collector.past.Rollups`."""
        since = f"FROM rollups WHERE time >= make_timestamp({-(-since_ns // 1000):d})"
        [[begin_us]] = self._ask(select(["epoch_us(min(time))"], since), 1)
        return None if begin_us is None else int(begin_us) * 1000

    def _pages(self, span: Span) -> Iterator[tuple[int, int]]:
        """Runs of hours, as first and last microsecond, with about ``PAGE_ROLLUPS`` rows each."""
        hour = f"epoch_us(time) // {_HOUR_US}"
        rest = f"FROM rollups WHERE {_within(span.first_us, span.last_us)} GROUP BY ALL ORDER BY 1"
        hours = self._ask(select([hour, "count(*)"], rest), MOST_SERIES)
        first, waiting = None, 0
        for number, (at, count) in enumerate(hours):
            first = at if first is None else first
            waiting += count
            if waiting >= PAGE_ROLLUPS or number == len(hours) - 1:
                end_us = (at + 1) * _HOUR_US - 1
                yield max(first * _HOUR_US, span.first_us), min(end_us, span.last_us)
                first, waiting = None, 0


def _within(first_us: int, last_us: int) -> str:
    return f"time BETWEEN make_timestamp({first_us:d}) AND make_timestamp({last_us:d})"


def _page_sql(first_us: int, last_us: int) -> str:
    numbers = f"concat_ws(',', epoch_us(time), {', '.join(COUNTS)})"
    packed = f"string_agg({numbers} || '|' || hex(sketch), '|')"
    rest = f"FROM rollups WHERE {_within(first_us, last_us)} GROUP BY ALL"
    return select([*SERIES, packed], rest)


def _columns(rows: Sequence[Sequence[Any]], series: SeriesTable) -> dict[str, NDArray[Any]]:
    """The minutes of all series, ascending."""
    numbers: list[str] = []
    sketches: list[str] = []
    codes: list[int] = []
    for *key, packed in rows:
        parts = packed.split("|")
        numbers += parts[::2]
        sketches += parts[1::2]
        code = series.code(SeriesKey(*(value or "" for value in key)))
        codes += [code] * (len(parts) // 2)
    table = np.fromstring(",".join(numbers), np.int64, sep=",").reshape(len(codes), -1)
    order = np.argsort(table[:, 0], kind="stable")
    columns: dict[str, NDArray[Any]] = {
        name: table[order, i] for i, name in enumerate(("minute_us", *COUNTS))
    }
    blobs = np.empty(len(codes), np.object_)
    blobs[:] = [bytes.fromhex(sketch) for sketch in sketches]
    return columns | {"code": np.array(codes, np.int32)[order], "sketch": blobs[order]}


def _rollups(columns: Mapping[str, NDArray[Any]]) -> Iterator[Rollup]:
    minutes = columns["minute_us"]
    starts = run_starts(minutes).tolist()
    for start, stop in pairwise([*starts, len(minutes)]):
        part = {name: column[start:stop] for name, column in columns.items()}
        yield Rollup(int(minutes[start]) * 1000, delta_of(part))
