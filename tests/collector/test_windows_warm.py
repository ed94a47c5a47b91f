"""After a restart the windows are what they were, whenever it comes and whatever was folded how."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.batches import body, committed, series
from support.live import NOW_NS, PRICES, SECOND, WINDOWS_S, new_live, utc_midnight

from llmmon_collector.day import LocalDay
from llmmon_collector.journal import Cursor
from llmmon_collector.live import LiveMetrics, Open
from llmmon_collector.store import Committed
from llmmon_collector.store.duck import DuckStore
from llmmon_collector.warmup import refill_windows

MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
DayStart = Callable[[int], int]
KEYS = [series(model="gpt-4o"), series(model="gpt-4o", route="/b"), series(model="unpriced")]


class Rig:
    """Windows and a store that are given the same requests on a clock of their own."""

    def __init__(
        self,
        directory: Path,
        windows_s: Sequence[int] = WINDOWS_S,
        day_start_ns: DayStart = utc_midnight,
    ) -> None:
        self._path = directory / "store.duckdb"
        self._made_with = windows_s, day_start_ns
        self.now_ns = NOW_NS
        self.store = DuckStore(self._path, PRICES, 100)
        self.live = self._new_live()
        self._unfolded: list[Committed] = []
        self._seq = 0
        self._events = 0

    def _new_live(self) -> LiveMetrics:
        windows_s, day_start_ns = self._made_with
        live = new_live(windows_s, day_start_ns=day_start_ns)
        live.advance(self.now_ns, Open(0, 0))
        return live

    def wait(self, seconds: float) -> None:
        self.now_ns += round(seconds * SECOND)
        self.live.advance(self.now_ns, Open(0, 0))

    def take(self, requests: Sequence[dict[str, Any]]) -> None:
        """Requests that end now, or ``ago_s`` before, counted and to be folded."""
        rows = [self._row(i, **request) for i, request in enumerate(requests)]
        self._seq += 1
        item = committed(body(rows, keys=KEYS, seq=self._seq, first_event=self._events))
        self._events += len(rows)
        assert item.batch is not None
        self.live.add([item.batch], self.now_ns)
        self._unfolded.append(item)

    def fold(self) -> None:
        """All that was taken is in the store."""
        self.store.fold(self._unfolded, Cursor(1, 8 + self._seq))
        self._unfolded = []

    def _row(self, counter: int, ago_s: float = 0.0, **fields: Any) -> dict[str, Any]:
        latency_ms = fields.get("latency_ms") or 0.0
        latency_ns = int(np.float64(np.float32(latency_ms)) * 1e6)
        start_ns = self.now_ns - round(ago_s * SECOND) - latency_ns
        return {"series": 0, "counter": counter, "start_ns": start_ns} | fields

    def restart(self) -> None:
        """Windows that know only what the store has."""
        self.fold()
        self.store.close()
        self.store = DuckStore(self._path, PRICES, 100)
        self.live = self._new_live()
        refill_windows(self.live, self.store, self.now_ns)

    def told(self, previous: bool = True) -> dict[str, Any]:
        """Everything that the windows tell."""
        self.live.advance(self.now_ns, Open(0, 0))
        windows = self.live.windows
        return {
            window_s: {
                "total": self.live.table(window_s).row(0),
                "models": _by_label(self.live, window_s, ("model",)),
                "routes": _by_label(self.live, window_s, ("model", "route")),
                "buckets": windows.quality_buckets(window_s),
                "trend": windows.trend(window_s),
                "previous": windows.previous(window_s).row(0) if previous else None,
                "counts": windows.history(window_s, 30, self.now_ns).values["requests"].tolist()
                if previous
                else None,
            }
            for window_s in windows.windows_s
        }


def _by_label(live: LiveMetrics, window_s: int, by: tuple[str, ...]) -> dict[str, Any]:
    rows = live.table(window_s, by).busy()
    return {str(labels): row for labels, row in sorted(rows, key=lambda one: str(one[0]))}


def assert_same(after: dict[str, Any], before: dict[str, Any]) -> None:
    # NaN is not itself: repr tells apart what the rows hold
    assert {w: repr(one) for w, one in after.items()} == {w: repr(one) for w, one in before.items()}


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.store.close()


MAYBE_MS = st.one_of(st.none(), st.floats(0.0, 100_000.0, width=32))
TOKENS = st.one_of(st.none(), st.integers(0, 100_000))
SCORE = st.one_of(st.none(), st.floats(0.0, 1.0, width=32))
REQUEST = st.fixed_dictionaries(
    {
        "ago_s": st.floats(0.0, 59.0),
        "series": st.integers(0, 2),
        "latency_ms": MAYBE_MS,
        "ttft_ms": MAYBE_MS,
        "max_gap_ms": MAYBE_MS,
        "input_tokens": TOKENS,
        "output_tokens": TOKENS,
        "cached_tokens": TOKENS,
        "error": st.sampled_from([None, None, "timeout"]),
        "safety": SCORE,
        "relevance": SCORE,
        "refusal": SCORE,
    }
)
STEP = st.one_of(
    st.tuples(st.just("take"), st.lists(REQUEST, min_size=1, max_size=8)),
    st.tuples(st.just("wait"), st.floats(0.0, 90.0) | st.floats(0.0, 7200.0)),
    st.tuples(st.sampled_from(["restart", "fold", "compact"]), st.none()),
)


@settings(max_examples=30, deadline=None)
@given(steps=st.lists(STEP, min_size=3, max_size=20))
def test_windows_after_a_restart_are_what_they_were(steps: list[tuple[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        rig = Rig(Path(directory))
        for step, what in [*steps, ("restart", None)]:
            if step == "take":
                rig.take(what)
            elif step == "wait":
                rig.wait(what)
            elif step == "fold":
                rig.fold()
            elif step == "compact":
                rig.store.compact(rig.now_ns)
            else:
                before = rig.told(previous=False)
                rig.restart()
                assert_same(rig.told(previous=False), before)
        rig.store.close()


def spread(rig: Rig, hours: float, step_s: float = 240.0) -> None:
    """Three requests every ``step_s``, the first one on the clock."""
    for i in range(round(hours * 3600 / step_s)):
        many = [
            {"series": n, "latency_ms": 50.0 * (1 + i % 40), "ttft_ms": 5.0 + n, "safety": n / 3}
            | {"input_tokens": 10 * i, "output_tokens": i + n, "ago_s": float(7 * n)}
            for n in range(3)
        ]
        rig.take(many)
        if i % 50 == 0:
            rig.fold()
        rig.wait(step_s)


@pytest.mark.parametrize("compacted", [True, False])
def test_all_that_is_told_of_two_days_comes_back(rig: Rig, compacted: bool) -> None:
    spread(rig, 74, 600.0)
    before = rig.told()
    assert before[86_400]["previous"]["requests"] > 400
    if compacted:
        rig.fold()
        rig.store.compact(rig.now_ns)
    rig.restart()
    assert_same(rig.told(), before)
    rig.wait(1000)
    again = rig.told()
    rig.restart()
    assert_same(rig.told(), again)


@pytest.mark.parametrize("windows_s", [(60,), (600, 1800), (10_800, 21_600), (60, 7 * 86_400)])
def test_whatever_windows_are_kept_come_back(tmp_path: Path, windows_s: tuple[int, ...]) -> None:
    rig = Rig(tmp_path, windows_s)
    spread(rig, 3, 45.0)
    before = rig.told()
    rig.restart()
    assert_same(rig.told(), before)
    rig.store.close()


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "Pacific/Chatham", "Europe/Berlin"])
def test_the_cost_of_the_day_is_cut_at_midnight_to_the_minute(tmp_path: Path, zone: str) -> None:
    assert ZoneInfo(zone).key == zone
    rig = Rig(tmp_path, day_start_ns=LocalDay(zone).start_ns)
    midnight_ns = LocalDay(zone).start_ns(NOW_NS) + DAY
    rig.wait((midnight_ns - NOW_NS) / SECOND - 240.0)
    for _ in range(9):
        rig.take([{"latency_ms": 5.0, "input_tokens": 1000, "output_tokens": 1000}])
        rig.wait(59.0)
    before = rig.told(previous=False)
    assert 0 < before[60]["total"]["daily_cost"] < before[86_400]["total"]["cost_usd"]
    rig.restart()
    assert_same(rig.told(previous=False), before)
    rig.store.close()


def test_what_claims_to_end_later_than_this_minute_is_left_out(rig: Rig) -> None:
    rig.wait(30)
    rig.take([{"ago_s": -20.0}, {"ago_s": -60.0}, {"ago_s": -3600.0}, {}])
    rig.restart()
    assert [told["total"]["requests"] for told in rig.told().values()] == [2, 2, 2, 2]


def test_requests_that_retention_took_are_still_in_the_long_windows(rig: Rig) -> None:
    spread(rig, 6)
    before = rig.told()
    rig.fold()
    rig.store.retain(rig.now_ns - HOUR, 0)
    rig.restart()
    after = rig.told()
    assert repr(after[86_400]) == repr(before[86_400])
