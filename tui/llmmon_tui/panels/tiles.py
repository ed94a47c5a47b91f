"""Six numbers against their limits."""

from __future__ import annotations

from typing import Final, NamedTuple

from llmmon.protocol.snapshot import Metrics, Value
from llmmon_tui.drawing.buckets import align
from llmmon_tui.drawing.tile import TileData, Trend
from llmmon_tui.formatting import MISSING, axis_number
from llmmon_tui.model import Picture
from llmmon_tui.panels import yesterday
from llmmon_tui.panels.values import breach, first_limit, limit_words, metric_text

STEADY_WITHIN: Final = 0.03
"""A change of less than this share of the value before is no news."""


class Figure(NamedTuple):
    """One tile: the metric behind it and the end of its spark's scale where that is fixed."""

    id: str
    title: str
    metric: str
    maximum: float | None = None


FIGURES: Final = (
    Figure("rate", "req/s", "request_rate"),
    Figure("p95", "p95", "latency_p95"),
    Figure("err", "err", "error_rate"),
    Figure("cost", "$ 1h", "hourly_cost"),
    Figure("quality", "qual", "quality_score_mean", 1.0),
    Figure("tokens", "tok/s", "tokens_per_second"),
)


def tile(picture: Picture, figure: Figure, spark_width: int) -> TileData:
    """The tile of one figure with a spark of `spark_width` columns over the window."""
    limits = () if picture.snapshot is None else picture.snapshot.limits
    value = picture.total.get(figure.metric)
    limit = first_limit(figure.metric, limits)
    history = _history(picture, figure.metric, spark_width)
    trend, delta = _change(figure.metric, picture)
    return TileData(
        title=figure.title,
        value=_value(figure.metric, value, picture.total),
        limit=_beside(figure.metric, picture),
        severity=breach(figure.metric, value, limits),
        trend=trend,
        delta=delta,
        history=history,
        history_max=figure.maximum or _scale(history, limit),
    )


def _value(metric: str, value: Value, total: Metrics) -> str:
    if metric != "hourly_cost":
        return metric_text(metric, value)
    unpriced = total.get("unpriced_requests") or 0
    if unpriced and not value:
        return "$?"
    return metric_text(metric, value)


def _beside(metric: str, picture: Picture) -> str:
    if metric == "tokens_per_second":
        return _tokens_in(picture)
    return "" if picture.snapshot is None else limit_words(metric, picture.snapshot.limits)


def _tokens_in(picture: Picture) -> str:
    tokens = picture.total.get("input_tokens")
    window = picture.window
    if tokens is None or window is None:
        return ""
    return f"in {axis_number(float(f'{tokens / window.window_s:.2g}'))}"


def _change(metric: str, picture: Picture) -> tuple[Trend | None, str]:
    """Against the window before, or yesterday's; nothing where that is unknown."""
    now, before = picture.total.get(metric), _before(picture).get(metric)
    if now is None or not before:
        return None, ""
    change = now / before - 1
    if abs(change) < STEADY_WITHIN:
        return None, ""
    percent = abs(change) * 100
    return ("up" if change > 0 else "down"), f"{percent:.0f}%" if percent < 999.5 else ">999%"


def _before(picture: Picture) -> Metrics:
    """What a figure is compared with: the window before is only known of the whole."""
    if picture.view.compare:
        return yesterday.total(picture)
    window = picture.window
    return {} if window is None or picture.view.where else window.previous


def _history(picture: Picture, metric: str, columns: int) -> list[float | None]:
    if picture.history is None or picture.window is None:
        return []
    points = picture.history.points(metric, picture.at_ns)
    return align(points, picture.window.window_s, picture.at_ns / 1e9, columns, "mean")


def _scale(history: list[float | None], limit: float | None) -> float:
    """From 0 to the peak, and at least to the limit: calm data must not look like a drama."""
    peak = max((value for value in history if value is not None), default=0.0)
    return max(peak, limit or 0.0) or 1.0


def plain_tile(data: TileData) -> str:
    """A tile as text for a printed picture."""
    beside = f" {data.limit}" if data.limit else ""
    mark = data.severity.glyph if data.severity.breaching else ""
    return f"{data.title} {mark}{data.value or MISSING}{beside}"
