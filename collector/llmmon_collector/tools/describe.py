"""A rule, an objective or a spending limit in words, and as a plain object. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from llmmon_collector.duration import format_duration
from llmmon_collector.objectives.burn import Tier
from llmmon_collector.objectives.model import BudgetSpec, SloSpec
from llmmon_collector.rules.families import REQUESTS
from llmmon_collector.rules.model import RuleSpec, Threshold
from llmmon_collector.rules.summary import format_value


def rule_lines(rule: RuleSpec) -> list[str]:
    """What it judges and of whom; its limits; when it fires, and who hears of it."""
    judged = [rule.value]
    if rule.family == REQUESTS:
        judged += [f"over {format_duration(rule.window_s)}", _of(rule)]
    else:
        judged.append(f"of {rule.family}")
        judged += [f"where {rule.where}"] if rule.where else []
    life = [
        f"{word} {format_duration(seconds)}"
        for word, seconds in (("for", rule.for_s), ("keeps firing for", rule.keep_firing_for_s))
        if seconds
    ]
    life += [f"from {rule.min_requests:,} requests on"] if rule.min_requests else []
    life.append(_to(rule.channels))
    limits = ", ".join(_limit(rule, severity, limit) for severity, limit in rule.thresholds)
    return [" ".join(judged), limits, ", ".join(life)]


def slo_lines(slo: SloSpec) -> list[str]:
    """What is promised of whom; when its rule fires, and who hears of it."""
    asked = f"{slo.objective * 100:.6g}% good over {format_duration(slo.period_s)}"
    pages = slo.limits("page") if slo.page else ()
    burns = [_burns(tiers) for tiers in (pages, slo.limits("ticket")) if tiers]
    least = f"from {slo.min_bad_events} bad events on"
    return [slo.good, f"{asked} {_of(slo)}", ", ".join(burns), f"{least}, {_to(slo.channels)}"]


def budget_lines(budget: BudgetSpec) -> list[str]:
    """What may be spent by whom; when its rules fire, and who hears of it."""
    limits = [f"warning above {format_value(budget.warn_at, 'budget_used')}", "critical above 100%"]
    limits += ["warning when on course for more"] if budget.forecast else []
    asked = f"${budget.limit_usd:,.2f} a {budget.period} {_of(budget)}"
    return [asked, ", ".join(limits), _to(budget.channels)]


def rule_object(rule: RuleSpec) -> dict[str, Any]:
    """The same as plain values, in seconds."""
    return {
        "name": rule.name,
        "family": rule.family,
        "value": rule.value,
        "where": rule.where,
        "by": list(rule.by),
        "labels": list(rule.label_names),
        "window_s": rule.window_s,
        "thresholds": {
            severity: {"value": rule.expression(severity), **limit.model_dump(exclude_none=True)}
            for severity, limit in rule.thresholds
        },
        "for_s": rule.for_s,
        "keep_firing_for_s": rule.keep_firing_for_s,
        "min_requests": rule.min_requests,
        "no_data": rule.no_data,
        "cooldown_s": rule.cooldown_s,
        "channels": list(rule.channels),
        "disabled": rule.disabled,
    }


def _burns(tiers: Sequence[Tier]) -> str:
    rates = [f"{tier.factor:.3g}x over {tier.long}" for tier in tiers]
    return f"{tiers[0].severity} at {' or '.join(rates)}"


def _of(spec: RuleSpec | SloSpec | BudgetSpec) -> str:
    of = f"by {', '.join(spec.by)}" if spec.by else "of the whole"
    return f"{of} where {spec.where}" if spec.where else of


def _to(channels: Collection[str]) -> str:
    return f"to {', '.join(channels)}" if channels else "to every channel"


def _limit(rule: RuleSpec, severity: str, limit: Threshold) -> str:
    own = f"{limit.value} " if limit.value else ""
    metric = (limit.value or rule.value).strip()
    text = f"{severity} {own}{limit.comparison} {format_value(limit.limit, metric)}"
    clear = limit.clear_below if limit.clear_below is not None else limit.clear_above
    return text if clear is None else f"{text} until {format_value(clear, metric)}"
