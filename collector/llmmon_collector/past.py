"""The past as rules would have seen it: a store's minutes, in the windows that live numbers use.

A table as of the end of a minute equals the live one of that minute's last instant, but for
requests that came too late to be seen live, which are in, and for open requests, which nobody
kept. Windows that are no whole minutes are taken as the next longer ones that are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from llmmon_collector.metrics import MetricSource, MetricTable
from llmmon_collector.rules.compile import compile_value
from llmmon_collector.rules.filter import compile_where
from llmmon_collector.rules.past import PastQuestion
from llmmon_collector.series import SeriesTable, Where
from llmmon_collector.store.base import Rollup, Span
from llmmon_collector.windows.past import MINUTE_NS, PastWindows, whole_minutes
from llmmon_collector.windows.rolling import HOUR_S


class Rollups(Protocol):
    """What is asked of a store, or of whoever fetches from one."""

    def rollups(self, span: Span, series: SeriesTable) -> Iterator[Rollup]:
        """What the minutes of ``span`` add up to, by step ascending, numbered by ``series``."""
        ...

    def begin_ns(self, since_ns: int) -> int | None:
        """When the earliest request from ``since_ns`` on ended, to the minute; None for none."""
        ...


class Moment(NamedTuple):
    """A past instant."""

    at_ns: int
    source: MetricSource
    """What rules read; it and its tables are good until the next moment is asked for."""


@dataclass(frozen=True, slots=True)
class Past:
    """Where minutes are kept, and what the collector that kept them was told."""

    kept: Rollups
    day_start_ns: Callable[[int], int]
    """The local midnight at or before a wall-clock time."""
    max_series: int

    def moments(self, windows_s: Iterable[int], times_ns: Sequence[int]) -> Iterator[Moment]:
        """The instants ``times_ns``, at least one, ascending; each as of its last whole minute."""
        windows = PastWindows(windows_s, self.day_start_ns)
        series = SeriesTable(self.max_series)
        first_ns, last_ns = _minute(times_ns[0]), _minute(times_ns[-1])
        reach_ns = max(*windows.windows_s, HOUR_S) * 10**9
        since_ns = min(first_ns - reach_ns, self.day_start_ns(first_ns - 1))
        minutes = self.kept.rollups(Span.of(since_ns, last_ns - 1, MINUTE_NS), series)
        coming = next(minutes, None)
        for at_ns in times_ns:
            end_ns = _minute(at_ns)
            while coming is not None and coming.start_ns < end_ns:
                windows.put(*coming)
                coming = next(minutes, None)
            windows.advance(end_ns - 1)
            yield Moment(at_ns, _Reading(windows, series))

    def known(self, times_ns: range) -> range:
        """Those of ``times_ns`` at which anything was kept yet: before that, no requests mean
        nothing."""
        begin_ns = self.kept.begin_ns(0)
        if begin_ns is None:
            return times_ns[:0]
        return times_ns[max(0, (begin_ns - times_ns.start) // times_ns.step + 1) :]

    def tables(self, question: PastQuestion) -> Iterator[tuple[int, MetricTable]]:
        """The answer to what a rule's functions of the past ask, as ``RuleEngine.fill_past`` takes
        it: tables with the metrics that the expression names, which may be kept. None are of a time
        before anything was.

        Read it to its end, or close it: until then it holds on to the store.
        """
        where = compile_where(question.where_text) if question.where_text else None
        metrics = compile_value(question.value_text).metrics
        times_ns = self.known(range(question.since_ns, question.until_ns, question.step_ns))
        for at_ns, source in self.moments([question.window_s], times_ns) if times_ns else ():
            table = source(question.window_s, question.by, where)
            known = {name: table.values[name] for name in metrics if name in table.values}
            yield at_ns, MetricTable(table.labels, known, table.requests)


class _Reading:
    """A :data:`MetricSource` of one instant, which builds each table once."""

    def __init__(self, windows: PastWindows, series: SeriesTable) -> None:
        self._windows = windows
        self._series = series
        self._tables: dict[tuple[int, tuple[str, ...], Where | None], MetricTable] = {}

    def __call__(self, window_s: int, by: tuple[str, ...], where: Where | None) -> MetricTable:
        key = (whole_minutes(window_s), by, where)
        if key not in self._tables:
            grouping = self._series.group(by, where)
            self._tables[key] = self._windows.table(key[0], grouping)
        return self._tables[key]


def _minute(at_ns: int) -> int:
    return at_ns - at_ns % MINUTE_NS
