"""Pictures of the past, and its histories, out of what a store has kept. Everything here blocks.

Windows are made of stored minutes and equal the live ones at the end of a minute, but for requests
that came too late to be seen live, which are in, and for open requests, which nobody kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np

from llmmon.protocol.names import METRICS
from llmmon.protocol.snapshot import (
    VERSION,
    AlertView,
    HealthView,
    IngestView,
    Limit,
    Snapshot,
    WindowView,
)
from llmmon_collector.alerts.silence import Silence
from llmmon_collector.control.past import PastDesk
from llmmon_collector.rules.runner import RESOLVED_KEPT_S
from llmmon_collector.rules.view import worst_first
from llmmon_collector.series import SeriesTable, Where, grouping_of
from llmmon_collector.snapshots import Identity
from llmmon_collector.store.base import Span, Store, Stretch
from llmmon_collector.store.views import alert_of, alerts_sql, health_of, health_sql
from llmmon_collector.windows.delta import Delta
from llmmon_collector.windows.history import History, buckets
from llmmon_collector.windows.level import slot_length_s
from llmmon_collector.windows.past import MINUTE_NS, Edges, PastWindows, whole_minutes

TIMEOUT_S: Final = 20.0
_MOST_ROWS: Final = 10_000
_NEVER_NS: Final = 2**62
_UNKNOWN: Final = dict.fromkeys(METRICS)


class Present(NamedTuple):
    """What a picture of the past takes from now."""

    identity: Identity
    limits: tuple[Limit, ...]
    ingest: IngestView
    """The ledger of today: it is an account of all time, and nobody kept how it stood."""
    silences: Sequence[Silence]
    runbooks: Mapping[str, str]
    """By rule."""


class Line(NamedTuple):
    """Which history is asked for."""

    window_s: int
    points: int
    end_ns: int
    where: Where | None = None


@dataclass(frozen=True, slots=True)
class Retrospect:
    """A store with what the collector was told of windows; any thread may ask it."""

    store: Store
    day_start_ns: Callable[[int], int]
    """The local midnight at or before a wall-clock time."""
    max_series: int

    def snapshot(self, at_ns: int, by: str, windows_s: Sequence[int], present: Present) -> Snapshot:
        """The picture of ``at_ns`` grouped by ``by``, of the windows ``windows_s``, at least one.

        Windows end with the last whole minute; alerts and checks are as of the instant itself.
        What nobody kept is of now (limits, runbooks, the ledger), empty (objectives, spending
        limits, channels) or None (open requests); a window before all that is kept has no values.

        Raises:
            QueryError: too slow, or the store cannot be read.
            StoreError: likewise.
        """
        begin_ns = self.store.begin_ns(0)
        alerts = tuple(worst_first(self._alerts(at_ns, present)))
        windows, series = self._windows(at_ns, by, windows_s, begin_ns)
        ingest = replace(present.ingest, series=series, fold_lag_s=None)
        return Snapshot(
            version=VERSION,
            seq=0,
            at_ns=at_ns,
            name=present.identity.name,
            note=present.identity.note,
            started_ns=present.identity.started_ns,
            by=by,
            windows=windows,
            alerts=alerts,
            health=self._health(at_ns, present.identity.started_ns),
            ingest=ingest,
            limits=present.limits,
            problems=tuple(_problems(at_ns, windows_s, begin_ns)),
        )

    def history(self, line: Line, now_ns: int) -> History:
        """What :meth:`~llmmon_collector.windows.rolling.Windows.history` would have told, in steps
        of whole minutes. What had not ended by ``now_ns`` is unknown.

        Raises:
            StoreError: the store cannot be read.
        """
        window_s = whole_minutes(line.window_s)
        windows = PastWindows([window_s], self.day_start_ns)
        at = buckets(windows.level(window_s), window_s, line.points, line.end_ns)
        until_ns = min(int(at.bounds_ns[-1]), now_ns)
        begin_ns = self.store.begin_ns(0)
        windows.stand(until_ns + 1, _NEVER_NS if begin_ns is None else begin_ns)
        if begin_ns is not None and begin_ns < until_ns:
            step_ns = windows.level(window_s).slot_ns
            series = SeriesTable(self.max_series)
            for start_ns, delta in self.store.rollups(
                Span.of(at.start_ns, until_ns - 1, step_ns), series
            ):
                windows.fill(start_ns, _only(delta, series, line.where))
        return windows.history(window_s, line.points, line.end_ns)

    def _windows(
        self, at_ns: int, by: str, windows_s: Sequence[int], begin_ns: int | None
    ) -> tuple[tuple[WindowView, ...], int]:
        """The windows as of the last whole minute, and how many series they know."""
        end_ns = at_ns - at_ns % MINUTE_NS
        if begin_ns is None or begin_ns >= end_ns:
            return tuple(WindowView(w, _UNKNOWN, {}, (), (0,) * 5) for w in windows_s), 0
        windows = PastWindows(windows_s, self.day_start_ns)
        series = SeriesTable(self.max_series)
        stretches = _stretches(windows.stand(end_ns, begin_ns))
        for start_ns, delta in self.store.sums(stretches, series, TIMEOUT_S):
            windows.fill(start_ns, delta)
        return tuple(_view(windows, series, w, by) for w in windows_s), len(series) - 1

    def _alerts(self, at_ns: int, present: Present) -> Iterator[AlertView]:
        found = self.store.query(alerts_sql(at_ns, RESOLVED_KEPT_S), _MOST_ROWS, TIMEOUT_S)
        for view in map(alert_of, found.rows):
            labels = {**view.labels, "rule": view.rule, "severity": view.severity}
            silent = [s for s in present.silences if s.in_force(at_ns) and s.matches(labels)]
            until_ns = max((silence.ends_ns for silence in silent), default=None)
            runbook = present.runbooks.get(view.rule, "")
            yield replace(view, runbook=runbook, silenced_until_ns=until_ns)

    def _health(self, at_ns: int, started_ns: int) -> tuple[HealthView, ...]:
        # a process writes down each of its checks when it begins: older ones may be gone by then
        since_ns = started_ns if started_ns <= at_ns else 0
        found = self.store.query(health_sql(since_ns, at_ns), _MOST_ROWS, TIMEOUT_S)
        return tuple(map(health_of, found.rows))


def desk(
    retrospect: Retrospect, present: Callable[[], Present], now_ns: Callable[[], int]
) -> PastDesk:
    """What the control socket asks; ``present`` and ``now_ns`` are read when it is asked."""

    def snapshot(at_ns: int, by: str, windows_s: Sequence[int]) -> Callable[[], Snapshot]:
        return partial(retrospect.snapshot, at_ns, by, windows_s, present())

    def history(
        known: History, window_s: int, points: int, end_ns: int, where: Where | None
    ) -> Callable[[], History] | None:
        line = Line(window_s, points, end_ns, where)
        if not lies_back(known, line, now_ns()):
            return None
        return partial(retrospect.history, line, now_ns())

    return PastDesk(snapshot, history)


def lies_back(history: History, line: Line, now_ns: int) -> bool:
    """Whether live windows do not know the beginning of ``history`` any more: they keep two windows
    of the whole, and one of some series."""
    kept_s = (1 if line.where is not None else 2) * line.window_s - slot_length_s(line.window_s)
    return history.start_ns + history.step_ns <= now_ns - kept_s * 10**9


def _only(delta: Delta, series: SeriesTable, where: Where | None) -> Delta:
    if where is None:
        return delta
    return delta.only(np.array([where(key) for key in series.keys]))


def _stretches(edges: Edges) -> list[Stretch]:
    return [
        Stretch(since_ns, until_ns, until_ns <= edges.series_ns, since_ns >= edges.sketches_ns)
        for since_ns, until_ns in pairwise(edges.bounds_ns)
    ]


def _view(windows: PastWindows, series: SeriesTable, window_s: int, by: str) -> WindowView:
    kept_s = whole_minutes(window_s)
    previous = windows.previous(kept_s)
    unknown = {"open_requests": None, "stalled_requests": None}
    return WindowView(
        window_s=window_s,
        total=windows.table(kept_s, series.group(())).row(0) | unknown,
        previous=previous.row(0) if previous.requests.any() else {},
        groups=windows.table(kept_s, series.group(grouping_of(by))).busy_groups(),
        quality_buckets=windows.quality_buckets(kept_s),
    )


def _problems(at_ns: int, windows_s: Sequence[int], begin_ns: int | None) -> Iterator[str]:
    end_ns = at_ns - at_ns % MINUTE_NS
    if begin_ns is None or begin_ns >= end_ns:
        has = "has no requests" if begin_ns is None else f"begins at {_utc(begin_ns)}"
        yield f"the store {has}: of this time nothing is known"
    if end_ns != at_ns:
        yield f"windows end at {_utc(end_ns)}, the last whole minute"
    for window_s in windows_s:
        if whole_minutes(window_s) != window_s:
            whole_s = whole_minutes(window_s)
            yield f"the window of {window_s} s is of {whole_s} s here: the past is kept by minutes"


def _utc(at_ns: int) -> str:
    return f"{datetime.fromtimestamp(at_ns // 10**9, UTC):%Y-%m-%d %H:%M:%S} UTC"
