"""Clocks that are set, the collector's or an agent's: what is counted keeps its age."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.batches import START_NS, body
from support.live import NOW_NS, SECOND, new_live, request_batch, row

from llmmon.protocol.wire import Header
from llmmon_collector.clock import ManualClock
from llmmon_collector.intake.ledger import Ledger
from llmmon_collector.intake.skew import Skew, skew_notices
from llmmon_collector.journal import Journal
from llmmon_collector.live import LiveMetrics, Open
from llmmon_collector.pricing.book import PriceBook
from llmmon_collector.steps import FollowedClock
from llmmon_collector.store.duck import DuckStore
from llmmon_collector.store.folder import Folder

HOUR_S = 3600
NOTHING_OPEN = Open(0, 0)
AGENT = bytes(range(16))


class Followed:
    """Live metrics on a clock that can be set."""

    def __init__(self) -> None:
        self.live = new_live()
        self.machine = ManualClock(NOW_NS)
        self.clock = FollowedClock(self.machine, self.live.set_clock)
        self.tick()

    def tick(self) -> None:
        self.live.advance(self.clock.wall_ns(), NOTHING_OPEN)

    def add(self, requests: int) -> None:
        now_ns = self.clock.wall_ns()
        rows = [row(start_ns=now_ns - SECOND)] * requests
        self.live.add([request_batch(rows)], now_ns)
        self.tick()

    def requests(self, window_s: int) -> object:
        return self.live.table(window_s).row(0)["requests"]


@pytest.mark.parametrize("step_s", [-HOUR_S, HOUR_S, -5000.7, 7777.3, -86_400])
def test_windows_go_on_across_a_step(step_s: float) -> None:
    followed = Followed()
    followed.add(20)
    followed.machine.advance(10)
    followed.machine.step(step_s)
    followed.add(5)
    assert [followed.requests(window_s) for window_s in (60, 300, 3600)] == [25, 25, 25]
    followed.machine.advance(55)
    followed.tick()
    assert [followed.requests(window_s) for window_s in (60, 300)] == [5, 25]
    assert followed.live.late_events == followed.live.windows.skewed == 0


def test_what_was_spent_today_stays_spent() -> None:
    followed = Followed()
    followed.live.add([request_batch([row(input_tokens=10**6)], model="gpt-4o")], NOW_NS)
    followed.tick()
    for step_s in (-86_400, 2 * 86_400):
        followed.machine.step(step_s)
        followed.tick()
        assert followed.live.table(60).row(0)["daily_cost"] == pytest.approx(2.5)


def test_a_step_is_told_for_an_hour_and_slewing_is_none() -> None:
    followed = Followed()
    for _ in range(100):
        followed.machine.step(-30)
        followed.tick()
    assert followed.clock.problem == ""
    followed.machine.step(HOUR_S)
    followed.tick()
    assert "set forward by 3,600 s" in followed.clock.problem
    followed.machine.step(-HOUR_S)
    followed.tick()
    assert "set back by 3,600 s" in followed.clock.problem
    followed.machine.advance(HOUR_S + 1)
    assert followed.clock.problem == ""


def _skewed(live: LiveMetrics, skew_s: float, requests: int) -> None:
    rows = [row(start_ns=NOW_NS + round((skew_s - 1) * SECOND))] * requests
    batch = request_batch(rows)._replace(skew_ns=round(skew_s * SECOND))
    live.add([request_batch([row()]), batch, request_batch([row()] * 2)], NOW_NS)
    live.advance(NOW_NS, NOTHING_OPEN)


@pytest.mark.parametrize("skew_s", [-HOUR_S, HOUR_S, -86_400.0 * 365])
def test_requests_of_a_skewed_agent_count_by_their_age(skew_s: float) -> None:
    live = new_live()
    _skewed(live, skew_s, 4)
    assert live.table(60).row(0)["requests"] == 7
    assert live.late_events == live.windows.skewed == 0


def _header(wall_s: float, mono_s: float) -> Header:
    return Header(AGENT, 1, wall_ns=round(wall_s * SECOND), mono_ns=round(mono_s * SECOND))


def test_skew_is_what_the_quickest_message_says() -> None:
    skew = Skew()
    for way_s in (4.0, 0.5, 90.0):
        header, way_ns = _header(1000 + HOUR_S, 50), round(way_s * SECOND)
        skew.note(header, 1000 * SECOND + way_ns, 7 * SECOND + way_ns)
    assert skew.ns == round((HOUR_S - 0.5) * SECOND)


def test_a_step_of_either_clock_is_known_from_the_next_message_on() -> None:
    skew = Skew()
    skew.note(_header(1000, 50), 1000 * SECOND, 7 * SECOND)
    assert skew.ns == 0
    skew.note(_header(1001 - HOUR_S, 51), 1001 * SECOND, 8 * SECOND)
    assert skew.ns == -HOUR_S * SECOND
    skew.note(_header(1002 - HOUR_S, 52), (1002 - HOUR_S) * SECOND, 9 * SECOND)
    assert skew.ns == 0


def test_messages_without_a_time_say_nothing() -> None:
    skew = Skew()
    skew.note(Header(AGENT, 1), NOW_NS, 0)
    assert skew.ns == 0


def test_an_impossible_time_is_bounded() -> None:
    ledger = Ledger()
    hostile = Header(AGENT, 1, wall_ns=2**64 - 1)
    assert ledger.skew_ns(hostile, NOW_NS, 0) == 10**18
    _skewed(new_live(), 1e9, 1)


def test_notices_name_some_of_those_that_are_apart() -> None:
    assert skew_notices([("a", 59 * SECOND), ("b", 0)]) == []
    (told,) = skew_notices([("near", 0), *((f"s{n}", -HOUR_S * SECOND) for n in range(7))])
    assert "s0 by 3,600 s behind" in told
    assert "and 2 more" in told
    assert "near" not in told


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DuckStore]:
    store = DuckStore(tmp_path / "s.duckdb", PriceBook(()))
    yield store
    store.close()


def test_a_clock_set_far_forward_makes_nothing_old(store: DuckStore, tmp_path: Path) -> None:
    clock = ManualClock(START_NS + 10 * SECOND)
    journal = Journal(tmp_path / "journal")
    folder = Folder(journal, store, clock, retention_s=HOUR_S)
    journal.append([body([{"start_ns": START_NS, "latency_ms": 1.0}])])
    stored = folder.fold_all()
    clock.step(86_400 * 365)
    folder.tend()
    assert store.query("SELECT count(*) FROM requests").rows == [(stored,)]
    clock.advance(3 * HOUR_S)
    folder.tend()
    assert store.query("SELECT count(*) FROM requests").rows == [(0,)]
