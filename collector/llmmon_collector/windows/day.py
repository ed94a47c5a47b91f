"""What each series has cost since local midnight."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from llmmon_collector.requests import MISSING, Requests
from llmmon_collector.windows.counts import Count, is_unpriced
from llmmon_collector.windows.delta import Delta
from llmmon_collector.windows.groups import Groups

Integers = NDArray[np.int64]
_COST, _PRICED, _UNPRICED = range(3)
COST_COLUMNS = [Count.COST_PICO, Count.PRICED, Count.UNPRICED]
"""The columns of a count matrix that cost is told from."""


class DayCost:
    """Requests of today count whenever they come, so that a budget misses none."""

    def __init__(self, day_start_ns: Callable[[int], int]) -> None:
        """``day_start_ns`` gives the local midnight at or before a wall-clock time."""
        self._day_start_ns = day_start_ns
        self._start_ns = -1
        self._totals = np.zeros((0, 3), np.int64)

    @property
    def start_ns(self) -> int:
        """The midnight that the day began at; -1 before the first ``advance``."""
        return self._start_ns

    def advance(self, now_ns: int) -> None:
        """Begin anew where midnight has passed."""
        start_ns = self._day_start_ns(now_ns)
        if start_ns > self._start_ns:
            self._start_ns = start_ns
            self._totals[:] = 0

    def set_clock(self, now_ns: int) -> None:
        """Go on at ``now_ns``; if that is another day, with what was spent so far."""
        self._start_ns = self._day_start_ns(now_ns)

    def add(self, requests: Requests) -> None:
        """Count the cost of those of ``requests`` that ended today."""
        today = requests.end_ns >= self._start_ns
        if not today.any():
            return
        series = requests.series.astype(np.int64)
        self._reserve(int(series.max()) + 1)
        priced = today & (requests.cost_pico != MISSING)
        np.add.at(self._totals[:, _COST], series, np.where(priced, requests.cost_pico, 0))
        self._totals[:, _PRICED] += np.bincount(series[priced], minlength=len(self._totals))
        unpriced = series[today & is_unpriced(requests)]
        self._totals[:, _UNPRICED] += np.bincount(unpriced, minlength=len(self._totals))

    def add_counts(self, delta: Delta) -> None:
        """Count the cost of requests that are summed already, all of which ended today."""
        if len(delta.series):
            self._reserve(int(delta.series[-1]) + 1)
            self._totals[delta.series] += delta.counts[:, COST_COLUMNS]

    def of(self, codes: NDArray[np.int32], size: int) -> tuple[Integers, Integers, Integers]:
        """Cost in pico-USD, priced and unpriced requests of each of ``size`` groups."""
        self._reserve(len(codes))
        totals = self._totals[: len(codes)]
        cost, priced, unpriced = (
            Groups(codes, size, totals.max(axis=1, initial=0) > 0).sum(totals).T
        )
        return cost, priced, unpriced

    def _reserve(self, series: int) -> None:
        if series > len(self._totals):
            grown = np.zeros((max(series, 2 * len(self._totals)), 3), np.int64)
            grown[: len(self._totals)] = self._totals
            self._totals = grown
