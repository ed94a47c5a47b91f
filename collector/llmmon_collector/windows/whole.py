"""All series together, a row a time slot: for charts and for the window before."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from llmmon_collector.windows.counts import COLUMNS
from llmmon_collector.windows.delta import ROW, Delta

Integers = NDArray[np.int64]


class WholeRing:
    """The last ``size`` slots, summed over series."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._counts = np.zeros((size, COLUMNS), np.int64)
        self._bins = np.zeros((size, ROW), np.int32)

    def __len__(self) -> int:
        return self._size

    def clear(self, first: int, last: int) -> None:
        """Begin the slots ``first`` to ``last`` anew."""
        rows = np.arange(max(first, last - self._size + 1), last + 1) % self._size
        self._counts[rows] = 0
        self._bins[rows] = 0

    def add(self, slot: int, delta: Delta) -> None:
        """Put ``delta`` into ``slot``."""
        bins, counts = delta.whole
        self._bins[slot % self._size] += bins.astype(np.int32)
        self._counts[slot % self._size] += counts

    def sums(self, bounds: Integers) -> tuple[Integers, Integers]:
        """Sums over the slots ``bounds[i]`` up to, not including, ``bounds[i + 1]``.

        Returns ``int64[n, COLUMNS]`` and ``int64[n, ROW]``.
        """
        counts = np.zeros((len(bounds) - 1, COLUMNS), np.int64)
        bins = np.zeros((len(bounds) - 1, ROW), np.int64)
        for i in range(len(bounds) - 1):
            for rows in self._rows(int(bounds[i]), int(bounds[i + 1])):
                counts[i] += self._counts[rows].sum(axis=0)
                bins[i] += self._bins[rows].sum(axis=0, dtype=np.int32)
        return counts, bins

    def _rows(self, first: int, end: int) -> tuple[slice, slice]:
        """The rows of at most ``size`` slots: those before the ring's end, those from its start."""
        start = first % self._size
        over = max(start + end - first - self._size, 0)
        return slice(start, start + end - first - over), slice(0, over)
