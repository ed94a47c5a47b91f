"""Metric, dimension and score names with their units: one vocabulary for rules, screens, docs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

DIMENSIONS: Final = ("service", "environment", "operation", "provider", "model", "route")
"""What a series is keyed by, and what snapshots and rules can group by."""

OVERFLOW: Final = "__other__"
"""Every dimension of the one series that takes what ``max_series`` leaves no room for."""

SCORES: Final = ("relevance", "coherence", "safety", "format", "factuality")
"""Scores from 0 (bad) to 1 (good). ``quality_score`` is the mean of those a request has."""

REFUSAL: Final = "refusal"
"""Score from 0 (answers) to 1 (refuses). Not part of quality: a refusal can be right."""


class Metric(NamedTuple):
    """One aggregate over a window of one series or group."""

    unit: str
    """``ms``, ``1/s``, ``ratio`` (0-1), ``tokens``, ``usd``, ``score`` (0-1), ``count``, ``times``
    (of what is allowed)."""

    meaning: str
    higher_is_worse: bool = True


_METRICS: Final[dict[str, Metric]] = {
    "requests": Metric("count", "requests that ended in the window", False),
    "request_rate": Metric("1/s", "requests a second over the window", False),
    "errors": Metric("count", "requests that ended in an error"),
    "error_rate": Metric("ratio", "share of requests that ended in an error"),
    "latency_mean": Metric("ms", "mean time from start to last byte"),
    "latency_p50": Metric("ms", "median time from start to last byte"),
    "latency_p90": Metric("ms", "90th percentile of latency"),
    "latency_p95": Metric("ms", "95th percentile of latency"),
    "latency_p99": Metric("ms", "99th percentile of latency"),
    "latency_max": Metric("ms", "longest latency, to the sketch's 1 %"),
    "ttft_p50": Metric("ms", "median time to first token"),
    "ttft_p95": Metric("ms", "95th percentile of time to first token"),
    "ttft_p99": Metric("ms", "99th percentile of time to first token"),
    "max_gap_p95": Metric("ms", "95th percentile of the longest wait between chunks"),
    "tpot_p50": Metric("ms", "median time per output token after the first"),
    "tpot_p95": Metric("ms", "95th percentile of time per output token after the first"),
    "tokens_per_second": Metric("1/s", "output tokens a second over the window", False),
    "input_tokens": Metric("tokens", "input tokens, cached ones included", False),
    "output_tokens": Metric("tokens", "output tokens, reasoning included", False),
    "cached_tokens": Metric("tokens", "input tokens read from a cache", False),
    "cached_token_ratio": Metric("ratio", "share of input tokens read from a cache", False),
    "cost_usd": Metric("usd", "cost of the priced requests in the window"),
    "hourly_cost": Metric("usd", "cost over the trailing hour, whatever the window"),
    "daily_cost": Metric("usd", "cost since local midnight, whatever the window"),
    "unpriced_requests": Metric("count", "requests whose cost is unknown"),
    "quality_score_mean": Metric("score", "mean quality of the scored requests", False),
    "relevance_mean": Metric("score", "mean relevance of the scored requests", False),
    "coherence_mean": Metric("score", "mean coherence of the scored requests", False),
    "safety_mean": Metric("score", "mean safety of the scored requests", False),
    "format_mean": Metric("score", "mean format score of the scored requests", False),
    "factuality_mean": Metric("score", "mean factuality of the scored requests", False),
    "refusal_rate": Metric("ratio", "share of judged requests whose refusal score is over 0.5"),
    "scored_requests": Metric("count", "requests with a quality score", False),
    "open_requests": Metric("count", "requests begun and not ended, as agents last said"),
    "stalled_requests": Metric("count", "open requests with no chunk for ten seconds"),
}

METRICS: Final[Mapping[str, Metric]] = MappingProxyType(_METRICS)
"""Every metric by name. Agents, rules, snapshots, screens and docs use these and no other."""

_FAMILIES: Final[dict[str, Mapping[str, Metric]]] = {
    "requests": METRICS,
    "checks": MappingProxyType(
        {
            "check_failing": Metric("count", "1 while the check is failing, else 0"),
            "check_critical": Metric("count", "1 while a check marked critical is failing, else 0"),
            "check_degraded": Metric("count", "1 while the check is degraded or failing, else 0"),
            "check_flapping": Metric("count", "1 while the check goes to and fro, else 0"),
            "check_took_ms": Metric("ms", "how long the check's last run took"),
            "check_value": Metric("count", "what the check measured, in its own unit"),
        }
    ),
    "slos": MappingProxyType(
        {
            "slo_page": Metric("times", "fast burn over its limits: above 1 pages"),
            "slo_ticket": Metric("times", "slow burn over its limits: above 1 asks for a look"),
            "slo_burn_rate": Metric("times", "error rate of the last hour over the allowed one"),
            "slo_budget_left": Metric("ratio", "share of the error budget that is left", False),
            "slo_attained": Metric("ratio", "share of good events in the period", False),
        }
    ),
    "budgets": MappingProxyType(
        {
            "budget_used": Metric("ratio", "share of the spending limit that is spent"),
            "budget_forecast": Metric("ratio", "forecast of the period's end over the limit"),
            "budget_spent_usd": Metric("usd", "spent since the period began"),
            "budget_forecast_usd": Metric("usd", "forecast of the period's end"),
        }
    ),
}

FAMILIES: Final[Mapping[str, Mapping[str, Metric]]] = MappingProxyType(_FAMILIES)
"""Metrics by what they are of: requests, health checks, objectives, spending limits. An expression
reads metrics of one family."""

LOSS_REASONS: Final = (
    "queue_full",
    "memory_full",
    "spool_full",
    "spool_damaged",
    "sampled",
    "oversize",
    "unencodable",
    "shutdown",
    "poison",
    "agent_gone",
)
"""Why an event can be lost. Each loss is counted under exactly one of these."""
