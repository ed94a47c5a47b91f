"""Windows as of the ends of past minutes, which are put in one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property, partial
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from llmmon.protocol.names import METRICS
from llmmon_collector.metrics import MetricTable
from llmmon_collector.series import Grouping
from llmmon_collector.windows.counts import Count
from llmmon_collector.windows.delta import Delta
from llmmon_collector.windows.derive import QUANTILES, cost_usd, derive, known_cost
from llmmon_collector.windows.level import Level
from llmmon_collector.windows.rolling import HOUR_S, Windows

Floats = NDArray[np.float64]
MINUTE_S: Final = 60
MINUTE_NS: Final = MINUTE_S * 10**9
_UNKNOWN: Final = frozenset({"open_requests", "stalled_requests"})
_NAMES: Final = tuple(name for name in METRICS if name not in _UNKNOWN)


class Edges(NamedTuple):
    """Where stretches of time part that windows and those before them are made of."""

    bounds_ns: tuple[int, ...]
    """Ascending."""
    series_ns: int
    """What ended earlier is told of the whole only."""
    sketches_ns: int
    """And what ended before this, without quantiles."""


class PastWindows(Windows):
    """The same windows as live ones, without slots shorter than what is known of the past.

    At the last nanosecond of a minute both hold the same: a slot of seconds lies in one minute.
    """

    _least_slot_s = MINUTE_S

    def __init__(self, windows_s: Iterable[int], day_start_ns: Callable[[int], int]) -> None:
        """Windows of ``windows_s``, each made whole minutes; see :func:`whole_minutes`."""
        super().__init__([whole_minutes(one) for one in windows_s], 0.0, day_start_ns)

    def put(self, start_ns: int, delta: Delta) -> None:
        """Move on to the end of the minute that began at ``start_ns``, which ``delta`` sums up.

        Minutes come in order; one without requests need not come.
        """
        self.advance(start_ns + MINUTE_NS - 1)
        self.fill(start_ns, delta)

    def fill(self, start_ns: int, delta: Delta) -> None:
        """Put in what ended in the minutes from ``start_ns`` on, without moving on."""
        for level in self._levels:
            level.add(start_ns // level.slot_ns, delta)
        if start_ns >= self._day.start_ns:
            self._day.add_counts(delta)

    def stand(self, end_ns: int, begin_ns: int) -> Edges:
        """Move on to the last instant before ``end_ns``; before ``begin_ns`` nothing is known.

        Returns what is to be put in: a stretch between two edges goes where its first minute does.
        """
        self.advance(end_ns - 1)
        self._since_ns = begin_ns
        starts = {self._start_ns(window_s, 1) for window_s in self.windows_s}
        before = {self._start_ns(window_s, 2) for window_s in self.windows_s}
        counted = {*starts, self._start_ns(HOUR_S, 1), self._day.start_ns}
        bounds = sorted(at_ns for at_ns in {*counted, *before, end_ns} if at_ns <= end_ns)
        return Edges(tuple(bounds), min(counted), min(before))

    def level(self, window_s: int) -> Level:
        """The slots of a window of whole minutes."""
        return self._level(window_s)

    def _start_ns(self, window_s: int, windows: int) -> int:
        """When so many windows that end now began."""
        level = self._level(window_s)
        return (level.slot - windows * level.length(window_s) + 1) * level.slot_ns

    def table(self, window_s: int, grouping: Grouping) -> MetricTable:
        """As of live windows, but each column is worked out when it is first read.

        That is to be before the windows move on.

        Raises:
            KeyError: no such window is kept.
        """
        totals = self._level(window_s).totals[window_s]
        groups = self._groups(window_s, grouping)
        counts = groups.sum(totals.counts)
        values = _Columns(
            plain=lambda: derive(counts, np.full((len(QUANTILES), len(groups)), np.nan), window_s),
            quantiles=lambda: totals.quantiles(groups, list(QUANTILES.values())),
            hour=partial(self._hour_cost, grouping),
            day=lambda: known_cost(*self._day.of(grouping.codes, len(groups))),
        )
        return MetricTable(grouping.labels, values, counts[:, Count.REQUESTS])

    def _hour_cost(self, grouping: Grouping) -> Floats:
        hour = self._level(HOUR_S).totals[HOUR_S]
        return cost_usd(self._groups(HOUR_S, grouping).sum(hour.counts))


class _Columns(Mapping[str, Floats]):
    """Metrics by name, worked out on demand: rules read few, and quantiles cost most."""

    def __init__(
        self,
        plain: Callable[[], Mapping[str, Floats]],
        quantiles: Callable[[], Floats],
        hour: Callable[[], Floats],
        day: Callable[[], Floats],
    ) -> None:
        self._make_plain = plain
        self._make_quantiles = quantiles
        self._costs = {"hourly_cost": hour, "daily_cost": day}

    @cached_property
    def _plain(self) -> Mapping[str, Floats]:
        return self._make_plain()

    @cached_property
    def _quantiles(self) -> Mapping[str, Floats]:
        return dict(zip(QUANTILES, self._make_quantiles(), strict=True))

    def __getitem__(self, name: str) -> Floats:
        if name in QUANTILES:
            return self._quantiles[name]
        cost = self._costs.get(name)
        return self._plain[name] if cost is None else cost()

    def __iter__(self) -> Iterator[str]:
        return iter(_NAMES)

    def __len__(self) -> int:
        return len(_NAMES)


def whole_minutes(window_s: int) -> int:
    """The shortest window of whole minutes that covers ``window_s``."""
    return -(-window_s // MINUTE_S) * MINUTE_S
