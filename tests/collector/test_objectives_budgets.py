"""Spending limits as alerts and viewers see them, on live requests."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.objectives import DAY_NS, HOUR_NS, NOW_NS, answer_empty, many, requests
from support.snapshots import alert

from llmmon.protocol.views import BudgetView
from llmmon_collector.objectives.budget import MOST_GROUPS_SHOWN
from llmmon_collector.objectives.calendar import Calendar
from llmmon_collector.objectives.model import BudgetSpec
from llmmon_collector.objectives.objectives import Objectives
from llmmon_collector.series import SeriesTable

USD = 10**12
BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str, zone: ZoneInfo = BERLIN) -> int:
    """A local time in ns since 1970."""
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()) * 10**9


class Bench:
    """Limits on a clock and spending that tests set."""

    def __init__(self, *budgets: BudgetSpec, now: str = "2026-11-24T12:00") -> None:
        self.series = SeriesTable(1000)
        self.now_ns = at(now)
        self.objectives = Objectives([], budgets, self.series, "Europe/Berlin", self.now_ns)
        answer_empty(self.objectives)

    def spend(self, usd: float, when: str | None = None, **fields: Any) -> None:
        end_ns = self.now_ns if when is None else at(when)
        came = many(1, 0, end_ns, self.series, cost_pico=round(usd * USD), **fields)
        self.objectives.add(came, self.now_ns)

    def views(self, now: str | None = None) -> list[BudgetView]:
        self.now_ns = self.now_ns if now is None else at(now)
        self.objectives.advance(self.now_ns)
        return list(self.objectives.budget_views())

    def view(self, now: str | None = None) -> BudgetView:
        (view,) = self.views(now)
        return view

    def metrics(self) -> dict[str, list[float]]:
        self.objectives.advance(self.now_ns)
        values = self.objectives.budget_table().values
        return {name: column.tolist() for name, column in values.items()}


def budget(**keys: Any) -> BudgetSpec:
    return BudgetSpec.model_validate({"name": "team", "limit_usd": 100, **keys})


def test_a_limit_of_which_nothing_is_spent() -> None:
    view = Bench(budget()).view()
    assert (view.spent_usd, view.unpriced_requests) == (0, 0)
    assert view.rate_usd_per_hour is view.forecast_usd is view.exhausted_ns is view.severity is None
    assert (view.name, view.period, view.limit_usd, view.labels) == ("team", "month", 100, {})
    assert view.resets_ns == at("2026-12-01T00:00")


def test_a_month_is_the_calendars_in_the_collectors_time_zone() -> None:
    bench = Bench(budget())
    bench.spend(5, "2026-11-01T00:00")
    bench.spend(7, "2026-10-31T23:59:59")
    assert bench.view().spent_usd == 5
    assert bench.view("2026-11-30T23:59:59").spent_usd == 5
    view = bench.view("2026-12-01T00:00")
    assert (view.spent_usd, view.resets_ns) == (0, at("2027-01-01T00:00"))


def test_what_is_older_than_what_is_kept_is_left_out() -> None:
    bench = Bench(budget(period="day"))
    bench.spend(5, "2026-10-01T12:00")
    assert bench.view().spent_usd == 0


def test_a_day_that_is_forgotten_does_not_come_back() -> None:
    bench = Bench(budget(period="day"))
    bench.spend(5)
    now = datetime.fromisoformat("2026-11-24T12:00")
    for days in range(1, 100):
        assert bench.view((now + timedelta(days=days)).isoformat()).spent_usd == 0


def test_a_day_begins_at_local_midnight() -> None:
    bench = Bench(budget(period="day"))
    bench.spend(5)
    bench.spend(7, "2026-11-23T23:59:59")
    view = bench.view()
    assert (view.spent_usd, view.resets_ns) == (5, at("2026-11-25T00:00"))
    assert bench.view("2026-11-25T00:00").spent_usd == 0


def test_the_day_when_clocks_go_forward_is_an_hour_shorter() -> None:
    bench = Bench(budget(period="day"), now="2026-03-29T00:30")
    assert bench.view().resets_ns - at("2026-03-29T00:00") == 23 * HOUR_NS


def test_spending_is_exact_whatever_it_adds_up_to() -> None:
    bench = Bench(budget())
    for _ in range(10):
        bench.spend(0.1)
    assert bench.view().spent_usd == 1.0
    bench.spend(9e6, model="a")
    bench.spend(9e6, model="b")
    assert bench.view().spent_usd == 18_000_001


def test_groups_have_limits_of_their_own_the_dearest_first() -> None:
    bench = Bench(budget(by=["service"], where='environment != "test"'))
    bench.spend(1, service="a", model="x")
    bench.spend(2, service="b", model="x")
    bench.spend(3, service="a", model="y")
    bench.spend(9, service="a", environment="test")
    views = bench.views()
    assert [(v.labels, v.spent_usd) for v in views] == [
        ({"service": "a"}, 4),
        ({"service": "b"}, 2),
    ]


def test_a_group_that_spends_nothing_any_more_is_shown_for_a_week_of_the_new_month() -> None:
    bench = Bench(budget(by=["service"]), now="2026-11-30T12:00")
    bench.spend(1, service="a")
    assert [view.spent_usd for view in bench.views("2026-12-01T00:00")] == [0]
    assert bench.views("2026-12-09T00:00") == []


def test_groups_beyond_the_limit_are_those_that_spend_least() -> None:
    bench = Bench(budget(by=["route"]))
    for number in range(MOST_GROUPS_SHOWN + 3):
        bench.spend(1 + number, route=f"r{number}")
    views = bench.views()
    assert len(views) == MOST_GROUPS_SHOWN
    assert min(view.spent_usd for view in views) == 4
    assert bench.objectives.notices() == ("budget team: 3 groups that spend least are not told",)


def test_unpriced_requests_are_counted_and_shown() -> None:
    bench = Bench(budget())
    bench.spend(1)
    bench.objectives.add(many(3, 0, bench.now_ns, bench.series), bench.now_ns)
    bench.objectives.add(many(2, 2, bench.now_ns, bench.series), bench.now_ns)
    view = bench.view()
    assert (view.spent_usd, view.unpriced_requests) == (1, 3), "a failure cost nothing"


def test_a_month_goes_on_at_the_rate_of_the_last_week() -> None:
    bench = Bench(budget(), now="2026-11-20T00:00")
    for day in range(20, 25):
        bench.view(f"2026-11-{day}T00:00")
        bench.spend(4.8)
    view = bench.view("2026-11-25T00:00")
    assert view.rate_usd_per_hour == pytest.approx(0.2)
    assert view.forecast_usd == pytest.approx(24 + 6 * 4.8)
    assert view.exhausted_ns is None


def test_a_limit_that_will_be_overspent_says_when() -> None:
    bench = Bench(budget(limit_usd=30), now="2026-11-20T00:00")
    bench.spend(24)
    view = bench.view("2026-11-21T00:00")
    assert view.rate_usd_per_hour == pytest.approx(1)
    assert view.exhausted_ns == pytest.approx(at("2026-11-21T06:00"))


def test_nothing_is_foretold_from_too_little() -> None:
    month, day = Bench(budget(), now="2026-11-20T00:00"), Bench(budget(period="day"))
    month.spend(5)
    day.spend(5)
    assert month.view("2026-11-20T23:00").forecast_usd is None
    assert month.view("2026-11-21T00:00").forecast_usd == pytest.approx(5 + 10 * 5)
    assert day.view("2026-11-24T12:59").forecast_usd is None
    assert day.view("2026-11-24T14:00").rate_usd_per_hour == pytest.approx(2.5)


def test_a_new_group_is_measured_from_its_first_day() -> None:
    bench = Bench(budget(by=["service"]), now="2026-11-10T00:00")
    bench.spend(0.1, service="old")
    bench.view("2026-11-20T12:00")
    bench.spend(6, service="new")
    rates = {v.labels["service"]: v.rate_usd_per_hour for v in bench.views("2026-11-22T00:00")}
    assert rates["new"] == pytest.approx(6 / 48)


def test_a_limit_keeps_the_time_at_which_it_was_reached() -> None:
    bench = Bench(budget(limit_usd=10))
    bench.spend(10)
    reached_ns = bench.view().exhausted_ns
    assert reached_ns == at("2026-11-24T12:00")
    assert bench.view("2026-11-26T12:00").exhausted_ns == reached_ns
    view = bench.view("2026-12-01T00:00")
    assert view.exhausted_ns is not None
    assert view.exhausted_ns > bench.now_ns, "at the rate of the last week, this time"
    bench.spend(10)
    assert bench.view().exhausted_ns == bench.now_ns


def test_the_table_has_a_row_a_limit_and_group() -> None:
    bench = Bench(budget(by=["service"]), budget(name="all", limit_usd=5), now="2026-11-20T00:00")
    bench.spend(10, service="a")
    bench.views("2026-11-21T00:00")
    table = bench.objectives.budget_table()
    assert table.labels == ({"budget": "team", "service": "a"}, {"budget": "all"})
    assert table.requests.tolist() == [1, 1]
    assert bench.metrics() == {
        "budget_used": pytest.approx([0.1, 2]),
        "budget_forecast": pytest.approx([1.1, 22]),
        "budget_spent_usd": pytest.approx([10, 10]),
        "budget_forecast_usd": pytest.approx([110, 110]),
    }


def test_what_is_not_known_is_no_number() -> None:
    bench = Bench(budget())
    bench.spend(10)
    metrics = bench.metrics()
    assert metrics["budget_used"] == [0.1]
    assert np.isnan(metrics["budget_forecast"]).all()


def test_setting_the_clock_to_another_day_takes_todays_spending_along() -> None:
    bench = Bench(budget(), budget(name="today", period="day"))
    bench.spend(3)
    bench.spend(4, "2026-11-23T12:00")
    bench.now_ns += 10 * DAY_NS
    bench.objectives.set_clock(bench.now_ns, 10 * DAY_NS)
    month, today = bench.views()
    assert (month.spent_usd, today.spent_usd) == (3, 3), "December by the right clock"
    bench.now_ns -= 10 * DAY_NS
    bench.objectives.set_clock(bench.now_ns, -10 * DAY_NS)
    assert [view.spent_usd for view in bench.views()] == [7, 3]
    bench.now_ns -= DAY_NS
    bench.objectives.set_clock(bench.now_ns, -DAY_NS)
    assert [view.spent_usd for view in bench.views()] == [7, 7], "it was still yesterday"


def test_a_view_has_the_worst_severity_of_its_alerts_that_fire() -> None:
    bench = Bench(budget(by=["service"]))
    bench.spend(1, service="a")
    fires = replace(alert(), state="firing", labels={"budget": "team", "service": "a"})
    used = replace(fires, rule="budget.team", severity="critical")
    ahead = replace(fires, rule="budget.team.forecast", severity="warning")
    bench.objectives.advance(bench.now_ns)
    (view,) = bench.objectives.budget_views([used, ahead])
    assert view.severity == "critical"
    (view,) = bench.objectives.budget_views([ahead])
    assert view.severity == "warning"


_RECORDS = st.lists(
    st.tuples(st.integers(0, 44 * 24), st.sampled_from([-1, 0, 1, 10**14]), st.sampled_from("abc")),
    min_size=1,
    max_size=40,
)


@given(_RECORDS)
def test_every_request_is_spent_once_on_its_day(records: list[tuple[int, int, str]]) -> None:
    series = SeriesTable(10)
    specs = [budget(name="d", period="day"), budget(name="m", by=["model"])]
    objectives = Objectives([], specs, series, "UTC", NOW_NS)
    rows: list[dict[str, Any]] = [
        {"end_ns": NOW_NS - hours * HOUR_NS, "cost_pico": pico, "model": model}
        for hours, pico, model in records
    ]
    objectives.add(requests(rows, series), NOW_NS)
    objectives.advance(NOW_NS)
    views = objectives.budget_views()
    today = [r for r in rows if r["end_ns"] // DAY_NS == NOW_NS // DAY_NS]
    assert views[0].spent_usd == sum(max(r["cost_pico"], 0) for r in today) / USD
    month = [r for r in rows if datetime.fromtimestamp(r["end_ns"] / 1e9, UTC).month == 11]
    spent = {view.labels["model"]: view.spent_usd for view in views[1:]}
    for model in {r["model"] for r in month}:
        expected = sum(max(r["cost_pico"], 0) for r in month if r["model"] == model)
        assert spent[model] == expected / USD
    assert sum(v.unpriced_requests for v in views[1:]) == sum(r["cost_pico"] < 0 for r in month)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", ""])
def test_days_follow_each_other_without_gap_or_overlap(zone: str) -> None:
    calendar = Calendar(zone)
    days = calendar.days(at("2026-12-10T12:00"), 400)
    assert len({day.number for day in days}) == 400
    for day, following in pairwise(days):
        assert day.end_ns == following.start_ns
        assert following.number == day.number + 1
        assert calendar.day(day.end_ns - 1) == day


def test_months_end_where_the_next_begins() -> None:
    calendar = Calendar("Europe/Berlin")
    assert calendar.month_end_ns(at("2026-12-31T23:59:59")) == at("2027-01-01T00:00")
    assert calendar.month_end_ns(at("2028-02-01T00:00")) == at("2028-03-01T00:00")
    assert calendar.month_days(at("2028-02-29T23:00")) == 29
