"""Sums over groups of series."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmmon_collector.windows.delta import run_starts

Integers = NDArray[np.int64]


class Groups:
    """Which series make up each group, for summing arrays that have a row a series."""

    def __init__(self, codes: NDArray[np.int32], size: int, active: NDArray[np.bool_]) -> None:
        """``codes`` has the group of each series, -1 for none; only ``active`` series count."""
        series = np.flatnonzero((codes >= 0) & active)
        order = np.argsort(codes[series], kind="stable")
        ordered = codes[series][order]
        self.members: Integers = series[order]
        """The active series, ordered by group."""
        self._starts = run_starts(ordered) if len(ordered) else np.empty(0, np.int64)
        self.present: Integers = ordered[self._starts].astype(np.int64)
        """The groups that have an active series."""
        lengths = np.diff(self._starts, append=len(ordered))
        self.of_member: Integers = np.repeat(np.arange(len(self.present)), lengths)
        """The position in ``present`` of each member's group."""
        self._size = size

    def __len__(self) -> int:
        return self._size

    def reduce(self, values: NDArray[Any]) -> Integers:
        """Sum ``values``, a row a member, to a row a present group."""
        if len(self.members) > len(self.present):
            values = np.add.reduceat(values, self._starts, dtype=values.dtype)
        return values.astype(np.int64, copy=False)

    def sum(self, values: NDArray[Any]) -> Integers:
        """Sum ``values``, a row a series, to a row a group, 0 where no series is active."""
        summed = np.zeros((self._size, *values.shape[1:]), np.int64)
        if len(self.members):
            summed[self.present] = self.reduce(values[self.members])
        return summed
