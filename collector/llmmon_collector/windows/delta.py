"""What some requests add to some series: sparse, to be added to totals and taken away again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from llmmon_collector.sketch import BINS, BLOCK
from llmmon_collector.windows.counts import COLUMNS

Integers = NDArray[np.int64]

LATENCY, TTFT, MAX_GAP, TPOT = range(4)
"""The histograms of a series. ``tpot`` is the time per output token after the first."""
HISTOGRAMS: Final = 4
ROW: Final = HISTOGRAMS * BINS
"""Bins a series. Bin ``b`` of histogram ``h`` of series ``s`` is ``s * ROW + h * BINS + b``."""
_BLOCK_BITS: Final = BLOCK.bit_length() - 1
_BYTE: Final = 255
_WIDTHS: Final = (np.uint8, np.uint16, np.uint32, np.int64)


@dataclass(frozen=True)
class Delta:
    """Bin counts and exact counts of the series that some requests touched."""

    bins: Integers
    """Bins that hold something, ascending, each once."""
    bin_counts: NDArray[np.int32]
    series: Integers
    """Series that hold something, ascending, each once."""
    counts: Integers
    """``int64[len(series), COLUMNS]``."""

    @cached_property
    def blocks(self) -> tuple[Integers, NDArray[np.int32]]:
        """Blocks of bins that hold something, ascending, and how much."""
        return sum_runs(self.bins >> _BLOCK_BITS, self.bin_counts)

    @cached_property
    def whole(self) -> tuple[Integers, Integers]:
        """The same over all series: ``int64[ROW]`` and ``int64[COLUMNS]``."""
        bins = np.bincount(self.bins & (ROW - 1), self.bin_counts, ROW).astype(np.int64)
        return bins, self.counts.sum(axis=0)

    def only(self, members: NDArray[np.bool_]) -> Delta:
        """The part of the series that the mask ``members`` names; those beyond it are out."""
        ended = np.append(members, False)
        series = ended[np.minimum(self.series, len(members))]
        starts = np.searchsorted(self.bins, self.series * ROW)
        bins = np.repeat(series, np.diff(starts, append=len(self.bins)))
        return Delta(
            self.bins[bins], self.bin_counts[bins], self.series[series], self.counts[series]
        )


def sum_runs(keys: Integers, values: NDArray[Any]) -> tuple[Integers, NDArray[Any]]:
    """Each distinct one of the ascending ``keys``, and the sum of its ``values``."""
    if not len(keys):
        return keys, values
    starts = run_starts(keys)
    return keys[starts], np.add.reduceat(values, starts, dtype=values.dtype)


def count_runs(keys: NDArray[Any]) -> tuple[Integers, NDArray[np.int32]]:
    """Each distinct one of the ascending ``keys``, and how often it comes."""
    if not len(keys):
        return np.empty(0, np.int64), np.empty(0, np.int32)
    starts = run_starts(keys)
    counts = np.diff(starts, append=len(keys)).astype(np.int32)
    return keys[starts].astype(np.int64), counts


def run_starts(keys: NDArray[Any]) -> Integers:
    """Where each run of equal ``keys``, of which there is at least one, begins."""
    return np.concatenate(([0], np.flatnonzero(keys[1:] != keys[:-1]) + 1))


def merge(deltas: Sequence[Delta]) -> Delta:
    """All of ``deltas``, of which there is at least one, as one."""
    bins = np.concatenate([delta.bins for delta in deltas])
    order = np.argsort(bins, kind="stable")
    bin_counts = np.concatenate([delta.bin_counts for delta in deltas])
    series, cells = np.unique(np.concatenate([d.series for d in deltas]), return_inverse=True)
    counts = np.zeros((len(series), COLUMNS), np.int64)
    np.add.at(counts, cells, np.concatenate([delta.counts for delta in deltas]))
    return Delta(*sum_runs(bins[order], bin_counts[order]), series, counts)


@dataclass(frozen=True, slots=True)
class Packed:
    """A :class:`Delta` in about two bytes a bin: gaps and counts, where a byte holds them."""

    gaps: NDArray[np.uint8]
    wide_gaps: NDArray[np.int64]
    """The gaps that a byte cannot hold; a 0 in ``gaps`` stands for the next of them."""
    counts: NDArray[np.uint8]
    wide_counts: NDArray[np.int32]
    series: NDArray[np.uint32]
    columns: tuple[tuple[Integers, NDArray[Any]], ...]
    """Columns of the counts that are not all 0, by the narrowest type that holds them."""


def pack(delta: Delta) -> Packed:
    """``delta`` in less memory."""
    gaps = np.diff(delta.bins, prepend=-1)
    narrow_gaps, wide_gaps = _split(gaps)
    narrow_counts, wide_counts = _split(delta.bin_counts)
    series = delta.series.astype(np.uint32)
    return Packed(narrow_gaps, wide_gaps, narrow_counts, wide_counts, series, _narrow(delta.counts))


def unpack(packed: Packed) -> Delta:
    """The delta that ``packed`` was made of."""
    gaps = _join(packed.gaps, packed.wide_gaps)
    counts = np.zeros((len(packed.series), COLUMNS), np.int64)
    for columns, values in packed.columns:
        counts[:, columns] = values
    bins = np.cumsum(gaps)
    bins -= 1
    bin_counts = _join(packed.counts, packed.wide_counts)
    return Delta(bins, bin_counts, packed.series.astype(np.int64), counts)


def _split(values: NDArray[Any]) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    wide = values > _BYTE
    return np.where(wide, 0, values).astype(np.uint8), values[wide]


def _join(narrow: NDArray[np.uint8], wide: NDArray[Any]) -> NDArray[Any]:
    values = narrow.astype(wide.dtype)
    values[narrow == 0] = wide
    return values


def _narrow(counts: Integers) -> tuple[tuple[Integers, NDArray[Any]], ...]:
    peaks = counts.max(axis=0, initial=0)
    packed = []
    below = 0
    for width in _WIDTHS:
        most = np.iinfo(width).max
        columns = np.flatnonzero((peaks > below) & (peaks <= most))
        if len(columns):
            packed.append((columns, counts[:, columns].astype(width)))
        below = most
    return tuple(packed)
