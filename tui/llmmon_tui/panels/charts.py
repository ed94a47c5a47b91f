"""Since when? The four charts, with the limits drawn in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from llmmon_tui import formatting
from llmmon_tui.drawing.buckets import Policy
from llmmon_tui.drawing.plot import ChartLook, ChartSeries, Threshold
from llmmon_tui.history import Points
from llmmon_tui.model import Picture
from llmmon_tui.panels import yesterday
from llmmon_tui.panels.values import clock_text, limit_text
from llmmon_tui.severity import Severity


class ChartPicture(NamedTuple):
    """What a chart is given for one frame."""

    series: list[ChartSeries]
    thresholds: list[Threshold]
    window_s: float
    now_s: float
    end_label: str


class Plot(NamedTuple):
    """One chart: its title, its look, and what it shows of a picture."""

    id: str
    title: str
    look: ChartLook
    draw: Callable[[Picture], ChartPicture]


def _latency(picture: Picture) -> ChartPicture:
    series = [
        ChartSeries(name, _points(picture, f"latency_{name}"), f"series-{place}", "max")
        for place, name in enumerate(("p50", "p95", "p99"), 1)
    ]
    series = _before(picture, "latency_p95", "max", "p95 yesterday") + series
    metrics = ("latency_p50", "latency_p95", "latency_p99")
    return _chart(picture, series, _thresholds(picture, *metrics))


def _cost(picture: Picture) -> ChartPicture:
    points = _points(picture, "hourly_cost")
    series = [
        ChartSeries("$/h", points, "series-2", "mean", fill=True),
        *_before(picture, "hourly_cost", "mean"),
    ]
    return _chart(picture, series, _thresholds(picture, "hourly_cost"))


def _quality(picture: Picture) -> ChartPicture:
    series = [
        *_before(picture, "quality_score_mean", "mean"),
        ChartSeries("mean", _points(picture, "quality_score_mean"), "series-3", "mean"),
    ]
    return _chart(picture, series, _thresholds(picture, "quality_score_mean"))


def _volume(picture: Picture) -> ChartPicture:
    rates = _points(picture, "request_rate")
    shares = dict(_points(picture, "error_rate"))
    errors: Points = [(t_s, _product(value, shares.get(t_s))) for t_s, value in rates]
    series = [
        *_before(picture, "request_rate", "mean"),
        ChartSeries("req/s", rates, "series-1", "mean"),
        ChartSeries("err/s", errors, "series-3", "mean"),
    ]
    return _chart(picture, series, [])


PLOTS: Final = (
    Plot(
        "latency",
        "Latency",
        ChartLook(format_value=formatting.duration, format_tick=formatting.axis_duration),
        _latency,
    ),
    Plot(
        "cost",
        "Cost $/h",
        ChartLook(format_value=formatting.money, format_tick=formatting.axis_money),
        _cost,
    ),
    Plot(
        "quality",
        "Quality",
        ChartLook(format_value=formatting.score, worst="low", low=0.5, high=1.0),
        _quality,
    ),
    Plot("volume", "Volume", ChartLook(format_value=formatting.rate), _volume),
)


def _chart(
    picture: Picture, series: list[ChartSeries], thresholds: list[Threshold]
) -> ChartPicture:
    window = picture.window
    window_s = picture.view.window_s if window is None else window.window_s
    end_label = "now" if picture.held is None else clock_text(picture.at_ns)
    return ChartPicture(series, thresholds, window_s, picture.at_ns / 1e9, end_label)


def _before(
    picture: Picture, metric: str, policy: Policy, name: str = "yesterday"
) -> list[ChartSeries]:
    """The same time yesterday, while somebody compares."""
    points = yesterday.points(picture, metric)
    return [ChartSeries(name, points, "series-4", policy)] if picture.view.compare else []


def _points(picture: Picture, metric: str) -> Points:
    return [] if picture.history is None else picture.history.points(metric, picture.at_ns)


def _product(left: float | None, right: float | None) -> float | None:
    return None if left is None or right is None else left * right


def _thresholds(picture: Picture, *metrics: str) -> list[Threshold]:
    """The limits of the whole on these metrics; where they are several, each names its own."""
    limits = () if picture.snapshot is None else picture.snapshot.limits
    return [
        _threshold(limit.metric, value, severity, named=len(metrics) > 1)
        for limit in limits
        if limit.metric in metrics
        for value, severity in (
            (limit.warning, Severity.WARNING),
            (limit.critical, Severity.CRITICAL),
        )
        if value is not None
    ]


def _threshold(metric: str, value: float, severity: Severity, named: bool) -> Threshold:
    series = metric.rpartition("_")[2] if named else ""
    words = (series, severity.word.lower(), limit_text(metric, value))
    return Threshold(value, " ".join(filter(None, words)), severity, series)
