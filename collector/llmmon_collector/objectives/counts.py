"""Exact counts of good and bad events by group, minute and hour, and their sums over windows."""

from __future__ import annotations

from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from llmmon_collector.objectives.burn import WINDOWS

Integers = NDArray[np.int64]
T = TypeVar("T", np.int32, np.int64)

TOTAL, BAD = 0, 1
"""Rows of every count matrix: events, and those of them that are bad."""
_LENGTHS: Final = tuple(WINDOWS.values())
_MINUTES: Final = _LENGTHS[-1]


class Counts:
    """Rings of minutes, for the burn rates, and of hours, for the whole period.

    A window of ``n`` minutes holds the present one and the ``n - 1`` before it, the period likewise
    in hours. Sums are kept, not made anew: an event is added to every window that its minute lies
    in, and a minute that leaves a window is taken out of its sum.
    """

    def __init__(self, hours: int, minute: int) -> None:
        """``hours`` is the period, at least three days; ``minute`` the present one since 1970."""
        self.minute = minute
        self._hours = hours
        self._room = 1
        self._by_minute: NDArray[np.int32] = np.zeros((_MINUTES, 2, 1), np.int32)
        self._by_hour: Integers = np.zeros((hours, 2, 1), np.int64)
        self._sums: Integers = np.zeros((len(_LENGTHS), 2, 1), np.int64)
        self._whole: Integers = np.zeros((2, 1), np.int64)

    @property
    def first_minute(self) -> int:
        """The earliest minute that the period covers."""
        return (self.minute // 60 - self._hours + 1) * 60

    def windows(self, groups: int) -> Integers:
        """Events and bad ones, by window, in the order of ``WINDOWS``, of the first groups."""
        self._reserve(groups)
        return self._sums[:, :, :groups]

    def period(self, groups: int) -> Integers:
        """Events and bad ones of the whole period, of the first groups."""
        self._reserve(groups)
        return self._whole[:, :groups]

    def add(self, minute: int, counts: Integers) -> None:
        """Count events of one minute, ``counts`` having a column a group from the first on.

        A minute after the present one is taken for it; one before the period is left out.
        """
        minute = min(minute, self.minute)
        if minute < self.first_minute:
            return
        groups = counts.shape[1]
        self._reserve(groups)
        hour = minute // 60
        self._by_hour[hour % self._hours, :, :groups] += counts
        self._whole[:, :groups] += counts
        age = self.minute - minute
        if age < _MINUTES:
            self._by_minute[minute % _MINUTES, :, :groups] += counts.astype(np.int32)
            first = int(np.searchsorted(_LENGTHS, age, side="right"))
            self._sums[first:, :, :groups] += counts

    def advance(self, minute: int) -> None:
        """Move on to ``minute``; an earlier one changes nothing."""
        while self.minute < minute:
            if minute - self.minute > self._hours * 60 + _MINUTES:
                self._forget_all(minute)
                return
            self._step()

    def _step(self) -> None:
        self.minute += 1
        for window, length in enumerate(_LENGTHS):
            self._sums[window] -= self._by_minute[(self.minute - length) % _MINUTES]
        self._by_minute[self.minute % _MINUTES] = 0
        if self.minute % 60 == 0:
            leaving = self._by_hour[self.minute // 60 % self._hours]
            self._whole -= leaving
            leaving[:] = 0

    def _forget_all(self, minute: int) -> None:
        self.minute = minute
        for kept in (self._by_minute, self._by_hour, self._sums, self._whole):
            kept[:] = 0

    def _reserve(self, groups: int) -> None:
        if groups <= self._room:
            return
        self._room = max(groups, 2 * self._room)
        self._by_minute = _widened(self._by_minute, self._room)
        self._by_hour = _widened(self._by_hour, self._room)
        self._sums = _widened(self._sums, self._room)
        self._whole = _widened(self._whole, self._room)


def _widened(kept: NDArray[T], room: int) -> NDArray[T]:
    wider = np.zeros((*kept.shape[:-1], room), kept.dtype)
    wider[..., : kept.shape[-1]] = kept
    return wider
