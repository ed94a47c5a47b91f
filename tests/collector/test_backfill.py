"""What memory lacks of the past comes from the store, beside the daemon's work."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from support.batches import body, committed, series
from support.live import NOW_NS, PRICES, SECOND, new_live, utc_midnight

from llmmon_collector.backfill import Askers, Backfill
from llmmon_collector.journal import Cursor
from llmmon_collector.live import Open
from llmmon_collector.metrics import Sources
from llmmon_collector.objectives.model import SloSpec
from llmmon_collector.objectives.objectives import Objectives
from llmmon_collector.past import Past
from llmmon_collector.rules.engine import RuleEngine
from llmmon_collector.rules.model import RuleSpec
from llmmon_collector.store.base import QueryError, QueryResult
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

    def query(self, sql: str, limit: int = 10_000, timeout_s: float = 10.0) -> QueryResult:
        if self.refusing:
            raise QueryError("failed", "the disk is gone")
        return super().query(sql, limit, timeout_s)


class Rig:
    """A store in which a request of a second ended in each of the last twenty minutes."""

    def __init__(self, directory: Path) -> None:
        self.store = Busy(directory / "store.duckdb", PRICES, 100)
        self.live = new_live((60,))
        rows = [
            {"series": 0, "counter": i, "latency_ms": 1000.0, "start_ns": START_NS - i * MINUTE}
            for i in range(20)
        ]
        self.store.fold([committed(body(rows, keys=[series()]))], Cursor(1, 100))
        self.engine = RuleEngine([SLOWER])
        self.objectives = Objectives([SLO], [], self.live.series, "UTC", START_NS)
        past = Past(self.store, utc_midnight, 100)
        self.backfill = Backfill(self.store, past, Askers(self.objectives, self.engine))

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
