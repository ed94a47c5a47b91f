"""What a table of groups can show of each: a column, the metric behind it, and its text."""

from __future__ import annotations

from typing import Final, NamedTuple

from llmmon.protocol.snapshot import Limit, Metrics, Value
from llmmon_tui.drawing.gauge import gauge
from llmmon_tui.drawing.table import Cell, Column
from llmmon_tui.formatting import MISSING, count, money
from llmmon_tui.panels.values import breach, metric_text

FEW: Final = 20
"""Below so many requests in the window, quantiles and shares are greyed."""
LOWER_IS_WORSE: Final = frozenset({"quality_score_mean"})
_BAR: Final = 7
_SHARES: Final = frozenset({"error_rate", "refusal_rate", "cached_token_ratio"})


class Field(NamedTuple):
    """One column: what it shows of a group's metrics and what it sorts by."""

    column: Column
    metric: str
    sampled: bool = False
    """Whether a few requests make it unreliable."""


Fields = tuple[Field, ...]

OVERVIEW: Final[Fields] = (
    Field(Column("req", "req/s", 6, "right"), "request_rate"),
    Field(Column("p50", "p50", 6, "right", 98), "latency_p50", True),
    Field(Column("p95", "p95", 7, "right"), "latency_p95", True),
    Field(Column("p99", "p99", 7, "right", 98), "latency_p99", True),
    Field(Column("ttft", "ttft95", 6, "right", 108), "ttft_p95", True),
    Field(Column("err", "err%", 7, "right"), "error_rate", True),
    Field(Column("cost", "$ 1h", 8, "right"), "hourly_cost"),
    Field(Column("per_1k", "$/1k", 8, "right", 123), "cost_per_1k"),
    Field(Column("tokens", "tok in/out", 10, "right", 117), "tokens"),
    Field(Column("quality", "qual", 5, "right"), "quality_score_mean", True),
    Field(Column("refusal", "refus%", 6, "right", 130), "refusal_rate", True),
    Field(Column("n", "n", 6, "right", 140), "requests"),
)
"""One panel among others."""
MODELS: Final[Fields] = (
    Field(Column("req", "req/s", 6, "right", 56), "request_rate"),
    Field(Column("share", "share", 12, "right", 170), "share"),
    Field(Column("p50", "p50", 6, "right", 96), "latency_p50", True),
    Field(Column("p95", "p95", 7, "right"), "latency_p95", True),
    Field(Column("p99", "p99", 7, "right", 88), "latency_p99", True),
    Field(Column("max", "max", 6, "right", 180), "latency_max"),
    Field(Column("ttft50", "ttft50", 6, "right", 160), "ttft_p50", True),
    Field(Column("ttft", "ttft95", 6, "right", 104), "ttft_p95", True),
    Field(Column("tpot", "tpot95", 6, "right", 150), "tpot_p95", True),
    Field(Column("speed", "tok/s", 6, "right", 112), "tokens_per_second"),
    Field(Column("err", "err%", 7, "right"), "error_rate", True),
    Field(Column("cost", "$ 1h", 8, "right"), "hourly_cost"),
    Field(Column("per_1k", "$/1k", 8, "right", 120), "cost_per_1k"),
    Field(Column("quality", "qual", 5, "right", 70), "quality_score_mean", True),
    Field(Column("tokens", "tok in/out", 10, "right", 150), "tokens"),
    Field(Column("cached", "cache%", 6, "right", 160), "cached_token_ratio", True),
    Field(Column("refusal", "refus%", 6, "right", 170), "refusal_rate", True),
    Field(Column("open", "open/st", 7, "right", 180), "open_requests"),
    Field(Column("n", "n", 6, "right", 120), "requests"),
)
"""A screen of its own: who is slow, dear, failing."""
_UNSORTED: Final = frozenset({"tokens"})


def sortable(fields: Fields) -> tuple[str, ...]:
    """Keys of the columns that have one number to sort by."""
    return tuple(field.column.key for field in fields if field.metric not in _UNSORTED)


def field_cell(field: Field, metrics: Metrics, whole: Metrics, limits: tuple[Limit, ...]) -> Cell:
    """One figure: greyed where it stands on a few requests, coloured where it breaks a limit."""
    text = field_text(field.metric, metrics, whole)
    if field.sampled and (metrics.get("requests") or 0) < FEW:
        return Cell(text, ink="muted")
    severity = breach(field.metric, metrics.get(field.metric), limits)
    return Cell(text, severity, "muted" if text in {MISSING, "$?"} else "")


def field_text(metric: str, metrics: Metrics, whole: Metrics) -> str:
    """A figure of a group, beside those of the `whole` that it is a part of."""
    value = field_value(metric, metrics)
    if metric in _SHARES:
        return MISSING if value is None else _percent(value)
    match metric:
        case "hourly_cost" | "cost_per_1k":
            return _money(value, metrics)
        case "tokens":
            return _tokens(metrics)
        case "share":
            return _share(value, whole.get("requests"))
        case "open_requests":
            return _open(value, metrics.get("stalled_requests"))
    return metric_text(metric, value)


def field_value(metric: str, metrics: Metrics) -> Value:
    """The number that a column sorts by."""
    if metric == "share":
        return metrics.get("requests")
    if metric != "cost_per_1k":
        return metrics.get(metric)
    cost, requests = metrics.get("cost_usd"), metrics.get("requests") or 0
    priced = requests - (metrics.get("unpriced_requests") or 0)
    return None if cost is None or priced <= 0 else cost / priced * 1000


def _percent(value: float) -> str:
    """The column's title has the sign."""
    percent = value * 100
    if 0 < percent < 0.05:
        return "<0.1"
    return f"{percent:.1f}" if percent < 99.95 else "100"


def _money(value: float | None, metrics: Metrics) -> str:
    """Unpriced requests are told, never counted as free: `$?`, or `$1.20+` for a part."""
    unpriced = metrics.get("unpriced_requests") or 0
    if is_unpriced(metrics) or (unpriced and not value):
        return "$?"
    return money(value) + ("+" if unpriced and value is not None else "")


def is_unpriced(metrics: Metrics) -> bool:
    """Whether there is no price for any of the requests."""
    unpriced = metrics.get("unpriced_requests") or 0
    return bool(unpriced) and unpriced >= (metrics.get("requests") or 0)


def _tokens(metrics: Metrics) -> str:
    """Tokens in and out of the average request."""
    requests = metrics.get("requests")
    tokens = [metrics.get("input_tokens"), metrics.get("output_tokens")]
    if not requests or None in tokens:
        return MISSING
    into, out = (count((one or 0) / requests) for one in tokens)
    return f"{into:>5}/{out:<4}"


def _share(requests: Value, of: Value) -> str:
    """A group's part of the traffic, with a bar: `50% ▕██░░░▏`."""
    if requests is None or not of:
        return MISSING
    share = requests / of
    percent = f"{share * 100:.0f}%" if not 0 < share < 0.005 else "<1%"
    return f"{percent} {gauge(share, _BAR)}"


def _open(running: Value, stalled: Value) -> str:
    """Requests under way, and of these the stalled ones: `7/1`."""
    return MISSING if running is None else f"{count(running)}/{count(stalled)}"
