"""One metric over the window as a chart, beside the same time yesterday where that is compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from llmmon_tui import formatting
from llmmon_tui.drawing.buckets import Policy
from llmmon_tui.drawing.plot import ChartLook, ChartSeries, Threshold
from llmmon_tui.history import History
from llmmon_tui.model import Picture
from llmmon_tui.panels import yesterday
from llmmon_tui.panels.charts import ChartPicture
from llmmon_tui.panels.values import clock_text, limit_text, metric_of
from llmmon_tui.severity import Severity

_LOOKS: Final = {
    "ms": ChartLook(format_value=formatting.duration, format_tick=formatting.axis_duration),
    "usd": ChartLook(format_value=formatting.money, format_tick=formatting.axis_money),
    "ratio": ChartLook(format_value=formatting.ratio, format_tick=formatting.axis_ratio),
    "score": ChartLook(format_value=formatting.score, worst="low", low=0.5, high=1.0),
}
_SECOND_NS: Final = 1_000_000_000
_OTHER: Final = ChartLook(format_value=formatting.rate)
_HIGHEST: Final = frozenset({"ms", "ratio"})


def metric_look(metric: str) -> ChartLook:
    """Axis and forms by the metric's unit."""
    known = metric_of(metric)
    return _OTHER if known is None else _LOOKS.get(known.unit, _OTHER)


def metric_chart(
    picture: Picture, metric: str, name: str, thresholds: Sequence[Threshold], *, fill: bool = False
) -> ChartPicture:
    """The metric as the picture's history tells it."""
    window = picture.window
    window_s = picture.view.window_s if window is None else window.window_s
    policy = policy_of(metric)
    points = [] if picture.history is None else picture.history.points(metric, picture.at_ns)
    series = [ChartSeries(name, points, "series-2", policy, fill)]
    if picture.view.compare:
        old = yesterday.points(picture, metric)
        series.append(ChartSeries("yesterday", old, "series-4", policy))
    end_label = "now" if picture.held is None else clock_text(picture.at_ns)
    return ChartPicture(series, list(thresholds), window_s, picture.at_ns / 1e9, end_label)


def history_chart(
    history: History | None,
    metric: str,
    until_ns: int,
    thresholds: Sequence[Threshold],
    end_label: str = "now",
) -> ChartPicture:
    """The metric over a span of its own that ends at `until_ns`."""
    points = [] if history is None else history.points(metric, until_ns)
    series = [ChartSeries(metric, points, "series-2", policy_of(metric))]
    window_s = 300 if history is None else history.window_s
    return ChartPicture(series, list(thresholds), window_s, until_ns / 1e9, end_label)


def each_text(history: History | None) -> str:
    """What the figures of a legend are over, unlike those of tiles and tables: `each 5s`."""
    if history is None:
        return ""
    step_s = history.step_ns / _SECOND_NS
    return f"each {f'{step_s:.3g}s' if step_s < 60 else formatting.age(step_s)}"


def limits_of(picture: Picture, metric: str) -> list[Threshold]:
    """The limits of the whole on a metric."""
    limits = () if picture.snapshot is None else picture.snapshot.limits
    pairs = (
        (value, severity)
        for limit in limits
        if limit.metric == metric
        for value, severity in (
            (limit.warning, Severity.WARNING),
            (limit.critical, Severity.CRITICAL),
        )
    )
    return [limit_line(metric, value, severity) for value, severity in pairs if value is not None]


def limit_line(metric: str, value: float, severity: Severity) -> Threshold:
    """A limit to draw: `warn 5s`."""
    return Threshold(value, f"{severity.word.lower()} {limit_text(metric, value)}", severity)


def policy_of(metric: str) -> Policy:
    """Of several values in one column, the highest where that is what hurts, else their mean."""
    known = metric_of(metric)
    return "max" if known is not None and known.unit in _HIGHEST else "mean"
