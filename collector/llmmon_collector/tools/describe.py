"""A rule in words, and as a plain object. Pure."""

from __future__ import annotations

from typing import Any

from llmmon_collector.duration import format_duration
from llmmon_collector.rules.families import EVERY_METRIC, REQUESTS
from llmmon_collector.rules.model import RuleSpec, Threshold
from llmmon_collector.rules.summary import format_value


def rule_lines(rule: RuleSpec) -> list[str]:
    """What it judges and of whom; its limits; when it fires, and who hears of it."""
    judged = [rule.value]
    if rule.family == REQUESTS:
        judged.append(f"over {format_duration(rule.window_s)}")
        judged.append(f"by {', '.join(rule.by)}" if rule.by else "of the whole")
    else:
        judged.append(f"of {rule.family}")
    judged += [f"where {rule.where}"] if rule.where else []
    life = [
        f"{word} {format_duration(seconds)}"
        for word, seconds in (("for", rule.for_s), ("keeps firing for", rule.keep_firing_for_s))
        if seconds
    ]
    life += [f"from {rule.min_requests:,} requests on"] if rule.min_requests else []
    life.append(f"to {', '.join(rule.channels)}" if rule.channels else "to every channel")
    limits = ", ".join(_limit(rule, severity, limit) for severity, limit in rule.thresholds)
    return [" ".join(judged), limits, ", ".join(life)]


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


def limit_text(limit: float, metric: str) -> str:
    """A limit in its metric's unit, without losing what was written: 0.5 checks are not none."""
    known = EVERY_METRIC.get(metric)
    whole = known is None or known.unit != "count" or limit == int(limit)
    return format_value(limit, metric) if whole else f"{limit:g}"


def _limit(rule: RuleSpec, severity: str, limit: Threshold) -> str:
    own = f"{limit.value} " if limit.value else ""
    metric = (limit.value or rule.value).strip()
    text = f"{severity} {own}{limit.comparison} {limit_text(limit.limit, metric)}"
    clear = limit.clear_below if limit.clear_below is not None else limit.clear_above
    return text if clear is None else f"{text} until {limit_text(clear, metric)}"
