"""The rules that objectives and spending limits come with. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from llmmon_collector.duration import format_duration
from llmmon_collector.objectives.groups import MOST_GROUPS
from llmmon_collector.objectives.model import BudgetSpec, SloSpec
from llmmon_collector.rules.model import RuleSpec

SLO_RULE: Final = "slo."
BUDGET_RULE: Final = "budget."
FORECAST: Final = ".forecast"
_HOLD: Final = "2m"
_REMIND_SLO: Final = "1h"
_REMIND_BUDGET: Final = "4h"


def generated_rules(slos: Iterable[SloSpec], budgets: Iterable[BudgetSpec]) -> tuple[RuleSpec, ...]:
    """The rules of all of them."""
    of_budgets = (rule for budget in budgets for rule in budget_rules(budget))
    return (*map(slo_rule, slos), *of_budgets)


def slo_rule(slo: SloSpec) -> RuleSpec:
    """``slo.NAME``: critical where a fast burn pages, warning where a slow one asks for a look."""
    keys: dict[str, Any] = {
        "name": SLO_RULE + slo.name,
        "value": "slo_ticket",
        "where": f'slo == "{slo.name}"',
        "warning": {"above": 1},
        "summary": f"{slo.objective * 100:.6g} % good over {format_duration(slo.period_s)}: the "
        "error budget burns {value:.2f} times as fast as its limit",
        "keep_firing_for": _HOLD,
        "cooldown": _REMIND_SLO,
        "channels": slo.channels,
        "runbook": slo.runbook,
        "limit": MOST_GROUPS + 1,
    }
    if slo.page:
        keys["critical"] = {"value": "slo_page", "above": 1}
    return RuleSpec.model_validate(keys)


def budget_rules(budget: BudgetSpec) -> tuple[RuleSpec, ...]:
    """``budget.NAME`` on what is spent and, if wanted, ``budget.NAME.forecast`` on what will be."""
    limit = f"${budget.limit_usd:,.2f} a {budget.period}"
    spent = _budget_rule(
        budget,
        "",
        "budget_used",
        "{value:.0%} of " + limit + " is spent",
        warning={"above": budget.warn_at},
        critical={"above": 1},
    )
    if not budget.forecast:
        return (spent,)
    ahead = _budget_rule(
        budget,
        FORECAST,
        "budget_forecast",
        f"on course for {{value:.0%}} of {limit}",
        warning={"above": 1, "clear_below": 0.97},
    )
    return spent, ahead


def _budget_rule(
    budget: BudgetSpec, suffix: str, value: str, summary: str, **thresholds: dict[str, float]
) -> RuleSpec:
    keys: dict[str, Any] = {
        "name": BUDGET_RULE + budget.name + suffix,
        "value": value,
        "where": f'budget == "{budget.name}"',
        "summary": summary,
        "keep_firing_for": _HOLD,
        "cooldown": _REMIND_BUDGET,
        "channels": budget.channels,
        "runbook": budget.runbook,
    }
    return RuleSpec.model_validate(keys | thresholds)
