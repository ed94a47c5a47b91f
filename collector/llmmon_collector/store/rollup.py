"""Minute rollups as rows: counts as columns, histograms as sparse blobs. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from llmmon_collector.requests import Requests
from llmmon_collector.series import SeriesTable
from llmmon_collector.store.base import MINUTE_NS
from llmmon_collector.store.schema import COUNTS, SERIES
from llmmon_collector.windows.delta import ROW, Delta, run_starts, sum_runs
from llmmon_collector.windows.fold import fold

_MINUTES_AT_ONCE: Final = 64
"""Bounds the memory that requests scattered over the years can ask for."""
_HALF: Final = np.uint64(32)
_LOW: Final = np.uint64(2**32 - 1)
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


def delta_of(rows: Mapping[str, NDArray[Any]]) -> Delta:
    """What the ``rows``, at least one, add up to: ``code`` of the series, counts and ``sketch``."""
    codes = rows["code"].astype(np.int64)
    order = np.argsort(codes, kind="stable")
    starts = run_starts(codes[order])
    counts = np.stack([rows[name] for name in COUNTS], axis=1).astype(np.int64)
    bins, bin_counts = cells_of(codes, rows["sketch"])
    summed = np.add.reduceat(counts[order], starts)
    return Delta(bins, bin_counts, codes[order][starts], summed)


def cells_of(
    codes: NDArray[np.int64], sketches: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The bins of ``sketches``, each of the series in ``codes``, ascending, with their sums."""
    blobs = sketches.tolist()
    cells = np.frombuffer(b"".join(blobs), _CELL)
    owner = np.repeat(codes, [len(blob) // _CELL.itemsize for blob in blobs])
    return _summed(owner * ROW + cells["bin"], cells["count"])


def summed_cells(
    pieces: Sequence[tuple[NDArray[np.int64], NDArray[np.int32]]],
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """What :func:`cells_of` told of several pieces, as of one."""
    if not pieces:
        return np.empty(0, np.int64), np.empty(0, np.int32)
    if len(pieces) == 1:
        return pieces[0]
    bins = np.concatenate([bins for bins, _ in pieces])
    return _summed(bins, np.concatenate([counts for _, counts in pieces]).astype(np.uint32))


def _summed(
    bins: NDArray[np.int64], counts: NDArray[np.uint32]
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Each distinct bin, ascending, and the sum of its counts. Bins are under 2**32."""
    # to sort one array is several times as fast as to order two by one of them
    keyed = (bins.astype(np.uint64) << _HALF) | counts
    keyed.sort()
    return sum_runs((keyed >> _HALF).astype(np.int64), (keyed & _LOW).astype(np.int32))
