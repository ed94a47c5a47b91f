"""Minute rollups as rows: counts as columns, histograms as sparse blobs. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from llmmon_collector.requests import Requests
from llmmon_collector.series import SeriesKey, SeriesTable
from llmmon_collector.store.schema import COUNTS, SERIES
from llmmon_collector.windows.delta import ROW, Delta, merge
from llmmon_collector.windows.fold import fold

MINUTE_NS: Final = 60 * 10**9
_MINUTES_AT_ONCE: Final = 64
"""Bounds the memory that requests scattered over the years can ask for."""
_CELL: Final = np.dtype([("bin", "<u2"), ("count", "<u4")])

Columns = dict[str, NDArray[Any]]


def roll_up(requests: Requests, series: SeriesTable) -> Columns:
    """Rows of the ``rollups`` table for ``requests``: one a minute and series, some partial."""
    minutes, slots = np.unique(requests.end_ns // MINUTE_NS, return_inverse=True)
    deltas: list[tuple[int, Delta]] = []
    for first in range(0, len(minutes), _MINUTES_AT_ONCE):
        rows = np.flatnonzero((slots >= first) & (slots < first + _MINUTES_AT_ONCE))
        deltas += fold(requests.take(rows), slots[rows])
    return rows_of([(int(minutes[slot]) * MINUTE_NS, delta) for slot, delta in deltas], series)


def rows_of(deltas: Sequence[tuple[int, Delta]], series: SeriesTable) -> Columns:
    """Rows of the ``rollups`` table for each minute's ``Delta``."""
    numbers = np.concatenate([np.empty(0, np.int64), *(delta.series for _, delta in deltas)])
    lengths = np.array([len(delta.series) for _, delta in deltas], np.int64)
    minutes = np.repeat(np.array([minute for minute, _ in deltas], np.int64), lengths)
    counts = np.concatenate([np.empty((0, len(COUNTS)), np.int64), *(d.counts for _, d in deltas)])
    keys = [series.keys[number] for number in numbers]
    columns: Columns = {"time": (minutes // 1000).astype("datetime64[us]")}
    for i, name in enumerate(SERIES):
        columns[name] = np.array([key[i] or None for key in keys], np.object_)
    for i, name in enumerate(COUNTS):
        columns[name] = np.ascontiguousarray(counts[:, i])
    columns["sketch"] = np.empty(len(keys), np.object_)
    columns["sketch"][:] = [blob for _, delta in deltas for blob in _sketches(delta)]
    return columns


def _sketches(delta: Delta) -> list[bytes]:
    owner = delta.bins // ROW
    cells = np.empty(len(owner), _CELL)
    cells["bin"], cells["count"] = delta.bins % ROW, delta.bin_counts
    packed = cells.tobytes()
    ends = np.searchsorted(owner, delta.series, side="right") * _CELL.itemsize
    starts = np.searchsorted(owner, delta.series, side="left") * _CELL.itemsize
    return [packed[start:end] for start, end in zip(starts, ends, strict=True)]


def delta_of(rows: Mapping[str, NDArray[Any]], series: SeriesTable) -> Delta:
    """What the ``rows``, at least one, of one minute add up to."""
    dimensions = zip(*(rows[name] for name in SERIES), strict=True)
    codes = np.array([series.code(SeriesKey(*(d or "" for d in key))) for key in dimensions])
    counts = np.stack([rows[name] for name in COUNTS], axis=1).astype(np.int64)
    blobs: list[bytes] = [bytes(blob) for blob in rows["sketch"]]
    cells = np.frombuffer(b"".join(blobs), _CELL)
    owner = np.repeat(codes, [len(blob) // _CELL.itemsize for blob in blobs])
    bins = owner * ROW + cells["bin"]
    return merge([Delta(bins, cells["count"].astype(np.int32), codes, counts)])
