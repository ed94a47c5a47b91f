"""Snapshots for tests of what shows them: fixed time, fixed numbers."""

from __future__ import annotations

from llmmon.protocol.names import METRICS
from llmmon.protocol.snapshot import (
    VERSION,
    AlertView,
    Group,
    HealthView,
    IngestView,
    Limit,
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
    """Traffic, one critical and one warning alert, five checks; with ``changes`` laid over."""
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
    return busy_snapshot(windows=empty, alerts=(), health=(), ingest=quiet)
