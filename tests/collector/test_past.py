"""The past, out of a store's minutes, is what the live windows showed at the end of each minute."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.batches import body, committed, series
from support.live import NOW_NS, PRICES, SECOND, WINDOWS_S, new_live, utc_midnight

from llmmon_collector.journal import Cursor
from llmmon_collector.live import LiveMetrics, Open
from llmmon_collector.metrics import MetricSource
from llmmon_collector.past import Past
from llmmon_collector.rules.past import PastQuestion
from llmmon_collector.series import SeriesKey
from llmmon_collector.store.base import Committed
from llmmon_collector.store.duck import DuckStore

MINUTE = 60 * SECOND
DAY = 86_400 * SECOND
KEYS = [series(model="gpt-4o"), series(model="gpt-4o", route="/b"), series(model="unpriced")]
UNKNOWN = ("open_requests", "stalled_requests")


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

    def past(self) -> Past:
        """What the store knows by now."""
        self.store.fold(self._unfolded, Cursor(1, 8 + self._events))
        self._unfolded = []
        return Past(self.store, utc_midnight, 100)

    def shown(self, end_ns: int) -> dict[str, Any]:
        """What live tables say at the last instant before ``end_ns``."""
        self.live.advance(end_ns - 1, Open(0, 0))
        return told(self.live.table, self.windows_s)


def told(source: MetricSource, windows_s: Sequence[int]) -> dict[str, Any]:
    """Everything that rules could read; NaN is not itself, so as text."""
    return {
        f"{window_s} {by} {where}": sorted(map(repr, _rows(source, window_s, by, where)))
        for window_s in windows_s
        for by in ((), ("model",), ("model", "route"))
        for where in (None, _gpt)
    }


def _rows(source: MetricSource, window_s: int, by: tuple[str, ...], where: Any) -> Iterator[Any]:
    table = source(window_s, by, where)
    rows = table.busy() if by else [({}, table.row(0))]
    for labels, values in rows:
        yield labels, {name: value for name, value in values.items() if name not in UNKNOWN}


def _gpt(key: SeriesKey) -> bool:
    return key.model == "gpt-4o"


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
BUSY_MINUTE = st.tuples(
    st.integers(1, 4) | st.integers(1, 900),
    st.lists(st.tuples(st.integers(0, MINUTE - 1), REQUEST), min_size=1, max_size=4),
)


@settings(max_examples=25)
@given(busy=st.lists(BUSY_MINUTE, min_size=1, max_size=8))
def test_each_minute_ends_as_it_was_shown_live(busy: list[tuple[int, list[Any]]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        rig = Rig(Path(directory))
        shown = {}
        begin_ns = NOW_NS - NOW_NS % MINUTE
        for skipped, requests in busy:
            begin_ns += skipped * MINUTE
            for offset_ns, fields in sorted(requests, key=lambda one: one[0]):
                rig.take(begin_ns + offset_ns, fields)
            for later in (1, 2, 7):
                shown[begin_ns + later * MINUTE] = rig.shown(begin_ns + later * MINUTE)
            begin_ns += 7 * MINUTE
        past = {
            moment.at_ns: told(moment.source, WINDOWS_S)
            for moment in rig.past().moments(WINDOWS_S, list(shown))
        }
        assert past == shown
        rig.store.close()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.store.close()


def test_the_cost_of_the_day_begins_at_midnight(rig: Rig) -> None:
    midnight_ns = utc_midnight(NOW_NS) + DAY
    priced = {"latency_ms": 5.0, "input_tokens": 1_000_000, "output_tokens": 0}
    for end_ns in (midnight_ns - 10 * SECOND, midnight_ns + 70 * SECOND):
        rig.take(end_ns, priced)
    times = [midnight_ns, midnight_ns + MINUTE, midnight_ns + 2 * MINUTE]
    cost = [
        moment.source(300, (), None).row(0)["daily_cost"]
        for moment in rig.past().moments([300], times)
    ]
    assert cost == [2.5, 0.0, 2.5]


def test_requests_before_the_first_moment_are_in_its_windows(rig: Rig) -> None:
    for minute in range(600):
        rig.take(NOW_NS + minute * MINUTE, {"latency_ms": 10.0 * minute})
    at_ns = NOW_NS - NOW_NS % MINUTE + 600 * MINUTE
    [moment] = rig.past().moments(WINDOWS_S, [at_ns])
    assert told(moment.source, WINDOWS_S) == rig.shown(at_ns)


def test_moments_between_minutes_are_as_of_the_minute_before(rig: Rig) -> None:
    rig.take(NOW_NS + 61 * SECOND, {"latency_ms": 5.0})
    times = [NOW_NS + 90 * SECOND, NOW_NS + 120 * SECOND, NOW_NS + 150 * SECOND]
    counts = [m.source(60, (), None).row(0)["requests"] for m in rig.past().moments([60], times)]
    assert counts == [0, 1, 1]


def test_a_window_that_is_no_whole_minute_is_the_next_longer_one(rig: Rig) -> None:
    rig.take(NOW_NS + 1 * SECOND, {"latency_ms": 5.0})
    [moment] = rig.past().moments([90], [NOW_NS + 2 * MINUTE])
    assert moment.source(90, (), None).row(0)["request_rate"] == pytest.approx(1 / 120)


def test_an_empty_store_has_tables_without_requests(rig: Rig) -> None:
    [moment] = rig.past().moments([300], [NOW_NS])
    assert moment.source(300, (), None).row(0)["requests"] == 0
    assert len(moment.source(300, ("model",), None).busy()) == 0


def test_what_is_shown_changes_as_windows_forget(rig: Rig) -> None:
    assert isinstance(rig.live, LiveMetrics)
    rig.take(NOW_NS, {"latency_ms": 5.0})
    begin_ns = NOW_NS - NOW_NS % MINUTE
    first, second = begin_ns + MINUTE, begin_ns + 10 * MINUTE
    assert rig.shown(first) != rig.shown(second)


def test_the_past_of_an_expression_is_answered_as_of_each_step(rig: Rig) -> None:
    begin_ns = NOW_NS - NOW_NS % MINUTE
    for minute in range(12):
        for _ in range(minute):
            rig.take(begin_ns + minute * MINUTE, {"latency_ms": 10.0, "series": minute % 3})
    question = PastQuestion(
        window_s=60,
        by=("model",),
        where_text='model == "gpt-4o"',
        value_text="requests * 2",
        since_ns=begin_ns,
        until_ns=begin_ns + 12 * MINUTE,
        step_ns=3 * MINUTE,
    )
    told = list(rig.past().tables(question))
    assert [at_ns for at_ns, _ in told] == [begin_ns + 3 * i * MINUTE for i in range(1, 4)]
    # minutes 2 and 5 are of another model; 8 too
    assert [table.busy() for _, table in told] == [[], [], []]
    later = replace(question, since_ns=begin_ns + MINUTE, until_ns=begin_ns + 12 * MINUTE)
    counts = [table.values["requests"].tolist() for _, table in rig.past().tables(later)]
    assert counts == [[3.0], [6.0], [9.0]]
    assert list(rig.past().tables(replace(question, until_ns=question.since_ns))) == []


def test_before_anything_was_kept_there_is_no_past_rather_than_no_requests(rig: Rig) -> None:
    begin_ns = NOW_NS - NOW_NS % MINUTE
    question = PastQuestion(
        window_s=60,
        by=(),
        where_text="",
        value_text="requests",
        since_ns=begin_ns - 100 * MINUTE,
        until_ns=begin_ns + 5 * MINUTE,
        step_ns=MINUTE,
    )
    assert list(rig.past().tables(question)) == []
    rig.take(begin_ns + 1 * SECOND, {"latency_ms": 10.0})
    told = [(at_ns, int(table.requests[0])) for at_ns, table in rig.past().tables(question)]
    assert told == [(begin_ns + i * MINUTE, int(i == 1)) for i in range(1, 5)]
    later = replace(question, since_ns=begin_ns + 2 * MINUTE)
    assert len(list(rig.past().tables(later))) == 3
