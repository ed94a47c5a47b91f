"""``[[slo]]`` and ``[[budget]]`` as operators write them, and the rules that they come with."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from pydantic import ValidationError
from support.objectives import HOUR_NS, NOW_NS, answer_empty, many

from llmmon_collector.metrics import MetricTable, Sources
from llmmon_collector.objectives.model import BudgetSpec, SloSpec
from llmmon_collector.objectives.objectives import Objectives
from llmmon_collector.objectives.rules import budget_rules, slo_rule
from llmmon_collector.rules.engine import RuleEngine
from llmmon_collector.rules.view import alert_view
from llmmon_collector.series import SeriesTable

SLO = {"name": "chat", "good": "error is None", "objective": 0.99}
BUDGET = {"name": "team", "limit_usd": 100}


def complaint(model: type[SloSpec | BudgetSpec], **keys: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(keys)
    return str(caught.value)


def test_an_objective_is_written_in_toml() -> None:
    text = """
    name = "chat-fast"
    good = "error is None and latency_ms < 3000"
    objective = 0.995
    period = "28d"
    where = 'environment == "production"'
    by = ["service", "model"]
    min_bad_events = 5
    channels = ["pager"]
    runbook = "https://wiki/slow"
    """
    slo = SloSpec.model_validate(tomllib.loads(text))
    assert (slo.period_s, slo.by, slo.min_bad_events) == (28 * 86_400, ("service", "model"), 5)


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"name": "a b"}, "name"),
        ({"name": "x" * 61}, "name"),
        ({"objective": 1}, "a share between 0 and 1, such as 0.999 for 99.9 %"),
        ({"objective": 0}, "a share between 0 and 1"),
        ({"good": "latency < 3"}, 'column 1: there is no field "latency"'),
        ({"by": ["modl"]}, 'there is no dimension "modl"; did you mean "model"?'),
        ({"by": ["model", "model"]}, "a dimension is named twice"),
        ({"where": 'modl == "x"'}, 'there is no dimension "modl"'),
        ({"period": "6d"}, "a period is whole days, 7d to 90d"),
        ({"period": "91d"}, "a period is whole days, 7d to 90d"),
        ({"period": "7d12h"}, "a period is whole days, 7d to 90d"),
        ({"min_bad_events": 0}, "greater than or equal to 1"),
        ({"god": "error is None"}, "god"),
    ],
)
def test_a_mistake_in_an_objective_is_explained(keys: dict[str, Any], told: str) -> None:
    assert told in complaint(SloSpec, **(SLO | keys))


def test_an_objective_that_no_burn_could_page_for_says_so_and_how_to_mend_it() -> None:
    told = complaint(SloSpec, **(SLO | {"objective": 0.8}))
    assert "at an objective of 0.8 over 30d no page can ever fire" in told
    assert "it takes a burn rate of 6, and with every request bad it is 5" in told
    assert "set page = false" in told
    tickets = SloSpec.model_validate(SLO | {"objective": 0.8, "page": False})
    assert [tier.long for tier in tickets.limits("ticket")] == ["1d", "3d"]
    shorter = SloSpec.model_validate(SLO | {"objective": 0.8, "period": "7d"})
    assert [tier.long for tier in shorter.limits("page")] == ["1h", "6h"]


def test_an_objective_for_which_nothing_can_fire_is_refused() -> None:
    told = complaint(SloSpec, **(SLO | {"objective": 0.5, "period": "90d", "page": False}))
    assert "nothing can ever fire" in told


def test_a_tier_that_cannot_fire_is_left_out_where_another_can() -> None:
    slo = SloSpec.model_validate(SLO | {"objective": 0.9})
    assert [tier.long for tier in slo.limits("page")] == ["6h"]
    (notice,) = slo.left_out
    assert notice == (
        "slo chat: no page over 1h, which takes a burn rate of 14.4: "
        "at an objective of 0.9 none is that high"
    )


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"limit_usd": 0}, "greater than or equal to 0.000001"),
        ({"limit_usd": 1e-13}, "greater than or equal to 0.000001"),
        ({"limit_usd": 1e10}, "less than or equal to"),
        ({"period": "week"}, "'day' or 'month'"),
        ({"warn_at": 1.5}, "a share of the limit, over 0 and up to 1"),
        ({"by": ["user"]}, 'there is no dimension "user"'),
    ],
)
def test_a_mistake_in_a_limit_is_explained(keys: dict[str, Any], told: str) -> None:
    assert told in complaint(BudgetSpec, **(BUDGET | keys))


def test_an_objective_comes_with_one_rule_that_pages_and_tickets() -> None:
    slo = SloSpec.model_validate(SLO | {"channels": ["pager"], "runbook": "https://wiki"})
    rule = slo_rule(slo)
    assert (rule.name, rule.family, rule.where) == ("slo.chat", "slos", 'slo == "chat"')
    assert rule.expression("warning") == "slo_ticket"
    assert rule.expression("critical") == "slo_page"
    assert (rule.channels, rule.runbook) == (("pager",), "https://wiki")
    assert slo_rule(SloSpec.model_validate(SLO | {"page": False})).critical is None


def test_a_limit_comes_with_a_rule_on_what_is_spent_and_one_on_what_will_be() -> None:
    used, ahead = budget_rules(BudgetSpec.model_validate(BUDGET))
    assert (used.name, used.value) == ("budget.team", "budget_used")
    assert (ahead.name, ahead.value, ahead.critical) == (
        "budget.team.forecast",
        "budget_forecast",
        None,
    )
    assert [
        r.name for r in budget_rules(BudgetSpec.model_validate(BUDGET | {"forecast": False}))
    ] == ["budget.team"]


class Spender:
    """A limit of $100 with its rules."""

    def __init__(self, **keys: Any) -> None:
        spec = BudgetSpec.model_validate(BUDGET | {"by": ["service"]} | keys)
        self.now_ns = NOW_NS - NOW_NS % (24 * HOUR_NS)
        self.series = SeriesTable(10)
        self.objectives = Objectives([], [spec], self.series, "UTC", self.now_ns)
        answer_empty(self.objectives)
        self.engine = RuleEngine(self.objectives.rules())

    def firing(self, usd: float = 0, hours: float = 0) -> dict[str, str]:
        """Severity by rule, after spending and time."""
        self.now_ns += round(hours * HOUR_NS)
        if usd:
            cost = {"cost_pico": round(usd * 1e12), "service": "a"}
            self.objectives.add(many(1, 0, self.now_ns, self.series, **cost), self.now_ns)
        self.objectives.advance(self.now_ns)
        sources = Sources(no_requests, {"budgets": self.objectives.budget_table})
        self.engine.evaluate(sources, self.now_ns / 1e9, self.now_ns)
        views = [alert_view(alert, "id") for alert in self.engine.alerts()]
        firing = [view for view in views if view.state == "firing"]
        assert all(view.labels == {"budget": "team", "service": "a"} for view in firing)
        self.summaries = {view.rule: view.summary for view in firing}
        return {view.rule: view.severity for view in firing}


def no_requests(window_s: int, by: tuple[str, ...], where: object) -> MetricTable:
    raise AssertionError("no rule here is about requests")


def test_a_limit_warns_before_it_is_spent_and_is_critical_when_it_is() -> None:
    spender = Spender(forecast=False)
    assert spender.firing(80) == {}
    assert spender.firing(0.01) == {"budget.team": "warning"}
    assert spender.summaries["budget.team"] == "80% of $100.00 a month is spent"
    assert spender.firing(19.99) == {"budget.team": "warning"}
    assert spender.firing(0.01) == {"budget.team": "critical"}


def test_a_limit_warns_when_its_month_will_end_beyond_it() -> None:
    spender = Spender()
    assert spender.firing(20) == {}
    assert spender.firing(hours=24) == {"budget.team.forecast": "warning"}
    assert spender.summaries["budget.team.forecast"] == "on course for 140% of $100.00 a month"


def test_alerts_of_a_limit_end_with_its_period() -> None:
    spender = Spender(period="day", limit_usd=10)
    assert spender.firing(11, hours=6)["budget.team"] == "critical"
    spender.firing(hours=18)
    assert "budget.team" not in spender.firing(hours=0.1)
