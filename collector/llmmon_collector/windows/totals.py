"""Dense running totals of every series over one span of time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from llmmon_collector.sketch import BLOCK, BLOCKS, position, ranks, value_of
from llmmon_collector.windows.counts import COLUMNS
from llmmon_collector.windows.delta import HISTOGRAMS, ROW, Delta, run_starts
from llmmon_collector.windows.groups import Groups
from llmmon_collector.windows.mapped import mapped_zeros

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
ROW_BLOCKS: Final = HISTOGRAMS * BLOCKS
_FIRST_CAPACITY: Final = 64


class Totals:
    """Counts and histograms by series. Integers only: what is taken away again leaves nothing."""

    def __init__(self) -> None:
        self.counts: Integers = np.zeros((0, COLUMNS), np.int64)
        self._bins: NDArray[np.int32] = np.zeros(0, np.int32)
        self._blocks: NDArray[np.int32] = np.zeros(0, np.int32)
        """Sums of each ``BLOCK`` bins, so that reading quantiles passes over most bins."""

    def reserve(self, series: int) -> None:
        """Make room for ``series`` series, doubling."""
        capacity = len(self.counts)
        if series <= capacity:
            return
        capacity = max(capacity, _FIRST_CAPACITY)
        while capacity < series:
            capacity *= 2
        self.counts = _extended(self.counts, (capacity, COLUMNS))
        bins = mapped_zeros(capacity * ROW)
        used = np.flatnonzero(self._blocks)
        bins.reshape(-1, BLOCK)[used] = self._bins.reshape(-1, BLOCK)[used]
        self._bins = bins
        self._blocks = _extended(self._blocks, (capacity * ROW_BLOCKS,))

    def add(self, delta: Delta) -> None:
        """Put ``delta`` in."""
        if not len(delta.series):
            return
        self.reserve(int(delta.series[-1]) + 1)
        blocks, block_counts = delta.blocks
        np.add.at(self._bins, delta.bins, delta.bin_counts)
        np.add.at(self._blocks, blocks, block_counts)
        self.counts[delta.series] += delta.counts

    def subtract(self, delta: Delta) -> None:
        """Take ``delta``, which was put in before, out again."""
        blocks, block_counts = delta.blocks
        np.subtract.at(self._bins, delta.bins, delta.bin_counts)
        np.subtract.at(self._blocks, blocks, block_counts)
        self.counts[delta.series] -= delta.counts

    def content(self) -> Delta:
        """All that is in."""
        series = np.flatnonzero(self.counts.any(axis=1))
        blocks = np.flatnonzero(self._blocks)
        inside = self._bins.reshape(-1, BLOCK)[blocks]
        row, column = np.nonzero(inside)
        return Delta(blocks[row] * BLOCK + column, inside[row, column], series, self.counts[series])

    def clear(self) -> None:
        """Take everything out."""
        self.counts[:] = 0
        blocks = np.flatnonzero(self._blocks)
        self._bins.reshape(-1, BLOCK)[blocks] = 0
        self._blocks[blocks] = 0

    def bins(self, groups: Groups) -> tuple[Integers, NDArray[np.int32]]:
        """Of each group, the bins that hold something, ascending, and how much.

        Bin ``b`` of histogram ``h`` of group ``g`` is ``g * ROW + h * BINS + b``.
        """
        member, block = np.nonzero(self._blocks.reshape(-1, ROW_BLOCKS)[groups.members])
        if not len(member):
            return np.empty(0, np.int64), np.empty(0, np.int32)
        inside = self._bins.reshape(-1, ROW_BLOCKS, BLOCK)[groups.members[member], block]
        blocks = groups.present[groups.of_member[member]] * ROW_BLOCKS + block
        if len(groups.members) > len(groups.present):
            order = np.argsort(blocks, kind="stable")
            blocks = blocks[order]
            starts = run_starts(blocks)
            blocks = blocks[starts]
            inside = np.add.reduceat(inside[order], starts, axis=0, dtype=np.int32)
        filled = np.flatnonzero(inside)
        bins = blocks[filled // BLOCK] * BLOCK + filled % BLOCK
        return bins, inside.ravel()[filled]

    def quantiles(self, groups: Groups, wanted: Sequence[tuple[int, float]]) -> Floats:
        """Of each group, the quantile ``q`` of each wanted ``(histogram, q)``, in ms.

        Returns ``float64[len(wanted), len(groups)]``, NaN where there are no values.
        """
        values = np.full((len(wanted), len(groups)), np.nan)
        if not len(groups.members):
            return values
        blocks = self._blocks.reshape(-1, ROW_BLOCKS)[groups.members]
        summed = groups.reduce(blocks).reshape(-1, HISTOGRAMS, BLOCKS)
        for histogram in range(HISTOGRAMS):
            rows = [i for i, (of, _) in enumerate(wanted) if of == histogram]
            if rows:
                qs = [wanted[i][1] for i in rows]
                found = self._quantiles(groups, histogram, summed[:, histogram], qs)
                values[np.array(rows)[:, None], groups.present] = found.T
        return values

    def _quantiles(
        self, groups: Groups, histogram: int, blocks: Integers, qs: Sequence[float]
    ) -> Floats:
        """Quantiles of one histogram of each present group, whose sums by block are given."""
        cumulative = blocks.cumsum(axis=-1)
        count = cumulative[:, -1]
        rank = np.stack([ranks(count, q) for q in qs], axis=1)
        block = position(cumulative[:, None], rank)
        preceding = np.take_along_axis(cumulative - blocks, block, axis=1)
        series = self._bins.reshape(-1, ROW_BLOCKS, BLOCK)
        of_member = block[groups.of_member] + histogram * BLOCKS
        inside = groups.reduce(series[groups.members[:, None], of_member])
        within = position(inside.cumsum(axis=-1), rank - preceding)
        return np.where(count[:, None] > 0, value_of(block * BLOCK + within), np.nan)


def _extended(array: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    bigger = np.zeros(shape, array.dtype)
    bigger[: len(array)] = array
    return bigger
