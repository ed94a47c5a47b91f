"""History, requests and a trace that go with ``snapshots.busy_snapshot``."""

from __future__ import annotations

import math
from typing import Any, Final

from support.snapshots import AT_NS
from support.viewer_peer import ViewerPeer

SECOND_NS: Final = 1_000_000_000
_SHAPES: Final = {
    "request_rate": (4.1, 0.2),
    "error_rate": (0.03, 0.6),
    "latency_p50": (1240.0, 0.15),
    "latency_p95": (3300.0, 0.2),
    "latency_p99": (8200.0, 0.25),
    "ttft_p95": (890.0, 0.2),
    "tokens_per_second": (600.0, 0.2),
    "input_tokens": (6300.0, 0.2),
    "output_tokens": (612.0, 0.2),
    "hourly_cost": (36.0, 0.1),
    "quality_score_mean": (0.72, 0.05),
}


def history(params: dict[str, Any]) -> dict[str, Any]:
    """The answer to ``history``: waves that end at ``AT_NS``, errors rising in the last fifth."""
    window_s, points = params["window_s"], min(params["points"], 100)
    step_ns = max(1, window_s // points) * SECOND_NS
    end_ns = params["end_ns"] or AT_NS
    count = window_s * SECOND_NS // step_ns
    start_ns = (end_ns // step_ns - count + 1) * step_ns
    metrics = {
        name: [mean * (1 + swing * math.sin(i / 9 + mean)) for i in range(count)]
        for name, (mean, swing) in _SHAPES.items()
    }
    metrics["error_rate"] = [0.01 + 0.07 * max(0.0, i / count - 0.8) / 0.2 for i in range(count)]
    metrics["requests"] = [12] * count
    return {"start_ns": start_ns, "step_ns": step_ns, "metrics": metrics}


def request_row(number: int, **changes: Any) -> dict[str, Any]:
    """The ``number``th request, a second older than the one before."""
    fields = {
        "id": f"req-{number:04d}",
        "time_ns": AT_NS - number * SECOND_NS,
        "model": ("gpt-4o", "claude-sonnet-4-5", "deepseek-chat")[number % 3],
        "provider": ("openai", "anthropic", "deepseek")[number % 3],
        "operation": ("chat", "summarise", "retrieve")[number % 3],
        "route": "/ask",
        "latency_ms": 800.0 + 37 * number,
        "ttft_ms": 210.0 + number,
        "error": None,
        "status_code": 200,
        "cost_usd": 0.0031 * (1 + number % 3),
        "quality_score": 0.8 + number % 3 / 20,
        "input_tokens": 1200 + number,
        "output_tokens": 160 + number,
        "user_id": f"user-{number % 7}",
    }
    return fields | changes


def request_rows() -> list[dict[str, Any]]:
    """Forty requests: two failed, one slow, one poor, one of an unpriced model."""
    unlike = {
        4: {"error": "RateLimitError", "status_code": 429, "quality_score": None, "cost_usd": 0.0},
        9: {"error": "TimeoutError", "status_code": None, "quality_score": None, "cost_usd": None},
        6: {"latency_ms": 8120.0},
        11: {"quality_score": 0.41},
        13: {"model": "llama-2-70b-chat", "cost_usd": None},
    }
    return [request_row(number, **unlike.get(number, {})) for number in range(40)]


def trace(params: dict[str, Any]) -> dict[str, Any]:
    """The answer to ``trace``: a request with two steps, a score and a log line."""
    start_ns = AT_NS - 10 * SECOND_NS
    request = request_row(4, id=params["id"], start_ns=start_ns, latency_ms=2400.0)
    spans = [
        {
            "id": f"span-{place}",
            "parent_id": params["id"],
            "name": name,
            "start_ns": start_ns + offset_ms * 1_000_000,
            "duration_ms": took_ms,
            "error": error,
        }
        for place, (name, offset_ms, took_ms, error) in enumerate(
            (("retrieval", 50, 420.0, None), ("tool search", 600, 900.0, "TimeoutError"))
        )
    ]
    log = {"time_ns": AT_NS, "level": "WARNING", "logger": "bot", "message": "tool was slow"}
    score = {"name": "thumbs_up", "value": 1.0, "comment": "helpful"}
    return {"requests": [request], "spans": spans, "logs": [log], "scores": [score]}


def silences(params: dict[str, Any]) -> list[dict[str, Any]]:
    """The answer to ``silences``: one in force, one to come."""
    hour_ns = 3600 * SECOND_NS
    return [
        {
            "id": "silence-1",
            "matchers": {"rule": "cost_spike", "model": "gpt-4*"},
            "starts_ns": AT_NS - hour_ns,
            "ends_ns": AT_NS + hour_ns,
            "by": "ops",
            "comment": "load test",
        },
        {
            "id": "silence-2",
            "matchers": {"rule": "high_latency"},
            "starts_ns": AT_NS + hour_ns,
            "ends_ns": AT_NS + 30 * hour_ns,
            "by": "anna",
            "comment": "maintenance of the gateway",
        },
    ]


def transitions(params: dict[str, Any]) -> list[dict[str, Any]]:
    """The answer to ``transitions``: a day of ``snapshots.alert`` and of another one."""
    first = {
        "alert_id": "llmmon:0a1b2c3d4e5f60718293a4b5c6d7e8f9",
        "rule": "high_error_rate",
        "severity": "critical",
        "state": "firing",
        "labels": '{"provider": "openai", "model": "gpt-4o"}',
        "metric": "error_rate",
        "value": 0.072,
        "threshold": 0.05,
        "summary": "gpt-4o: 7.2 % of requests fail",
        "by": "",
    }
    other = first | {"alert_id": "llmmon:2", "rule": "cost_spike", "labels": "{}"}
    told = (
        (86_000, other, "firing", ""),
        (82_000, other, "resolved", ""),
        (7_200, first | {"severity": "warning"}, "firing", ""),
        (7_000, first, "acknowledged", "anna"),
        (5_000, first, "resolved", ""),
        (400, first | {"severity": "warning"}, "firing", ""),
        (192, first, "escalated", ""),
        (90, first, "inhibited", "provider_down"),
        (30, first, "uninhibited", ""),
    )
    return [
        row | {"seq": seq, "time_ns": AT_NS - age_s * SECOND_NS, "reason": reason, "by": by}
        for seq, (age_s, row, reason, by) in enumerate(told)
    ]


def explanation(params: dict[str, Any]) -> dict[str, Any]:
    """The answer to ``explain``: why ``snapshots.alert`` fires."""
    limit = {
        "severity": "critical",
        "metric": "error_rate",
        "value": 0.072,
        "comparison": "above",
        "limit": 0.05,
        "clear": 0.04,
        "state": "firing",
        "breached": True,
        "breached_s": 252.0,
        "for_s": 60.0,
    }
    group = {
        "labels": {"provider": "openai", "model": "gpt-4o"},
        "state": "firing",
        "why": "error_rate is above 5 % and has been for 1m",
        "requests": 1236,
        "missing": [],
        "parts": [{"text": "error_rate", "value": 0.072}],
        "limits": [limit],
        "alert": None,
        "told": [
            {"channel": "slack", "open": True, "severity": "critical", "at_ns": AT_NS - SECOND_NS},
            {"channel": "pager", "open": False, "severity": "", "at_ns": None},
        ],
    }
    return {
        "rule": params["name"],
        "family": "requests",
        "value": "error_rate",
        "where": "",
        "by": ["provider", "model"],
        "window_s": 300.0,
        "for_s": 60.0,
        "min_requests": 20,
        "at_ns": AT_NS,
        "hold": False,
        "error": "",
        "groups_total": 1,
        "groups": [group],
    }


def answer_all(peer: ViewerPeer) -> None:
    """Let ``peer`` answer everything but ``snapshot``, which a test serves itself."""

    def requests(params: dict[str, Any]) -> list[dict[str, Any]]:
        rows = request_rows()
        if params["only"] == "errors":
            rows = [row for row in rows if row["error"]]
        return rows[: params["limit"]]

    peer.answers |= {
        "history": history,
        "requests": requests,
        "trace": trace,
        "acknowledge": lambda params: {},
        "silence": lambda params: {"id": "silence-1"},
        "silences": silences,
        "end_silence": lambda params: {},
        "transitions": transitions,
        "explain": explanation,
    }
