"""After a restart, and after a reload, the counts are what they would be without it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from support.batches import body, committed, series
from support.objectives import DAY_NS, HOUR_NS, MINUTE_NS, NOW_NS

from llmmon.protocol.views import BudgetView, SloView
from llmmon_collector.journal import Cursor
from llmmon_collector.objectives.backfill import NEXT_ROW_SQL
from llmmon_collector.objectives.model import BudgetSpec, SloSpec
from llmmon_collector.objectives.objectives import Objectives
from llmmon_collector.pricing.book import PriceBook
from llmmon_collector.pricing.model import PriceOverride
from llmmon_collector.requests import RequestDecoder
from llmmon_collector.series import SeriesTable
from llmmon_collector.store import Committed
from llmmon_collector.store.duck import DuckStore

PRICES = PriceBook([PriceOverride(model="m", input_per_mtok=1, output_per_mtok=2)])
KEYS = [series(model="m"), series(model="free"), series(service="it's", model="m")]
SLOS = [
    SloSpec(name="up", good="error is None", objective=0.99),
    SloSpec(name="up-by-model", good="error is None", objective=0.9, by=("model",), page=False),
    SloSpec(name="fast", good="latency_ms < 3000", objective=0.95, period=7 * 86_400),
    SloSpec(name="nice", good="quality_score >= 0.7", objective=0.9, by=("service",)),
    SloSpec(name="its", good="cost_usd < 0.001", objective=0.9, where='service == "it\'s"'),
]
BUDGETS = [
    BudgetSpec(name="month", limit_usd=1, by=("service",)),
    BudgetSpec(name="day", limit_usd=1, period="day", where='model == "m"'),
]
Told = tuple[tuple[SloView, ...], tuple[BudgetView, ...]]


class World:
    """Batches that are committed, a store that has folded some of them, and objectives."""

    def __init__(self, directory: Path, seed: int = 1) -> None:
        self._random = Random(seed)
        self.store = DuckStore(directory / "store.duckdb", PRICES)
        self._batches: list[Committed] = []
        self._events = 0
        self._folded = 0
        self.series = SeriesTable(100)
        self._decoder = RequestDecoder(self.series, PRICES)

    def commit(self, ages_ns: Sequence[int], now_ns: int = NOW_NS) -> Committed:
        """A batch of random requests that ended so long ago."""
        rows = [self._row(now_ns - age_ns) for age_ns in ages_ns]
        seq = len(self._batches) + 1
        record = body(rows, seq=seq, first_event=self._events, keys=KEYS)
        self._events += len(rows)
        self._batches.append(committed(record))
        return self._batches[-1]

    def fold(self) -> None:
        """Put what is committed into the store."""
        fresh, self._folded = self._batches[self._folded :], len(self._batches)
        self.store.fold(fresh, Cursor(1, self._folded))

    def add(self, objectives: Objectives, *batches: Committed, now_ns: int = NOW_NS) -> None:
        """Count ``batches`` live."""
        objectives.add(self._decoder.decode([b.batch for b in batches if b.batch]), now_ns)

    def objectives(self, now_ns: int = NOW_NS) -> Objectives:
        """What a collector begins with."""
        return Objectives(SLOS, BUDGETS, self.series, "Europe/Berlin", now_ns)

    def next_row(self) -> int:
        """The store's answer to ``NEXT_ROW_SQL``."""
        return int(self.store.query(NEXT_ROW_SQL).rows[0][0])

    def answer(self, objectives: Objectives, before_row: int | None = None) -> int:
        """Have the store answer all that ``objectives`` ask; how many questions."""
        questions = objectives.ask(before_row)
        for question in questions:
            result = self.store.query(question.sql, question.most_rows)
            objectives.fill(question, result.rows)
        return len(questions)

    def _row(self, end_ns: int) -> dict[str, Any]:
        pick = self._random
        latency_ms = pick.choice([10.0, 2999.0, 3001.0])
        return {
            "series": pick.randrange(3),
            "counter": 1,
            "start_ns": end_ns - round(latency_ms * 1e6),
            "latency_ms": latency_ms,
            "error": pick.choice([None, None, "timeout"]),
            "relevance": pick.choice([None, 0.3, 0.9]),
            "input_tokens": pick.choice([None, 1000, 3000]),
        }


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.store.close()


def ages(count: int, oldest_ns: int, seed: int = 7) -> list[int]:
    """Evenly spread ages, the youngest a second."""
    pick = Random(seed)
    return [10**9 + pick.randrange(oldest_ns) for _ in range(count)]


def told(objectives: Objectives, now_ns: int = NOW_NS) -> Told:
    """Views without what depends on when a process began, or on the moment of a tick."""
    objectives.advance(now_ns)
    slos = tuple(sorted(objectives.slo_views(), key=str))
    budgets = [replace(view, exhausted_ns=None) for view in objectives.budget_views()]
    return slos, tuple(sorted(budgets, key=str))


def test_counts_from_the_store_equal_counts_made_live(world: World) -> None:
    live = world.objectives(NOW_NS - 45 * DAY_NS)
    world.answer(live)
    history = sorted(ages(3000, 40 * DAY_NS), reverse=True)
    for some in (history[i : i + 50] for i in range(0, len(history), 50)):
        now_ns = NOW_NS - some[-1]
        world.add(live, world.commit([age - some[-1] for age in some], now_ns), now_ns=now_ns)
    world.fold()
    restarted = world.objectives()
    assert world.answer(restarted) > 10
    assert told(restarted) == told(live)
    assert all(view.rate_usd_per_hour for view in restarted.budget_views())


def totals(objectives: Objectives) -> list[tuple[str, float, int]]:
    views = objectives.budget_views()
    return sorted((v.name, v.spent_usd, v.unpriced_requests) for v in views)


def test_it_does_not_matter_when_the_store_answers(world: World) -> None:
    stored = world.commit(ages(400, 10 * DAY_NS))
    world.fold()
    tail, live = world.commit(ages(50, 2 * DAY_NS)), world.commit(ages(50, HOUR_NS))
    at_once = world.objectives()
    world.answer(at_once)
    world.add(at_once, tail, live)

    later = world.objectives()
    next_row = world.next_row()
    early = [q for q in later.ask(next_row) if not answer_if(world, later, q, q.at_once)]
    world.add(later, tail)
    world.fold()
    for question in early:
        answer_if(world, later, question, True)
    world.add(later, live)

    assert told(later) == told(at_once)
    everything = world.objectives()
    world.add(everything, stored, tail, live)
    assert totals(later) == totals(everything)


def test_what_claims_to_end_ahead_is_not_counted_again(world: World) -> None:
    world.commit([-2 * HOUR_NS, -2 * DAY_NS, 10**9])
    world.fold()
    objectives = world.objectives()
    world.answer(objectives)
    objectives.advance(NOW_NS)
    assert {view.total_events for view in objectives.slo_views() if view.name == "up"} == {1}
    requests = objectives.budget_table().requests.tolist()
    assert sum(requests) <= 2, "a request of now is of both limits"


def answer_if(world: World, objectives: Objectives, question: Any, now: bool) -> bool:
    if now:
        objectives.fill(question, world.store.query(question.sql, question.most_rows).rows)
    return now


def test_what_the_store_folds_later_is_not_counted_twice(world: World) -> None:
    world.commit(ages(100, DAY_NS))
    world.fold()
    objectives = world.objectives()
    next_row = world.next_row()
    world.add(objectives, world.commit(ages(30, DAY_NS)))
    world.fold()
    for question in objectives.ask(next_row):
        if "requests" in question.sql.split("FROM")[1]:
            answer_if(world, objectives, question, True)
    objectives.advance(NOW_NS)
    fast = next(view for view in objectives.slo_views() if view.name == "fast")
    assert fast.total_events == 130


def test_alerts_are_held_until_the_store_has_answered(world: World) -> None:
    world.commit(ages(100, DAY_NS))
    world.fold()
    objectives = world.objectives()
    world.add(objectives, world.commit(ages(100, MINUTE_NS)))
    objectives.advance(NOW_NS)
    assert {view.covered_s for view in objectives.slo_views()} == {60}
    for table in (objectives.slo_table(), objectives.budget_table()):
        assert len(table)
        assert all(np.isnan(column).all() for column in table.values.values())
    world.answer(objectives)
    objectives.advance(NOW_NS)
    ticket = objectives.slo_table().values["slo_ticket"]
    assert not np.isnan(ticket).all()
    up = next(view for view in objectives.slo_views() if view.name == "up")
    assert up.covered_s > 0.9 * 86_400


def test_without_an_answer_alerts_go_on_after_a_quarter_of_an_hour(world: World) -> None:
    objectives = world.objectives()
    objectives.ask()
    later_ns = NOW_NS + 15 * MINUTE_NS
    world.add(objectives, world.commit(ages(100, MINUTE_NS), later_ns), now_ns=later_ns)
    objectives.advance(later_ns)
    table = objectives.slo_table()
    ticket = table.values["slo_ticket"]
    assert not np.isnan(ticket).any()
    assert any("no answer from the store" in notice for notice in objectives.notices())


def test_a_question_that_failed_is_asked_once_more_a_minute_later(world: World) -> None:
    objectives = world.objectives()
    (question, *others) = objectives.ask()
    assert others
    objectives.ask_again(question)
    assert objectives.ask() == ()
    objectives.advance(NOW_NS + MINUTE_NS)
    assert objectives.ask() == (question,)
    assert objectives.ask() == ()


NEW = SloSpec(name="new", good="ttft_ms is None and latency_ms < 3000", objective=0.9)


def test_an_objective_added_by_a_reload_counts_the_past_from_the_store(world: World) -> None:
    always = world.objectives()
    world.answer(always)
    always.replace([*SLOS, NEW], BUDGETS, NOW_NS)
    whole = Objectives([NEW], [], world.series, "UTC", NOW_NS)
    world.answer(whole)

    past = world.commit(ages(200, 3 * DAY_NS))
    at_ns = NOW_NS
    for objectives in (always, whole):
        world.add(objectives, past)
    world.fold()
    assert world.answer(always) == 0, "the store is asked when it has everything before the cut"
    for step in range(1, 6):
        at_ns = NOW_NS + step * MINUTE_NS
        batch = world.commit(ages(20, 30 * 10**9, seed=step), at_ns)
        late = world.commit([2 * HOUR_NS + 1], at_ns) if step != 3 else batch
        for objectives in (always, whole):
            world.add(objectives, *{id(b): b for b in (batch, late)}.values(), now_ns=at_ns)
        world.fold()
        world.answer(always)
    assert count_of(always, "new", at_ns) == count_of(whole, "new", at_ns)
    assert count_of(always, "new", at_ns)[1] == 200 + 5 * 20 + 4


def count_of(objectives: Objectives, name: str, now_ns: int) -> tuple[int, int]:
    objectives.advance(now_ns)
    view = next(view for view in objectives.slo_views() if view.name == name)
    return view.good_events, view.total_events


def test_a_reload_keeps_the_counts_of_what_is_counted_as_before(world: World) -> None:
    objectives = world.objectives()
    world.answer(objectives)
    world.add(objectives, world.commit(ages(200, DAY_NS)))
    before = count_of(objectives, "up", NOW_NS)
    spent = totals(objectives)
    stricter = SLOS[0].model_copy(update={"name": "up2", "objective": 0.999})
    objectives.replace([stricter, *SLOS[1:]], BUDGETS, NOW_NS)
    assert count_of(objectives, "up2", NOW_NS) == before
    assert totals(objectives) == spent
    assert objectives.ask() == ()


def test_a_limit_added_by_a_reload_knows_what_was_spent_before(world: World) -> None:
    objectives = Objectives([], [], world.series, "Europe/Berlin", NOW_NS)
    world.answer(objectives)
    world.add(objectives, world.commit(ages(200, DAY_NS)))
    objectives.replace([], BUDGETS, NOW_NS)
    always = world.objectives()
    world.answer(always)
    world.fold()
    again = world.objectives()
    world.answer(again)
    assert totals(objectives) == totals(again)
    assert sum(spent for _, spent, _ in totals(objectives)) > 0
