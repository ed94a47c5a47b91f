"""Pictures and histories of the past are what was shown live at the end of a minute."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.batches import body, committed, series
from support.live import NOW_NS, PRICES, SECOND, WINDOWS_S, new_live, utc_midnight

from llmmon.protocol.snapshot import (
    AlertView,
    HealthView,
    IngestView,
    Limit,
    Snapshot,
    WindowView,
    decode_snapshot,
    encode_snapshot,
)
from llmmon_collector.alerts.silence import Silence
from llmmon_collector.journal import Cursor
from llmmon_collector.live import Open
from llmmon_collector.retrospect import Line, Present, Retrospect, lies_back
from llmmon_collector.series import SeriesKey
from llmmon_collector.snapshots import Identity, Parts, build_snapshot
from llmmon_collector.store.base import Committed, QueryError
from llmmon_collector.store.duck import DuckStore
from llmmon_collector.windows.history import HISTORY_METRICS

MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
BEGIN_NS = NOW_NS - NOW_NS % MINUTE
KEYS = [series(model="gpt-4o"), series(model="gpt-4o", route="/b"), series(model="unpriced")]
INGEST = IngestView(1, 2, 3.0, 0, {}, 0, 0, 0, 7, 100, 0, (), 0.5)
LIMITS = (Limit("slow", "latency_p95", 300, "above", 1.0, 2.0),)
NOW = Present(Identity("c", "replay", BEGIN_NS - HOUR), LIMITS, INGEST, (), {"slow": "look here"})


class Rig:
    """A store and live windows that are given the same requests, each as it ends."""

    def __init__(self, directory: Path, windows_s: Sequence[int] = WINDOWS_S) -> None:
        self.windows_s = windows_s
        self.store = DuckStore(directory / "store.duckdb", PRICES, 100)
        self.live = new_live(windows_s)
        self._unfolded: list[Committed] = []
        self._events = 0

    def take(self, end_ns: int, fields: Mapping[str, Any]) -> None:
        """A request that ends, and comes, at ``end_ns``."""
        start_ns = end_ns - int((fields.get("latency_ms") or 0.0) * 1e6)
        row = {"series": 0, "counter": self._events, "start_ns": start_ns} | dict(fields)
        seq = self._events + 1
        item = committed(body([row], keys=KEYS, seq=seq, first_event=self._events))
        self._events += 1
        assert item.batch is not None
        self.live.advance(end_ns, Open(0, 0))
        self.live.add([item.batch], end_ns)
        self._unfolded.append(item)

    def past(self) -> Retrospect:
        """What the store knows by now."""
        if self._unfolded:
            self.store.fold(self._unfolded, Cursor(1, 8 + self._events))
        self._unfolded = []
        return Retrospect(self.store, utc_midnight, 100)

    def shown(self, end_ns: int, by: str) -> tuple[WindowView, ...]:
        """The windows of the live picture at the last instant before ``end_ns``."""
        self.live.advance(end_ns - 1, Open(0, 0))
        parts = Parts(0, end_ns, (), (), (), INGEST, ())
        return build_snapshot(self.live, self.windows_s, by, NOW.identity, parts).windows

    def told(self, at_ns: int, by: str = "model", present: Present = NOW) -> Snapshot:
        """The past picture as it arrives at a viewer."""
        snapshot = self.past().snapshot(at_ns, by, self.windows_s, present)
        return decode_snapshot(encode_snapshot(snapshot))


def comparable(views: Sequence[WindowView]) -> list[Any]:
    """What of windows is known of the past too; groups in the order of their labels."""
    return [
        (
            view.window_s,
            _known(view.total),
            _known(view.previous),
            sorted(repr((sorted(g.labels.items()), _known(g.metrics))) for g in view.groups),
            tuple(view.quality_buckets),
        )
        for view in views
    ]


def _known(metrics: Mapping[str, Any]) -> dict[str, Any]:
    unknown = ("open_requests", "stalled_requests")
    return {name: metrics[name] for name in sorted(metrics) if name not in unknown}


MAYBE_MS = st.one_of(st.none(), st.integers(0, 100_000).map(float))
TOKENS = st.one_of(st.none(), st.integers(0, 100_000))
REQUEST = st.fixed_dictionaries(
    {
        "series": st.integers(0, 2),
        "latency_ms": MAYBE_MS,
        "ttft_ms": MAYBE_MS,
        "input_tokens": TOKENS,
        "output_tokens": TOKENS,
        "error": st.sampled_from([None, None, "timeout"]),
        "safety": st.one_of(st.none(), st.sampled_from([0.0, 0.25, 1.0])),
    }
)
OFFSET_NS = st.integers(0, 59_999).map(lambda offset_ms: offset_ms * 10**6)
"""The store keeps times to the microsecond."""
BUSY_MINUTE = st.tuples(
    st.integers(1, 4) | st.integers(1, 900),
    st.lists(st.tuples(OFFSET_NS, REQUEST), min_size=1, max_size=4),
)


@settings(max_examples=20)
@given(
    busy=st.lists(BUSY_MINUTE, min_size=1, max_size=8),
    by=st.sampled_from(["model", "route", "service"]),
)
def test_a_picture_of_the_past_is_the_live_one_of_that_minutes_end(
    busy: list[tuple[int, list[Any]]], by: str
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        rig = Rig(Path(directory))
        shown = {}
        begin_ns = BEGIN_NS
        for skipped, requests in busy:
            begin_ns += skipped * MINUTE
            for offset_ns, fields in sorted(requests, key=lambda one: one[0]):
                rig.take(begin_ns + offset_ns, fields)
            for later in (1, 2, 7):
                at_ns = begin_ns + later * MINUTE
                shown[at_ns] = comparable(rig.shown(at_ns, by))
            begin_ns += 7 * MINUTE
        assert {at_ns: comparable(rig.told(at_ns, by).windows) for at_ns in shown} == shown
        rig.store.close()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.store.close()


def fill(rig: Rig, minutes: range) -> None:
    for minute in minutes:
        fields = {"latency_ms": 10.0 * (minute % 50), "series": minute % 3, "input_tokens": 1000}
        rig.take(BEGIN_NS + minute * MINUTE + 7 * SECOND, fields)


def test_windows_of_two_days_and_those_before_them(rig: Rig) -> None:
    fill(rig, range(0, 3 * 1440, 3))
    at_ns = BEGIN_NS + 3 * 1440 * MINUTE
    shown, told = rig.shown(at_ns, "route"), rig.told(at_ns, "route").windows
    assert [bool(view.previous) for view in told] == [False, True, True, True]
    assert comparable(told) == comparable(shown)


def test_one_window_of_many_is_as_with_all(rig: Rig) -> None:
    fill(rig, range(0, 1600, 3))
    at_ns = BEGIN_NS + 1600 * MINUTE
    for view in rig.told(at_ns).windows:
        (alone,) = rig.past().snapshot(at_ns, "model", [view.window_s], NOW).windows
        assert comparable([alone]) == comparable([view])


def test_what_nobody_kept_is_not_claimed(rig: Rig) -> None:
    rig.take(BEGIN_NS, {"latency_ms": 5.0})
    snapshot = rig.told(BEGIN_NS + 2 * MINUTE)
    assert (snapshot.seq, snapshot.at_ns) == (0, BEGIN_NS + 2 * MINUTE)
    assert snapshot.window(60).total["open_requests"] is None
    assert (snapshot.limits, snapshot.slos, snapshot.budgets) == (LIMITS, (), ())
    assert snapshot.ingest == replace(INGEST, series=1, fold_lag_s=None)
    assert snapshot.problems == ()


def test_before_the_store_begins_nothing_is_known(rig: Rig) -> None:
    assert rig.told(BEGIN_NS).problems == (
        "the store has no requests: of this time nothing is known",
    )
    rig.take(BEGIN_NS + SECOND, {"latency_ms": 5.0})
    snapshot = rig.told(BEGIN_NS - HOUR)
    assert snapshot.problems == (
        "the store begins at 2026-11-24 06:00:01 UTC: of this time nothing is known",
    )
    for view in snapshot.windows:
        assert (set(view.total.values()), view.previous, len(view.groups)) == ({None}, {}, 0)


def test_windows_end_with_the_last_whole_minute_and_say_so(rig: Rig) -> None:
    rig.take(BEGIN_NS + SECOND, {"latency_ms": 5.0})
    rig.take(BEGIN_NS + 61 * SECOND, {"latency_ms": 5.0})
    snapshot = rig.told(BEGIN_NS + 90 * SECOND)
    assert snapshot.window(60).total["requests"] == 1
    assert snapshot.problems == ("windows end at 2026-11-24 06:01:00 UTC, the last whole minute",)


def test_a_window_that_is_no_whole_minutes_says_so(tmp_path: Path) -> None:
    rig = Rig(tmp_path, (30, 60))
    rig.take(BEGIN_NS + SECOND, {"latency_ms": 5.0})
    snapshot = rig.told(BEGIN_NS + MINUTE)
    assert [view.window_s for view in snapshot.windows] == [30, 60]
    assert snapshot.window(30).total["request_rate"] == pytest.approx(1 / 60)
    assert snapshot.problems == ("the window of 30 s is of 60 s here: the past is kept by minutes",)
    rig.store.close()


def test_a_store_that_is_too_slow_is_broken_off(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(rig, range(100))
    monkeypatch.setattr("llmmon_collector.retrospect.TIMEOUT_S", 1e-9)
    with pytest.raises(QueryError) as raised:
        rig.told(BEGIN_NS + 100 * MINUTE)
    assert raised.value.code == "timeout"


ALERT = AlertView(
    id="a1",
    rule="slow",
    severity="warning",
    state="firing",
    labels={"model": "gpt-4o"},
    metric="latency_p95",
    value=3.0,
    threshold=2.0,
    comparison="above",
    window_s=300,
    since_ns=BEGIN_NS,
    fired_ns=BEGIN_NS,
    resolved_ns=None,
    peak=4.0,
    summary="slow it is",
    runbook="look here",
)


def test_alerts_stand_as_they_stood(rig: Rig) -> None:
    worse = replace(ALERT, severity="critical", value=None, acknowledged_by="ada")
    over = replace(worse, state="resolved", since_ns=BEGIN_NS + HOUR, resolved_ns=BEGIN_NS + HOUR)
    for at_ns, view in ((0, ALERT), (MINUTE, worse), (HOUR, over)):
        rig.store.append_alerts(BEGIN_NS + at_ns, [view])

    def at(offset_ns: int) -> tuple[AlertView, ...]:
        return rig.told(BEGIN_NS + offset_ns).alerts

    assert at(-1000) == ()
    assert at(SECOND) == (ALERT,)
    assert at(2 * MINUTE) == (worse,)
    assert at(HOUR + 14 * MINUTE) == (over,)
    assert at(HOUR + 16 * MINUTE) == ()


def test_alerts_that_were_silenced_say_until_when(rig: Rig) -> None:
    rig.store.append_alerts(BEGIN_NS, [ALERT])
    silence = Silence("s", {"rule": "sl*"}, BEGIN_NS + MINUTE, BEGIN_NS + HOUR, "ada", "")
    now = NOW._replace(silences=(silence,))
    (before,) = rig.told(BEGIN_NS + SECOND, present=now).alerts
    (within,) = rig.told(BEGIN_NS + 2 * MINUTE, present=now).alerts
    assert (before.silenced_until_ns, within.silenced_until_ns) == (None, BEGIN_NS + HOUR)


def check(name: str, status: str, since_ns: int) -> HealthView:
    return HealthView(name, "http", status, since_ns, since_ns, 2.0, None, "", "200")


def test_checks_stand_as_they_stood(rig: Rig) -> None:
    first, gone = check("a", "ok", BEGIN_NS), check("b", "ok", BEGIN_NS)
    later = check("a", "failing", BEGIN_NS + HOUR)
    rig.store.append_health(BEGIN_NS, [first, gone])
    rig.store.append_health(BEGIN_NS + HOUR, [later])
    assert rig.told(BEGIN_NS + MINUTE).health == (first, gone)
    assert rig.told(BEGIN_NS + HOUR).health == (later, gone)
    restarted = NOW._replace(identity=Identity("c", "", BEGIN_NS + HOUR))
    assert rig.told(BEGIN_NS + 2 * HOUR, present=restarted).health == (later,)
    assert rig.told(BEGIN_NS + MINUTE, present=restarted).health == (first, gone)


def _gpt(key: SeriesKey) -> bool:
    return key.model == "gpt-4o"


@settings(max_examples=20)
@given(
    minutes=st.lists(st.integers(0, 1400), min_size=1, max_size=30).map(sorted),
    back=st.integers(0, 1300),
    points=st.integers(1, 300),
    where=st.sampled_from([None, _gpt]),
)
@example(minutes=[0, 700, 1400], back=0, points=60, where=None)
def test_a_history_is_the_same_from_the_store_where_memory_knows_it_too(
    minutes: list[int], back: int, points: int, where: Callable[[SeriesKey], bool] | None
) -> None:
    # windows of a day have the same slots live; some of the series reach back one window
    with tempfile.TemporaryDirectory() as directory:
        rig = Rig(Path(directory), (86_400,))
        for minute in minutes:
            fields = {"latency_ms": float(minute), "series": minute % 3, "output_tokens": 5}
            rig.take(BEGIN_NS + minute * MINUTE, fields)
        now_ns = BEGIN_NS + 1440 * MINUTE
        rig.live.advance(now_ns, Open(0, 0))
        line = Line(86_400, points, now_ns - back * MINUTE, where)
        members = None
        if where is not None:
            members = np.array([where(key) for key in rig.live.series.keys])
        live = rig.live.windows.history(86_400, points, line.end_ns, members)
        past = rig.past().history(line, now_ns)
        assert (past.start_ns, past.step_ns) == (live.start_ns, live.step_ns)
        starts_ns = live.start_ns + live.step_ns * np.arange(len(live.values["requests"]))
        held = starts_ns >= now_ns - (86_400 - 600) * SECOND if where else slice(None)
        for name in HISTORY_METRICS:
            told, known = past.values[name][held], live.values[name][held]
            np.testing.assert_array_equal(told, known, name)
        rig.store.close()


def test_a_history_by_the_minute_is_the_one_of_shorter_slots(rig: Rig) -> None:
    fill(rig, range(200))
    now_ns = BEGIN_NS + 200 * MINUTE
    rig.live.advance(now_ns, Open(0, 0))
    line = Line(3600, 60, now_ns - MINUTE)
    live, past = rig.live.windows.history(*line[:3]), rig.past().history(line, now_ns)
    assert (past.start_ns, past.step_ns) == (live.start_ns, MINUTE)
    for name in HISTORY_METRICS:
        np.testing.assert_array_equal(past.values[name], live.values[name], name)


def test_a_history_of_long_ago_has_its_gaps(rig: Rig) -> None:
    fill(rig, range(3))
    now_ns = BEGIN_NS + 30 * DAY
    past = rig.past().history(Line(300, 120, BEGIN_NS + 4 * MINUTE), now_ns)
    assert past.values["requests"].tolist() == [1.0, 1.0, 1.0, 0.0, 0.0]
    early = rig.past().history(Line(300, 120, BEGIN_NS + MINUTE), now_ns)
    assert np.isnan(early.values["requests"]).tolist() == [True, True, True, False, False]


@pytest.mark.parametrize("points", [1, 7, 60, 120, 300, 2000])
@pytest.mark.parametrize("window_s", WINDOWS_S)
@pytest.mark.parametrize("where", [None, _gpt])
def test_memory_tells_the_present_and_the_store_what_lies_back(
    rig: Rig, points: int, window_s: int, where: Callable[[SeriesKey], bool] | None
) -> None:
    for now_ns in range(NOW_NS, NOW_NS + 2000 * SECOND, 97 * SECOND):
        present = rig.live.windows.history(window_s, points, now_ns)
        assert not lies_back(present, Line(window_s, points, now_ns, where), now_ns)
        end_ns = now_ns - 3 * window_s * SECOND
        long_ago = rig.live.windows.history(window_s, points, end_ns)
        assert lies_back(long_ago, Line(window_s, points, end_ns, where), now_ns)
