"""Requests to deltas, one a time slot, without looping over requests."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from llmmon_collector.requests import Requests
from llmmon_collector.sketch import BINS, narrow_bin_of
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
    after_first = requests.output_tokens.astype(np.float32)
    after_first -= 1
    after_first[~((after_first > 0) & (rest_ms >= 0))] = np.nan
    per_token: Floats = np.divide(rest_ms, after_first, out=rest_ms)
    return per_token


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
    narrow = (int(cells.max()) + 1) * ROW < _LAST_NARROW
    dtype = np.uint32 if narrow else np.int64
    rows = (cells * ROW).astype(dtype)
    keys = np.empty((len(columns), len(cells)), dtype)
    untold = 0
    for histogram, values in columns.items():
        bins = narrow_bin_of(values).view(np.uint32)
        bins += np.uint32(histogram * BINS)
        np.add(rows, bins, out=keys[histogram])
        missing = np.flatnonzero(np.isnan(values))
        keys[histogram][missing] = np.iinfo(dtype).max
        untold += len(missing)
    keys.shape = keys.size
    keys.sort()
    return count_runs(keys[: keys.size - untold])
