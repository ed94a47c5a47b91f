"""Rolling windows over every series: exact counts, sketched quantiles, by event time.

A window of ``w`` seconds with slots of ``g`` seconds covers, at a time ``t``, the ``w / g`` slots
up to the one that ``t`` lies in: it forgets a slot at a time, so its old edge is up to ``g`` late
or, put otherwise, it holds the last ``w - g`` to ``w`` seconds. ``level.slot_length_s`` has ``g``:
1 s for windows up to five minutes, 20 s (0.6 %) for an hour, 600 s (0.7 %) for a day.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from llmmon_collector.metrics import MetricTable
from llmmon_collector.requests import Requests
from llmmon_collector.series import Grouping
from llmmon_collector.windows.backlog import Backlog
from llmmon_collector.windows.counts import QUALITY_BUCKETS, Count
from llmmon_collector.windows.day import COST_COLUMNS, DayCost
from llmmon_collector.windows.derive import QUANTILES, derive, in_order, known_cost, quantiles_of
from llmmon_collector.windows.groups import Groups
from llmmon_collector.windows.history import (
    History,
    Points,
    buckets,
    series_points,
    tell,
    whole_points,
)
from llmmon_collector.windows.level import Level, build_levels
from llmmon_collector.windows.parts import Sums
from llmmon_collector.windows.placing import place
from llmmon_collector.windows.trend import Trend, quality_trend
from llmmon_collector.windows.warm import Kept, refill

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

HOUR_S: Final = 3600
"""Kept whether asked for or not: ``hourly_cost`` reads it."""
AHEAD_NS: Final = 5_000_000_000
"""How far ahead of the collector's clock a request may end and still be believed."""
_SECOND_NS: Final = 1_000_000_000
_BACKLOG: Final = 65_536
"""Requests that wait before they are counted, unless ``advance`` comes first."""
_MOST_AHEAD: Final = _BACKLOG // 2
"""Requests ahead of the clock that wait until it reaches them; more count as ending now."""
_NEVER_NS: Final = 2**62


class Windows:
    """The rolling windows. Time comes in as ``now_ns`` and goes back by ``set_clock`` alone: any
    other call with an earlier one is taken at the latest time seen."""

    _least_slot_s = 1

    def __init__(
        self, windows_s: Sequence[int], lateness_s: float, day_start_ns: Callable[[int], int]
    ) -> None:
        """``day_start_ns`` gives the local midnight at or before a wall-clock time.

        Raises:
            ValueError: a window is not a whole, positive number of seconds.
        """
        for window_s in windows_s:
            if window_s < 1 or window_s != int(window_s):
                raise ValueError(f"a window is whole seconds, at least 1; {window_s} s is not")
        self.windows_s = tuple(sorted({int(window_s) for window_s in windows_s}))
        self.skewed = 0
        """Requests that claimed to end over five seconds ahead; they count as ending now."""
        self._kept_s = sorted({*self.windows_s, HOUR_S})
        self._late_ns = round(min(lateness_s, self._kept_s[-1]) * _SECOND_NS)
        self._levels = build_levels(self._kept_s, self._least_slot_s)
        self._level_of = {w: level for level in self._levels for w in level.totals}
        self._day = DayCost(day_start_ns)
        self._backlog = Backlog(_BACKLOG)
        self._now_ns = 0
        self._since_ns = _NEVER_NS
        """From when on requests are counted."""

    def add(self, requests: Requests, now_ns: int, warm: bool = False) -> int:
        """Count ``requests`` by when they ended; returns how many came too late to be counted.

        What ended more than the allowed lateness ago is left out of the windows, though its cost
        still counts for the day. ``warm`` refills windows from a store: anything that a window
        still covers counts, and history is taken to begin with the earliest of it. When a request
        came that claims to end ahead is not known then: it is left out, not counted as new.
        """
        self._move_on(now_ns)
        requests = self._without_skew(requests, warm)
        oldest_ns = self._now_ns - (self._kept_s[-1] * _SECOND_NS if warm else self._late_ns)
        late = requests.end_ns < oldest_ns
        late_count = int(np.count_nonzero(late))
        if late_count:
            self._day.advance(self._now_ns)
            self._day.add(requests.take(late))
            requests = requests.take(~late)
        if len(requests):
            if warm:
                self._since_ns = min(self._since_ns, int(requests.end_ns.min()))
            self._wait(requests)
        return late_count

    def refill(self, kept: Kept, now_ns: int) -> None:
        """Put back what a store kept, before anything is added; history begins with it."""
        self.advance(now_ns)
        begun_ns = refill(self._levels, self._day, kept, self._now_ns)
        if begun_ns is not None:
            self._since_ns = min(self._since_ns, begun_ns)

    def advance(self, now_ns: int) -> None:
        """Move on to ``now_ns``: count what waits, forget what expired."""
        self._move_on(now_ns)
        for level in self._levels:
            level.advance(self._now_ns)
        self._day.advance(self._now_ns)
        if len(self._backlog):
            self._count(self._backlog.drain())

    def set_clock(self, now_ns: int, moved_ns: int) -> None:
        """The clock was set by ``moved_ns`` to ``now_ns``: all that is counted keeps its age."""
        self.advance(now_ns - moved_ns)
        if len(self._backlog):
            ahead = self._backlog.drain()
            self._backlog.append(ahead.ending(ahead.end_ns + moved_ns))
        for level in self._levels:
            level.set_clock(now_ns)
        self._day.set_clock(now_ns)
        self._since_ns += moved_ns
        self._now_ns = now_ns

    def table(self, window_s: int, grouping: Grouping) -> MetricTable:
        """All metrics of one window, a row a group, as of the last ``advance``.

        ``hourly_cost`` and ``daily_cost`` are of the trailing hour and of today, whatever the
        window. ``open_requests`` and ``stalled_requests`` are not told here.

        Raises:
            KeyError: no such window is kept.
        """
        counts, quantile_values = self._sums(window_s, grouping)
        values = derive(counts, quantile_values, window_s)
        costs = self._costs(grouping).T
        values["hourly_cost"], values["daily_cost"] = known_cost(*costs[:3]), known_cost(*costs[3:])
        return MetricTable(grouping.labels, in_order(values), counts[:, Count.REQUESTS])

    def previous(self, window_s: int) -> MetricTable:
        """The whole over the window just before: one row without ``hourly_`` and ``daily_cost``.

        No requests and NaN throughout where that time was not watched from its beginning on.

        Raises:
            KeyError: no such window is kept.
        """
        level = self._level(window_s)
        counts, bins = level.before(window_s)
        known = level.is_known_before(window_s, self._since_ns)
        counts = counts if known else np.zeros_like(counts)
        values = derive(counts, quantiles_of(bins), window_s)
        unknown = np.full(1, np.nan)
        values = {name: value if known else unknown for name, value in values.items()}
        values |= {"hourly_cost": unknown, "daily_cost": unknown}
        return MetricTable(({},), in_order(values), counts[:, Count.REQUESTS])

    def sums(self, window_s: int, grouping: Grouping) -> Sums:
        """What the tables of one window are made of, a row a group."""
        costs = self._costs(grouping)
        if self._is_whole(window_s, grouping):
            return Sums.dense(*self._level(window_s).now(window_s), costs)
        totals = self._level(window_s).totals[window_s]
        groups = self._groups(window_s, grouping)
        return Sums(groups.sum(totals.counts), costs, *totals.bins(groups))

    def sums_before(self, window_s: int) -> Sums | None:
        """What ``previous`` is made of; None where that time was not watched throughout."""
        level = self._level(window_s)
        if not level.is_known_before(window_s, self._since_ns):
            return None
        return Sums.dense(*level.before(window_s))

    def history(
        self, window_s: int, points: int, end_ns: int, members: Mask | None = None
    ) -> History:
        """At most ``points`` points over a window that ends at ``end_ns``; see ``points``."""
        return tell(self.points(window_s, points, end_ns, members))

    def points(
        self, window_s: int, points: int, end_ns: int, members: Mask | None = None
    ) -> Points:
        """What a history is made of.

        ``members`` is a mask of series by number; None takes all. The whole reaches back two
        windows from now, some of the series one.

        Raises:
            KeyError: no such window is kept.
            ValueError: ``points`` is under 1.
        """
        level = self._level(window_s)
        at = buckets(level, window_s, points, end_ns)
        span_ns = (self._since_ns, self._now_ns)
        if members is None:
            return whole_points(level, at, span_ns)
        return series_points(level, at, span_ns, members)

    def quality_buckets(self, window_s: int) -> tuple[int, ...]:
        """Scored requests of the window by quality, in five buckets of a fifth each.

        Raises:
            KeyError: no such window is kept.
        """
        counts = self._level(window_s).totals[window_s].counts
        buckets = counts[:, Count.BUCKET_0 : Count.BUCKET_0 + QUALITY_BUCKETS].sum(axis=0)
        return tuple(buckets.tolist())

    def trend(self, window_s: int) -> Trend | None:
        """Which way quality went between the halves of the window; None where one has no score.

        Raises:
            KeyError: no such window is kept.
        """
        level = self._level(window_s)
        length = level.length(window_s)
        first = level.slot - length + 1
        counts, _ = level.whole.sums(np.array([first, first + length // 2, level.slot + 1]))
        values = derive(counts, np.full((len(QUANTILES), 2), np.nan), window_s)
        means = values["quality_score_mean"].tolist()
        return quality_trend(*(None if np.isnan(mean) else mean for mean in means))

    def _sums(self, window_s: int, grouping: Grouping) -> tuple[Integers, Floats]:
        """Counts and values of ``QUANTILES`` of each group."""
        if self._is_whole(window_s, grouping):
            counts, bins = self._level(window_s).now(window_s)
            return counts, quantiles_of(bins)
        totals = self._level(window_s).totals[window_s]
        groups = self._groups(window_s, grouping)
        wanted = list(QUANTILES.values())
        return groups.sum(totals.counts), totals.quantiles(groups, wanted)

    def _is_whole(self, window_s: int, grouping: Grouping) -> bool:
        """Whether all series of the window are in one group."""
        counts = self._level(window_s).totals[window_s].counts
        unknown = counts[len(grouping.codes) :, Count.REQUESTS]
        return len(grouping.labels) == 1 and not grouping.codes.any() and not unknown.any()

    def _costs(self, grouping: Grouping) -> Integers:
        """What each group cost in the trailing hour and today: ``int64[groups, COSTS]``."""
        hour = self._level(HOUR_S).totals[HOUR_S]
        counts = self._groups(HOUR_S, grouping).sum(hour.counts)
        today = np.stack(self._day.of(grouping.codes, len(grouping.labels)), axis=1)
        return np.concatenate([counts[:, COST_COLUMNS], today], axis=1)

    def _move_on(self, now_ns: int) -> None:
        self._now_ns = max(now_ns, self._now_ns)
        if self._since_ns == _NEVER_NS:
            self._since_ns = self._now_ns
            self._day.advance(self._now_ns)

    def _level(self, window_s: int) -> Level:
        return self._level_of[window_s]

    def _groups(self, window_s: int, grouping: Grouping) -> Groups:
        totals = self._level(window_s).totals[window_s]
        totals.reserve(len(grouping.codes))
        active = totals.counts[: len(grouping.codes), Count.REQUESTS] > 0
        return Groups(grouping.codes, len(grouping.labels), active)

    def _without_skew(self, requests: Requests, warm: bool) -> Requests:
        skewed = requests.end_ns > self._now_ns + AHEAD_NS
        count = int(np.count_nonzero(skewed))
        if not count:
            return requests
        if warm:
            return requests.take(~skewed)
        self.skewed += count
        return requests.ending(np.where(skewed, self._now_ns, requests.end_ns))

    def _wait(self, requests: Requests) -> None:
        while len(requests) > self._backlog.room:
            room = self._backlog.room
            self._backlog.append(requests.take(slice(room)))
            requests = requests.take(slice(room, None))
            self.advance(self._now_ns)
        self._backlog.append(requests)

    def _count(self, requests: Requests) -> None:
        ahead = requests.end_ns // _SECOND_NS > self._now_ns // _SECOND_NS
        ahead_count = int(np.count_nonzero(ahead))
        if ahead_count > _MOST_AHEAD:
            self.skewed += ahead_count
            requests = requests.ending(np.where(ahead, self._now_ns, requests.end_ns))
        elif ahead_count:
            later = requests.take(ahead)
            requests = requests.take(~ahead)
            self._backlog.append(later)
        place(requests, self._levels, self._day)
