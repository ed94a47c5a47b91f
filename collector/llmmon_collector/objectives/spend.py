"""What every series has cost on each local day: exact, and kept whether a limit asks or not. Pure.

So a limit that a reload adds is told from what was spent before it, and one that is changed
forgets nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from llmmon_collector.objectives.calendar import Calendar, Day
from llmmon_collector.requests import MISSING, Requests
from llmmon_collector.series import FILTERED, SeriesKey, SeriesTable, Where
from llmmon_collector.windows.counts import is_unpriced

Integers = NDArray[np.int64]

DAYS_KEPT: Final = 45
"""A month, and the week before it that its forecast goes on."""
_KEYS_KEPT: Final = 20_000
"""Series told apart over that time, more than are live at a time; the rest share one."""
_COST, _REQUESTS, _UNPRICED = range(3)
_COLUMNS: Final = 3
_MICRO: Final = 10**6


class SpendRow(NamedTuple):
    """What a store has of one series on one day."""

    day: int
    """How many days after the earliest that was asked of."""
    key: SeriesKey
    cost_pico: int
    requests: int
    unpriced: int


class GroupSpend(NamedTuple):
    """What groups of series have spent."""

    labels: tuple[dict[str, str], ...]
    cost_pico: list[int]
    """In the period, by group."""
    requests: Integers
    unpriced: Integers
    lately: list[list[int]]
    """Pico-USD of each of the last days, earliest first, by day and group."""


class _Sums(NamedTuple):
    """What series have spent, costs as whole millionths of a dollar and the rest.

    A sum of pico-dollars would hold nine million dollars.
    """

    rows: Integers
    """The series that had requests."""
    counts: Integers
    """Requests and unpriced ones of the period."""
    whole: Integers
    """Of the period, then of each of the last days."""
    rest: Integers


class SpendLedger:
    """Cost, requests and unpriced requests of every series on each of the last days.

    What is told of groups is of the last ``advance``.
    """

    def __init__(self, calendar: Calendar, series: SeriesTable, now_ns: int) -> None:
        """``series`` numbers the requests that are added."""
        self._calendar = calendar
        self._series = series
        self._keys = SeriesTable(_KEYS_KEPT)
        self._row_of = np.zeros(0, np.int32)
        self._sums = np.zeros((DAYS_KEPT, _COLUMNS, 1), np.int64)
        self._cached: dict[tuple[int, int], _Sums] = {}
        self.days = calendar.days(now_ns, DAYS_KEPT)
        """The days that are kept, earliest first; the last one is today."""

    @property
    def today(self) -> Day:
        """The day that it is."""
        return self.days[-1]

    def advance(self, now_ns: int) -> None:
        """Begin anew where midnight has passed; an earlier time changes nothing."""
        self._cached.clear()
        if now_ns < self.today.end_ns:
            return
        last = self.today.number
        self.days = self._calendar.days(now_ns, DAYS_KEPT)
        for day in self.days:
            if day.number > last:
                self._sums[day.number % DAYS_KEPT] = 0

    def set_clock(self, now_ns: int) -> None:
        """Go on at ``now_ns``; if that is another day, with what was spent today so far."""
        before = self.days
        self.days = self._calendar.days(now_ns, DAYS_KEPT)
        if self.today.number == before[-1].number:
            return
        kept = {day.number: self._sums[day.number % DAYS_KEPT].copy() for day in before}
        spent = kept.pop(before[-1].number)
        self._sums[:] = 0
        for day in self.days:
            if day.number in kept:
                self._sums[day.number % DAYS_KEPT] = kept[day.number]
        self._sums[self.today.number % DAYS_KEPT] += spent

    def add(self, requests: Requests) -> None:
        """Count ``requests``, at least one, by the day on which they ended.

        What ends after today counts for today; what ended before the first day kept is left out.
        """
        rows = self._rows_of(requests.series)
        if int(requests.end_ns.min()) >= self.today.start_ns:
            self._count(self.today, requests, rows)
            return
        starts = np.array([day.start_ns for day in self.days])
        indices = np.searchsorted(starts, requests.end_ns, side="right") - 1
        for index in np.unique(indices[indices >= 0]).tolist():
            at = np.flatnonzero(indices == index)
            self._count(self.days[index], requests.take(at), rows[at])

    def fill(self, first: Day, rows: Iterable[SpendRow]) -> None:
        """Add what a store has of the days from ``first`` on."""
        kept = {day.number for day in self.days}
        for row in rows:
            number = first.number + row.day
            if number in kept:
                at = self._keys.code(row.key)
                self._reserve(at + 1)
                values = (row.cost_pico, row.requests, row.unpriced)
                self._sums[number % DAYS_KEPT, :, at] += values

    def groups(
        self, by: tuple[str, ...], where: Where | None, period: int, lately: int
    ) -> GroupSpend:
        """What each group of series has spent in the last ``period`` days, and on each of the last
        ``lately``, today included."""
        grouping = self._keys.group(by, where)
        sums = self._sums_of(period, lately)
        size = len(grouping.labels)
        codes = grouping.codes[sums.rows]
        requests, unpriced = _grouped(sums.counts, codes, size)
        whole = _grouped(sums.whole, codes, size).tolist()
        rest = _grouped(sums.rest, codes, size).tolist()
        costs = [
            [w * _MICRO + r for w, r in zip(*pair, strict=True)]
            for pair in zip(whole, rest, strict=True)
        ]
        return GroupSpend(grouping.labels, costs[0], requests, unpriced, costs[1:])

    def _sums_of(self, period: int, lately: int) -> _Sums:
        known = self._cached.get((period, lately))
        if known is not None:
            return known
        kept = self._sums[:, :, : len(self._keys)]
        days = kept[[day.number % DAYS_KEPT for day in self.days[-max(period, lately) :]]]
        rows = np.flatnonzero(days[:, _REQUESTS].any(axis=0))
        days = days[:, :, rows]
        whole, rest = np.divmod(days[:, _COST], _MICRO)
        sums = self._cached[period, lately] = _Sums(
            rows,
            days[-period:, _REQUESTS:].sum(axis=0),
            np.concatenate([whole[-period:].sum(axis=0)[None], whole[-lately:]]),
            np.concatenate([rest[-period:].sum(axis=0)[None], rest[-lately:]]),
        )
        return sums

    def _count(self, day: Day, requests: Requests, rows: NDArray[np.int32]) -> None:
        into = self._sums[day.number % DAYS_KEPT]
        unknown = requests.cost_pico == MISSING
        np.add.at(into[_COST], rows, requests.cost_pico)
        size = into.shape[1]
        into[_REQUESTS] += np.bincount(rows, minlength=size)
        if unknown.any():
            # what is missing was added as well: taking it out is cheaper than picking the rest
            into[_COST] -= MISSING * np.bincount(rows[unknown], minlength=size)
            into[_UNPRICED] += np.bincount(rows[is_unpriced(requests)], minlength=size)

    def _rows_of(self, series: NDArray[np.int32]) -> NDArray[np.int32]:
        keys, known = self._series.keys, len(self._row_of)
        if known < len(keys):
            more = [self._keys.code(key) for key in keys[known:]]
            self._row_of = np.concatenate([self._row_of, np.array(more, np.int32)])
            self._reserve(len(self._keys))
        return self._row_of[series]

    def _reserve(self, rows: int) -> None:
        room = self._sums.shape[2]
        if rows > room:
            wider = np.zeros((DAYS_KEPT, _COLUMNS, max(rows, 2 * room)), np.int64)
            wider[:, :, :room] = self._sums
            self._sums = wider


def _grouped(values: Integers, codes: NDArray[np.int32], size: int) -> Integers:
    """Sums over the last axis by group."""
    into = np.zeros((len(values), size), np.int64)
    known = codes != FILTERED
    if size == 1 and known.all():
        into[:, 0] = values.sum(axis=1)
        return into
    for row, of_series in zip(into, values[:, known], strict=True):
        np.add.at(row, codes[known], of_series)
    return into
