"""What memory lacks of the past comes from the store, beside the daemon's work."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.batches import body, committed, series
from support.live import NOW_NS, PRICES, SECOND, new_live, utc_midnight

from llmmon_collector.backfill import Askers, Backfill
from llmmon_collector.journal import Cursor
from llmmon_collector.live import Open
from llmmon_collector.metrics import Sources
from llmmon_collector.objectives.model import BudgetSpec, SloSpec
from llmmon_collector.objectives.objectives import Objectives
from llmmon_collector.past import Past
from llmmon_collector.rules.engine import RuleEngine
from llmmon_collector.rules.model import RuleSpec
from llmmon_collector.series import SeriesTable
from llmmon_collector.store.base import QueryError, QueryResult, Rollup, Span, StoreError
from llmmon_collector.store.duck import DuckStore

MINUTE = 60 * SECOND
START_NS = NOW_NS - NOW_NS % MINUTE
SLOWER = RuleSpec.model_validate(
    {
        "name": "slower",
        "value": 'latency_p50 / ago(latency_p50, "10m")',
        "window": "1m",
        "warning": {"above": 1.5},
    }
)
SLO = SloSpec.model_validate({"name": "fast", "good": "latency_ms < 1500", "objective": 0.9})


class Busy(DuckStore):
    """Refuses questions while it is told to."""

    refusing = False
    refuse_after: int | None = None
    """Questions that are still answered."""

    def rollups(self, span: Span, series: SeriesTable) -> Iterator[Rollup]:
        if self.refusing:
            raise StoreError("the disk is gone")
        return super().rollups(span, series)

    def query(self, sql: str, limit: int = 10_000, timeout_s: float = 10.0) -> QueryResult:
        if self.refuse_after is not None:
            self.refusing = self.refuse_after <= 0
            self.refuse_after -= 1
        if self.refusing:
            raise QueryError("failed", "the disk is gone")
        return super().query(sql, limit, timeout_s)


class Rig:
    """A store in which a request of a second ended in each of the last twenty minutes."""

    def __init__(self, directory: Path, folded: bool = True) -> None:
        self.store = Busy(directory / "store.duckdb", PRICES, 100)
        self.live = new_live((60,))
        rows = [
            {"series": 0, "counter": i, "latency_ms": 1000.0, "start_ns": START_NS - i * MINUTE}
            for i in range(20)
        ]
        self.unfolded = [committed(body(rows, keys=[series()]))]
        if folded:
            self.fold()
        self.engine = RuleEngine([SLOWER])
        self.objectives = Objectives([SLO], [], self.live.series, "UTC", START_NS)
        past = Past(self.store, utc_midnight, 100)
        askers = Askers(self.objectives, self.engine)
        self.backfill = Backfill(self.store, past, askers, self.folded)

    def fold(self) -> None:
        """Let the store have what has come."""
        if self.unfolded:
            self.store.fold(self.unfolded, Cursor(1, 100))
            self.unfolded = []

    async def folded(self) -> None:
        """When it has."""
        self.fold()

    def take_slow_one(self) -> None:
        """A request that is not in the store and took two seconds."""
        row = {"series": 0, "counter": 99, "latency_ms": 2000.0, "start_ns": START_NS}
        batch = committed(body([row], keys=[series()], seq=2, first_event=20)).batch
        assert batch is not None
        self.live.add([batch], START_NS + 5 * SECOND)

    def fires(self, at_ns: int) -> bool:
        """Whether the rule does, evaluated at a wall time."""
        self.live.advance(at_ns, Open(0, 0))
        self.engine.evaluate(Sources(self.live.table), at_ns / 1e9, at_ns)
        return any(alert.instance.severity for alert in self.engine.alerts())

    async def idle(self) -> None:
        """When nothing is being asked any more."""
        while running := [t for t in asyncio.all_tasks() if t.get_name() == "llmmon-backfill"]:
            await asyncio.wait(running)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


async def test_a_rule_that_looks_back_knows_what_was_before_the_start(rig: Rig) -> None:
    rig.take_slow_one()
    assert not rig.fires(START_NS + 6 * SECOND)
    rig.backfill.look()
    await rig.idle()
    assert rig.fires(START_NS + 7 * SECOND)


async def test_the_past_of_a_rule_is_read_once_the_store_has_what_came_before(
    tmp_path: Path,
) -> None:
    rig = Rig(tmp_path, folded=False)
    rig.take_slow_one()
    rig.fires(START_NS + 6 * SECOND)
    rig.backfill.look()
    await rig.idle()
    assert rig.fires(START_NS + 7 * SECOND)


async def test_an_objective_knows_what_was_counted_before_the_start(rig: Rig) -> None:
    rig.backfill.begin()
    rig.backfill.look()
    await rig.idle()
    rig.objectives.advance(START_NS + SECOND)
    (view,) = rig.objectives.slo_views()
    assert (view.good_events, view.total_events) == (20, 20)


async def test_what_the_store_refuses_is_asked_again_later(rig: Rig) -> None:
    rig.backfill.begin()
    rig.store.refusing = True
    rig.backfill.look()
    await rig.idle()
    rig.objectives.advance(START_NS + SECOND)
    assert rig.objectives.slo_views()[0].total_events == 0
    rig.store.refusing = False
    rig.objectives.advance(START_NS + 2 * MINUTE)
    rig.backfill.look()
    await rig.idle()
    rig.objectives.advance(START_NS + 2 * MINUTE + SECOND)
    assert rig.objectives.slo_views()[0].total_events == 20


async def test_what_the_store_refuses_a_rule_is_asked_again_a_minute_later(rig: Rig) -> None:
    rig.take_slow_one()
    rig.fires(START_NS + 6 * SECOND)
    rig.store.refusing = True
    rig.backfill.look()
    await rig.idle()
    rig.store.refusing = False
    rig.fires(START_NS + 7 * SECOND)
    assert rig.engine.wanted_past() == (), "not every second"
    assert not rig.fires(START_NS + 58 * SECOND)
    assert not rig.fires(START_NS + 67 * SECOND), "the slow one has left its window"
    rig.backfill.look()
    await rig.idle()
    (group,) = rig.engine.explain("slower", Sources(rig.live.table)).groups
    assert dict(group.parts)['ago(latency_p50, "10m")'] == pytest.approx(1000, rel=0.02)


async def test_a_store_that_refuses_at_the_start_stops_nothing_and_people_are_told(
    rig: Rig,
) -> None:
    errors = SLO.model_copy(update={"good": "error is None"})
    budget = BudgetSpec(name="all", limit_usd=1)
    rig.objectives.replace([errors], [budget], START_NS)
    rig.store.refuse_after = 1
    rig.backfill.begin()
    rig.store.refuse_after = None
    rig.backfill.look()
    await rig.idle()
    assert rig.objectives.notices() == ()
    rig.objectives.advance(START_NS + 20 * MINUTE)
    told = rig.objectives.notices()
    assert [notice.partition(":")[0] for notice in told] == ["slo fast", "budgets"]
