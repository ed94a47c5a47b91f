"""Objectives as alerts and viewers see them, on live requests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.objectives import DAY_NS, HOUR_NS, MINUTE_NS, NOW_NS, answer_empty, many, requests
from support.snapshots import alert

from llmmon.protocol.views import SloView
from llmmon_collector.objectives.groups import MOST_GROUPS
from llmmon_collector.objectives.model import SloSpec
from llmmon_collector.objectives.objectives import Objectives
from llmmon_collector.objectives.slo import exhausted_in_s
from llmmon_collector.series import SeriesTable

DAY_S = 86_400


class Bench:
    """Objectives on a clock and traffic that tests set."""

    def __init__(self, *slos: SloSpec) -> None:
        self.series = SeriesTable(1000)
        self.now_ns = NOW_NS
        self.objectives = Objectives(slos, [], self.series, "UTC", NOW_NS)
        answer_empty(self.objectives)

    def come(self, count: int, bad: int = 0, age_ns: int = 0, **fields: Any) -> None:
        came = many(count, bad, self.now_ns - age_ns, self.series, **fields)
        self.objectives.add(came, self.now_ns)

    def views(self, after_ns: int = 0) -> list[SloView]:
        self.now_ns += after_ns
        self.objectives.advance(self.now_ns)
        return list(self.objectives.slo_views())

    def view(self, after_ns: int = 0) -> SloView:
        (view,) = self.views(after_ns)
        return view

    def metric(self, name: str) -> list[float]:
        self.objectives.advance(self.now_ns)
        column: list[float] = self.objectives.slo_table().values[name].tolist()
        return column


def slo(good: str = "error is None", **keys: Any) -> SloSpec:
    return SloSpec.model_validate({"name": "chat", "good": good, "objective": 0.99, **keys})


def test_an_objective_without_requests_has_no_values() -> None:
    view = Bench(slo()).view()
    assert (view.good_events, view.total_events) == (0, 0)
    assert view.attained is view.budget_left is view.exhausted_in_s is view.severity is None
    assert set(view.burn_rates.values()) == {None}
    assert view.covered_s == 60


def test_a_view_tells_what_was_counted() -> None:
    bench = Bench(slo(period="7d"))
    bench.come(1000, bad=5)
    view = bench.view()
    assert (view.good_events, view.total_events) == (995, 1000)
    assert (view.attained, view.budget_left) == (pytest.approx(0.995), pytest.approx(0.5))
    assert view.burn_rates["1h"] == pytest.approx(0.5)
    assert (view.name, view.good, view.objective) == ("chat", "error is None", 0.99)
    assert view.period_s == 7 * DAY_S


def test_a_budget_that_is_overspent_is_below_zero_and_exhausted() -> None:
    bench = Bench(slo())
    bench.come(1000, bad=30)
    view = bench.view()
    assert view.budget_left == pytest.approx(-2)
    assert view.exhausted_in_s == 0


@pytest.mark.parametrize(
    ("left", "burn_rate", "seconds"),
    [
        (0.5, 10, 30 * DAY_S * 0.05),
        (0.5, 0.5, 30 * DAY_S),
        (0.5, 0.4, None),
        (0.5, 0, None),
        (0.5, None, None),
        (None, None, None),
        (-0.1, 0, 0),
    ],
)
def test_a_budget_lasts_as_long_as_the_last_hours_rate_lets_it(
    left: float | None, burn_rate: float | None, seconds: float | None
) -> None:
    assert exhausted_in_s(left, burn_rate, 30 * DAY_S) == (
        None if seconds is None else pytest.approx(seconds)
    )


def test_events_leave_the_windows_and_then_the_period() -> None:
    bench = Bench(slo(period="7d"))
    bench.come(10, bad=1)
    assert bench.view(5 * MINUTE_NS).burn_rates["5m"] is None
    assert bench.view().burn_rates["30m"] == pytest.approx(10)
    assert bench.view(3 * DAY_NS).burn_rates["3d"] is None
    assert bench.view().total_events == 10
    assert bench.view(4 * DAY_NS).total_events == 0


def test_a_late_request_counts_when_it_ended() -> None:
    bench = Bench(slo(period="7d"))
    bench.come(10, bad=10, age_ns=2 * HOUR_NS)
    view = bench.view()
    assert view.burn_rates["1h"] is None
    assert view.burn_rates["6h"] == pytest.approx(100)
    bench.come(10, age_ns=8 * DAY_NS)
    assert bench.view().total_events == 10, "what is older than the period is no part of it"


def test_a_request_from_ahead_counts_now() -> None:
    bench = Bench(slo())
    bench.come(10, bad=1, age_ns=-HOUR_NS)
    assert bench.view().burn_rates["5m"] == pytest.approx(10)


@pytest.mark.parametrize("at_once", [True, False])
def test_a_request_that_ends_with_a_minute_is_of_the_next(at_once: bool) -> None:
    bench = Bench(slo())
    minute_ns = NOW_NS - NOW_NS % MINUTE_NS
    rows = [{"end_ns": minute_ns - 1, "error": True}, {"end_ns": minute_ns}]
    for some in [rows] if at_once else [rows[:1], rows[1:]]:
        bench.objectives.add(requests(some, bench.series), NOW_NS)
    assert bench.view(3 * MINUTE_NS).burn_rates["5m"] == pytest.approx(50)
    assert bench.view(MINUTE_NS).burn_rates["5m"] == 0
    assert bench.view(MINUTE_NS).burn_rates["5m"] is None


def test_one_handover_may_span_minutes_and_months() -> None:
    bench = Bench(slo(by=["model"]))
    ages = [0, MINUTE_NS, 90 * MINUTE_NS, 5 * DAY_NS, 29 * DAY_NS, 40 * DAY_NS]
    rows = [{"end_ns": NOW_NS - age, "error": True, "model": "a"} for age in ages]
    bench.objectives.add(requests(rows, bench.series), NOW_NS)
    view = bench.view()
    assert view.total_events == 5
    assert [view.burn_rates[name] for name in ("5m", "2h", "3d")] == pytest.approx([100] * 3)


def test_groups_have_budgets_of_their_own() -> None:
    bench = Bench(slo(by=["model", "service"], where='environment != "test"'))
    bench.come(100, bad=1, model="a", service="x")
    bench.come(10, bad=10, model="b", service="x")
    bench.come(10, bad=10, model="b", service="x", environment="test")
    found = {view.labels["model"]: view for view in bench.views()}
    assert found["a"].labels == {"model": "a", "service": "x"}
    assert (found["a"].total_events, found["a"].budget_left) == (100, pytest.approx(0))
    assert (found["b"].total_events, found["b"].good_events) == (10, 0)


def test_a_group_is_shown_while_it_has_events() -> None:
    bench = Bench(slo(by=["model"], period="7d"))
    bench.come(3, model="a")
    assert len(bench.views()) == 1
    assert bench.views(8 * DAY_NS) == []
    bench.come(2, model="b")
    assert [view.labels for view in bench.views()] == [{"model": "b"}]


def test_groups_beyond_the_limit_share_one_and_people_are_told() -> None:
    bench = Bench(slo(by=["route"]))
    for number in range(MOST_GROUPS + 5):
        bench.come(1, route=f"r{number}")
    views = {view.labels["route"]: view.total_events for view in bench.views()}
    assert len(views) == MOST_GROUPS, "requests of no known series have that name already"
    assert views["__other__"] == 6
    assert bench.objectives.notices() == ("slo chat: too many groups, the newest share one",)


def test_a_request_that_is_no_event_is_not_counted() -> None:
    bench = Bench(slo("quality_score >= 0.7"))
    bench.come(5)
    bench.come(5, quality=0.9)
    bench.come(5, quality=0.1)
    assert (bench.view().good_events, bench.view().total_events) == (5, 10)


@pytest.mark.parametrize("moved_ns", [3 * HOUR_NS, -3 * HOUR_NS, 40 * DAY_NS])
def test_what_is_counted_keeps_its_age_when_the_clock_is_set(moved_ns: int) -> None:
    bench = Bench(slo(by=["model"]))
    bench.come(10, bad=2, model="a", age_ns=30 * MINUTE_NS)
    before = bench.view()
    bench.now_ns += moved_ns
    bench.objectives.set_clock(bench.now_ns, moved_ns)
    assert bench.view() == before
    bench.come(10, bad=2, model="a", age_ns=4 * MINUTE_NS)
    view = bench.view()
    assert (view.total_events, view.burn_rates["5m"]) == (20, pytest.approx(20))
    assert bench.view(2 * MINUTE_NS).burn_rates["5m"] is None


def test_a_clock_that_goes_back_by_itself_changes_nothing() -> None:
    bench = Bench(slo())
    bench.come(10)
    bench.objectives.advance(NOW_NS - DAY_NS)
    assert bench.view().total_events == 10


def test_the_table_has_a_row_an_objective_and_group() -> None:
    bench = Bench(
        slo(by=["model"]),
        slo("latency_ms < 9", name="fast"),
        slo("latency_ms < 9", name="calm", page=False),
    )
    bench.come(100, bad=50, model="a", latency_ms=5)
    bench.come(100, model="b", latency_ms=5)
    bench.objectives.advance(NOW_NS)
    table = bench.objectives.slo_table()
    assert table.labels == (
        {"slo": "chat", "model": "a"},
        {"slo": "chat", "model": "b"},
        {"slo": "fast"},
        {"slo": "calm"},
    )
    assert table.requests.tolist() == [100, 100, 200, 200]
    values = {name: column.tolist() for name, column in table.values.items()}
    assert values["slo_burn_rate"] == pytest.approx([50, 0, 25, 25])
    assert values["slo_page"][:3] == pytest.approx([50 / 6, 0, 25 / 6])
    assert np.isnan(values["slo_page"][3]), "it has no pages"
    assert values["slo_ticket"] == pytest.approx([50, 0, 25, 25])
    assert values["slo_budget_left"] == pytest.approx([-49, 1, -24, -24])
    assert values["slo_attained"] == pytest.approx([0.5, 1, 0.75, 0.75])


def test_a_table_without_objectives_is_empty() -> None:
    assert len(Bench().objectives.slo_table()) == 0


def test_few_failures_do_not_alert() -> None:
    bench = Bench(slo())
    bench.come(4, bad=2)
    assert bench.metric("slo_page") == [0]
    bench.come(1, bad=1)
    assert bench.metric("slo_page")[0] > 1


def test_a_view_has_the_severity_of_its_own_alert_while_that_fires() -> None:
    bench = Bench(slo(by=["model"]))
    bench.come(10, model="a")
    bench.come(10, model="b")
    bench.objectives.advance(NOW_NS)
    fires = replace(alert(), rule="slo.chat", state="firing", severity="warning")
    page = replace(fires, severity="critical", labels={"slo": "chat", "model": "a"})
    ticket = replace(fires, labels={"slo": "chat", "model": "a"})
    pending = replace(page, state="pending", labels={"slo": "chat", "model": "b"})
    other = replace(page, rule="mine", labels={"slo": "chat", "model": "b"})
    views = bench.objectives.slo_views([page, ticket, pending, other])
    assert [view.severity for view in views] == ["critical", None]


def test_a_tier_that_cannot_fire_is_told() -> None:
    (text,) = slo(objective=0.9).left_out
    assert "no page over 1h" in text
