"""Snapshots for tests of what shows them: fixed time, fixed numbers."""

from __future__ import annotations

from llmmon.protocol.names import METRICS
from llmmon.protocol.snapshot import (
    VERSION,
    AlertView,
    BudgetView,
    ChannelView,
    Group,
    HealthView,
    IngestView,
    Limit,
    Measurement,
    SloView,
    Snapshot,
    WindowView,
)

AT_NS = 1_795_500_000_000_000_000
"""The instant of every snapshot here, 2026-11-24 06:00:00 UTC."""

_VALUES = {
    "requests": 1236,
    "request_rate": 4.12,
    "errors": 89,
    "error_rate": 0.072,
    "latency_mean": 1650.0,
    "latency_p50": 1240.0,
    "latency_p90": 2900.0,
    "latency_p95": 3410.0,
    "latency_p99": 9700.0,
    "latency_max": 15200.0,
    "ttft_p50": 310.0,
    "ttft_p95": 890.0,
    "ttft_p99": 1900.0,
    "max_gap_p95": 240.0,
    "tpot_p50": 18.0,
    "tpot_p95": 41.0,
    "tokens_per_second": 612.0,
    "input_tokens": 1_900_000,
    "output_tokens": 183_600,
    "cached_tokens": 410_000,
    "cached_token_ratio": 0.2158,
    "cost_usd": 3.175,
    "hourly_cost": 38.1,
    "daily_cost": 201.4,
    "unpriced_requests": 12,
    "quality_score_mean": 0.71,
    "relevance_mean": 0.66,
    "coherence_mean": 0.82,
    "safety_mean": 0.97,
    "format_mean": 0.9,
    "factuality_mean": None,
    "refusal_rate": 0.041,
    "scored_requests": 400,
    "open_requests": 7,
    "stalled_requests": 1,
}

EMPTY_METRICS = dict.fromkeys(METRICS) | {"requests": 0, "errors": 0, "request_rate": 0.0}
"""What a window without a request says."""


def metrics(scale: float = 1.0, **changes: float | None) -> dict[str, float | int | None]:
    """A window's metrics, times ``scale`` where they are counts, with ``changes`` laid over."""
    counts = {name for name, metric in METRICS.items() if metric.unit in {"count", "tokens"}}
    scaled = {
        name: int(value * scale) if name in counts and value is not None else value
        for name, value in _VALUES.items()
    }
    return scaled | changes


def alert(**changes) -> AlertView:
    """A firing critical alert, with ``changes`` laid over."""
    fields = {
        "id": "llmmon:0a1b2c3d4e5f60718293a4b5c6d7e8f9",
        "rule": "high_error_rate",
        "severity": "critical",
        "state": "firing",
        "labels": {"provider": "openai", "model": "gpt-4o"},
        "metric": "error_rate",
        "value": 0.072,
        "threshold": 0.05,
        "comparison": "above",
        "window_s": 300,
        "since_ns": AT_NS - 192 * 10**9,
        "fired_ns": AT_NS - 192 * 10**9,
        "resolved_ns": None,
        "peak": 0.091,
        "summary": "gpt-4o: 7.2 % of requests fail",
        "runbook": "",
    }
    return AlertView(**(fields | changes))


def check(name: str, **changes) -> HealthView:
    """A passing health check, with ``changes`` laid over."""
    fields = {
        "type": name,
        "status": "ok",
        "since_ns": AT_NS - 3600 * 10**9,
        "checked_ns": AT_NS - 5 * 10**9,
        "took_ms": 3.0,
        "value": None,
        "unit": "",
        "message": "",
    }
    return HealthView(name=name, **(fields | changes))


def slo(**changes) -> SloView:
    """An objective with most of its budget left, with ``changes`` laid over."""
    fields = {
        "name": "chat-availability",
        "labels": {},
        "good": "error is None",
        "objective": 0.999,
        "period_s": 30 * 86_400,
        "good_events": 1_203_764,
        "total_events": 1_204_233,
        "covered_s": 30 * 86_400.0,
        "attained": 1_203_764 / 1_204_233,
        "budget_left": 0.6105,
        "burn_rates": {
            "5m": 0.3,
            "30m": 0.35,
            "1h": 0.4,
            "2h": 0.38,
            "6h": 0.9,
            "1d": 0.7,
            "3d": 0.5,
        },
        "exhausted_in_s": None,
        "severity": None,
    }
    return SloView(**(fields | changes))


def burning_slo(**changes) -> SloView:
    """An objective that pages and is spent in some hours."""
    burning = {
        "good_events": 1_203_281,
        "attained": 1_203_281 / 1_204_233,
        "budget_left": 0.2095,
        "burn_rates": {
            "5m": 72.0,
            "30m": 31.2,
            "1h": 16.3,
            "2h": 9.1,
            "6h": 3.4,
            "1d": 1.4,
            "3d": 0.8,
        },
        "exhausted_in_s": 9.25 * 3600,
        "severity": "critical",
    }
    return slo(**(burning | changes))


def budget(**changes) -> BudgetView:
    """A month's budget in use, with ``changes`` laid over."""
    fields = {
        "name": "all-models",
        "labels": {},
        "period": "month",
        "limit_usd": 5000.0,
        "spent_usd": 3104.22,
        "unpriced_requests": 0,
        "rate_usd_per_hour": 5.41,
        "forecast_usd": 3989.1,
        "resets_ns": AT_NS + 642 * 3600 * 10**9 // 4,
        "exhausted_ns": None,
        "severity": None,
    }
    return BudgetView(**(fields | changes))


def channel(name: str, **changes) -> ChannelView:
    """A channel that delivers, with ``changes`` laid over."""
    fields = {
        "type": name,
        "waiting": 0,
        "oldest_ns": None,
        "sent": 12,
        "failed": 0,
        "given_up": 0,
        "failing_attempts": 0,
        "last_sent_ns": AT_NS - 192 * 10**9,
        "last_error": "",
    }
    return ChannelView(name=name, **(fields | changes))


def failing_channel(name: str = "slack", **changes) -> ChannelView:
    """A channel whose receiver has refused for five minutes."""
    failing = {
        "waiting": 3,
        "oldest_ns": AT_NS - 310 * 10**9,
        "failing_attempts": 6,
        "last_error": "HTTP 503 Service Unavailable from hooks.example",
    }
    return channel(name, **(failing | changes))


def ingest(**changes) -> IngestView:
    """A busy ledger, with ``changes`` laid over."""
    fields = {
        "agents": 14,
        "events_stored": 1_204_233,
        "events_per_second": 41.2,
        "duplicates_dropped": 0,
        "events_lost": {"queue_full": 2},
        "events_in_flight": 17,
        "rejected_batches": 0,
        "late_events": 0,
        "series": 6,
        "series_limit": 2000,
        "overflowed_series": 0,
        "unpriced_models": ("llama-2-70b-chat",),
        "fold_lag_s": 0.4,
    }
    return IngestView(**(fields | changes))


GROUPS = (
    ("openai", "gpt-4o", 0.5, {"error_rate": 0.072}),
    ("anthropic", "claude-sonnet-4-5", 0.3, {"error_rate": 0.004, "latency_p95": 3000.0}),
    ("deepseek", "deepseek-chat", 0.15, {"error_rate": 0.001, "latency_p95": 1400.0}),
    ("together", "llama-2-70b-chat", 0.05, {"cost_usd": None, "unpriced_requests": 61}),
)


def window(window_s: int, **total: float | None) -> WindowView:
    """A window of ``window_s`` with four models."""
    return WindowView(
        window_s=window_s,
        total=metrics(window_s / 300, **total),
        previous=metrics(window_s / 330, latency_p95=3100.0, request_rate=3.7),
        groups=tuple(
            Group(
                {"provider": provider, "model": model}, metrics(window_s / 300 * share, **changes)
            )
            for provider, model, share, changes in GROUPS
        ),
        quality_buckets=(4, 21, 98, 170, 107),
    )


def busy_snapshot(**changes) -> Snapshot:
    """Traffic, two alerts, six checks, two of each objective, budget and channel.

    ``changes`` are laid over.
    """
    fields = {
        "version": VERSION,
        "seq": 4711,
        "at_ns": AT_NS,
        "name": "prod-eu",
        "note": "",
        "started_ns": AT_NS - 86_400 * 10**9,
        "by": "model",
        "windows": tuple(window(w) for w in (60, 300, 3600, 86400)),
        "alerts": (
            alert(),
            alert(
                id="llmmon:1",
                rule="low_quality",
                severity="warning",
                labels={},
                metric="quality_score_mean",
                value=0.66,
                threshold=0.7,
                comparison="below",
                since_ns=AT_NS - 660 * 10**9,
            ),
        ),
        "health": (
            check("llm_api", type="llm", took_ms=41.0),
            check("database", type="sql"),
            check("memory", value=61.0, unit="%"),
            check("disk", status="degraded", value=91.0, unit="%", message="91 % used"),
            check("agents"),
            check(
                "vllm",
                type="scrape",
                took_ms=12.0,
                measurements=(
                    Measurement("requests_running", 31.0, ""),
                    Measurement("requests_waiting", 4.0, ""),
                    Measurement("kv_cache_used", 61.0, "%"),
                ),
            ),
        ),
        "ingest": ingest(),
        "limits": (
            Limit("high_latency", "latency_p95", 300, "above", 5000.0, None),
            Limit("critical_latency", "latency_p99", 300, "above", None, 10000.0),
            Limit("high_error_rate", "error_rate", 300, "above", None, 0.05),
            Limit("low_quality", "quality_score_mean", 300, "below", 0.7, None),
            Limit("cost_spike", "hourly_cost", 300, "above", 100.0, None),
        ),
        "problems": (),
        "slos": (
            slo(),
            slo(
                name="chat-latency",
                good="latency_ms < 3000",
                objective=0.95,
                attained=0.9731,
                good_events=1_171_838,
                budget_left=0.462,
                exhausted_in_s=11 * 86_400.0,
                burn_rates={"5m": 0.8, "30m": 1.1, "1h": 1.25, "6h": 0.6, "3d": 0.5},
            ),
        ),
        "budgets": (
            budget(),
            budget(
                name="by-provider",
                labels={"provider": "openai"},
                limit_usd=200.0,
                spent_usd=162.4,
                unpriced_requests=61,
                rate_usd_per_hour=8.3,
                forecast_usd=311.8,
                period="day",
                resets_ns=AT_NS + 18 * 3600 * 10**9,
                exhausted_ns=AT_NS + 4 * 3600 * 10**9,
                severity="warning",
            ),
        ),
        "channels": (channel("slack"), channel("pager", type="pagerduty", sent=2)),
    }
    return Snapshot(**(fields | changes))


def empty_snapshot() -> Snapshot:
    """A collector that has heard of nobody."""
    empty = tuple(
        WindowView(w, EMPTY_METRICS, {}, (), (0, 0, 0, 0, 0)) for w in (60, 300, 3600, 86400)
    )
    quiet = ingest(
        agents=0,
        events_stored=0,
        events_per_second=0.0,
        events_lost={},
        events_in_flight=0,
        series=0,
        unpriced_models=(),
        fold_lag_s=None,
    )
    return busy_snapshot(
        windows=empty, alerts=(), health=(), ingest=quiet, slos=(), budgets=(), channels=()
    )
