"""Requests to deltas, one a time slot, without looping over requests."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from llmmon_collector.requests import Requests
from llmmon_collector.sketch import BINS, bin_of
from llmmon_collector.windows.counts import count
from llmmon_collector.windows.delta import (
    LATENCY,
    MAX_GAP,
    ROW,
    TPOT,
    TTFT,
    Delta,
    count_runs,
    run_starts,
)

Integers = NDArray[np.int64]
Floats = NDArray[np.float32]
_LAST_NARROW: Final = np.iinfo(np.uint32).max


def fold(requests: Requests, slots: Integers) -> list[tuple[int, Delta]]:
    """What ``requests``, at least one, add to each of their ``slots``, by slot ascending."""
    first = int(slots.min())
    stride = int(requests.series.max()) + 1
    cells = (slots - first) * stride + requests.series
    used, index = _compress(cells)
    counts = count(requests, index, len(used))
    bins, bin_counts = _histograms(requests, cells)
    starts = run_starts(used // stride)
    folded = []
    for low, high in zip(starts, [*starts[1:], len(used)], strict=True):
        offset = int(used[low]) // stride
        from_, to = np.searchsorted(bins, [offset * stride * ROW, (offset + 1) * stride * ROW])
        delta = Delta(
            bins[from_:to] - offset * stride * ROW,
            bin_counts[from_:to],
            used[low:high] - offset * stride,
            counts[low:high],
        )
        folded.append((first + offset, delta))
    return folded


def tpot_ms(requests: Requests) -> Floats:
    """Time per output token after the first, NaN where latency, TTFT or a second token lack."""
    rest_ms = requests.latency_ms - requests.ttft_ms
    known = (requests.output_tokens > 1) & (rest_ms >= 0)
    per_token = rest_ms / np.where(known, requests.output_tokens - 1, 1)
    return np.where(known, per_token, np.nan).astype(np.float32)


def _compress(cells: Integers) -> tuple[Integers, Integers]:
    """The distinct cells, ascending, and the index among them of each of ``cells``."""
    present = np.zeros(int(cells.max()) + 1, np.bool_)
    present[cells] = True
    used = np.flatnonzero(present)
    lookup = np.empty(len(present), np.int64)
    lookup[used] = np.arange(len(used))
    return used, lookup[cells]


def _histograms(requests: Requests, cells: Integers) -> tuple[Integers, NDArray[np.int32]]:
    """The bins of all four histograms that hold something, ascending, and how much."""
    columns = {
        LATENCY: requests.latency_ms,
        TTFT: requests.ttft_ms,
        MAX_GAP: requests.max_gap_ms,
        TPOT: tpot_ms(requests),
    }
    rows = cells * ROW
    narrow = (int(cells.max()) + 1) * ROW < _LAST_NARROW
    keys = np.empty((len(columns), len(cells)), np.uint32 if narrow else np.int64)
    last = np.iinfo(keys.dtype).max
    untold = 0
    for histogram, values in columns.items():
        missing = np.isnan(values)
        bins = bin_of(np.where(missing, 0, values))
        bins += histogram * BINS
        np.add(rows, bins, out=keys[histogram], casting="unsafe")
        keys[histogram][missing] = last
        untold += int(np.count_nonzero(missing))
    ordered = np.sort(keys, axis=None)[: keys.size - untold]
    return count_runs(ordered)
