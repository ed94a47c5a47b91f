"""All series together, a row a time slot: for charts and for the window before."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from llmmon_collector.windows.counts import COLUMNS
from llmmon_collector.windows.delta import ROW, Delta

Integers = NDArray[np.int64]


class _Running:
    """Sums over the slots ``first`` up to, not including, ``end``, kept while these move on."""

    def __init__(self, first: int, end: int, counts: Integers, bins: Integers) -> None:
        self.first = first
        self.end = end
        self.counts = counts
        self.bins = bins


class WholeRing:
    """The last ``size`` slots, summed over series."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._running: dict[tuple[int, int], _Running] = {}
        self._counts = np.zeros((size, COLUMNS), np.int64)
        self._bins = np.zeros((size, ROW), np.int32)

    def __len__(self) -> int:
        return self._size

    def clear(self, first: int, last: int) -> None:
        """Begin the slots ``first`` to ``last``, the next ones, anew."""
        self._move_on(first, last - first + 1)
        rows = np.arange(max(first, last - self._size + 1), last + 1) % self._size
        self._counts[rows] = 0
        self._bins[rows] = 0

    def move(self, slots: int) -> None:
        """Have what is in slot ``n`` be in slot ``n + slots``."""
        self._counts = np.roll(self._counts, slots % self._size, axis=0)
        self._bins = np.roll(self._bins, slots % self._size, axis=0)
        for running in self._running.values():
            running.first += slots
            running.end += slots

    def add(self, slot: int, delta: Delta) -> None:
        """Put ``delta`` into ``slot``."""
        bins, counts = delta.whole
        self._bins[slot % self._size] += bins.astype(np.int32)
        self._counts[slot % self._size] += counts
        for running in self._running.values():
            if running.first <= slot < running.end:
                running.bins += bins
                running.counts += counts

    def recent(self, slot: int, first: int, last: int) -> tuple[Integers, Integers]:
        """Sums from ``first`` to ``last`` slots before the current ``slot``, kept from then on.

        Returns ``int64[1, COLUMNS]`` and ``int64[1, ROW]``.
        """
        running = self._running.get((first, last))
        if running is None or running.end != slot - last + 1:
            bounds = np.array([slot - first, slot - last + 1])
            running = _Running(int(bounds[0]), int(bounds[1]), *self.sums(bounds))
            self._running[first, last] = running
        return running.counts.copy(), running.bins.copy()

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

    def _move_on(self, next_slot: int, slots: int) -> None:
        """Have the running sums move on by ``slots``, before those from ``next_slot`` on begin."""
        for key, running in list(self._running.items()):
            if slots >= running.end - running.first:
                del self._running[key]
                continue
            entering = np.array(
                [running.end, max(min(running.end + slots, next_slot), running.end)]
            )
            leaving = np.array([running.first, running.first + slots])
            for sign, bounds in ((1, entering), (-1, leaving)):
                counts, bins = self.sums(bounds)
                running.counts += sign * counts
                running.bins += sign * bins
            running.first += slots
            running.end += slots

    def _rows(self, first: int, end: int) -> tuple[slice, slice]:
        """The rows of at most ``size`` slots: those before the ring's end, those from its start."""
        start = first % self._size
        over = max(start + end - first - self._size, 0)
        return slice(start, start + end - first - over), slice(0, over)
