"""Scores, refusals and the scored share over the window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, NamedTuple

from llmmon.protocol.names import SCORES
from llmmon_tui import formatting
from llmmon_tui.drawing.plot import ChartLook, ChartSeries, Threshold
from llmmon_tui.history import Points
from llmmon_tui.model import Picture
from llmmon_tui.panels.charts import PLOTS, ChartPicture
from llmmon_tui.panels.qualityquestions import SERIES, Point, Series
from llmmon_tui.periods import SECOND_NS
from llmmon_tui.severity import Severity

_QUALITY_PLOT: Final = next(plot for plot in PLOTS if plot.id == "quality")
_INKS: Final = ("series-1", "series-2", "series-4", "series-5", "series-6")
_RATIO_LOOK: Final = ChartLook(
    format_value=formatting.ratio, format_tick=formatting.axis_ratio, low=0.0
)
CHARTS: Final = ("scores", "refusals", "scored share")
"""What the chart can show, in the order of its key."""
_HALF: Final = 0.5
_MEAN: Final = "mean"
"""The series of the overview's chart that its limits are of."""


class Shown(NamedTuple):
    """A chart with its look, which follows the data where the scale has to."""

    look: ChartLook
    data: ChartPicture


def quality_chart(picture: Picture, name: str) -> Shown:
    """The chart of `CHARTS` that has this name."""
    match name:
        case "refusals":
            points = _points(picture, lambda point: point.refusal_rate)
            series = [ChartSeries("refused", points, "series-3", "mean", fill=True)]
            limits = _limits(picture, "refusal_rate")
            return Shown(_RATIO_LOOK, _data(picture, series, limits))
        case "scored share":
            points = _points(picture, _scored_share)
            series = [ChartSeries("scored", points, "series-2", "mean", fill=True)]
            return Shown(replace(_RATIO_LOOK, high=1.0), _data(picture, series, []))
    return _scores(picture)


def _scores(picture: Picture) -> Shown:
    """The mean as snapshots tell it, above the single scores that the store tells."""
    whole = _QUALITY_PLOT.draw(picture)
    single = [
        ChartSeries(name, _points(picture, _mean_of(name)), ink, "mean")
        for name, ink in zip(SCORES, _INKS, strict=True)
    ]
    told = [one for one in single if any(value is not None for _, value in one.points)]
    series = [*told, *whole.series]
    values = [value for one in series for _, value in one.points if value is not None]
    low = 0.0 if min(values, default=1.0) < _HALF else _HALF
    limits = [replace(limit, series=_MEAN) for limit in whole.thresholds]
    data = whole._replace(series=series, thresholds=limits)
    return Shown(replace(_QUALITY_PLOT.look, low=low), data)


def _mean_of(name: str) -> Callable[[Point], float | None]:
    return lambda point: point.means[name]


def _scored_share(point: Point) -> float | None:
    return point.scored / point.requests if point.requests else None


def _points(picture: Picture, value_of: Callable[[Point], float | None]) -> Points:
    """One point a bucket; a bucket without a request is a gap."""
    series = picture.answer(SERIES).value
    if not isinstance(series, Series):
        return []
    return [(point.start_ns / SECOND_NS, value_of(point)) for point in series.points]


def _data(picture: Picture, series: list[ChartSeries], thresholds: list[Threshold]) -> ChartPicture:
    whole = _QUALITY_PLOT.draw(picture)
    return whole._replace(series=series, thresholds=thresholds)


def _limits(picture: Picture, metric: str) -> list[Threshold]:
    limits = () if picture.snapshot is None else picture.snapshot.limits
    return [
        Threshold(value, f"{severity.word.lower()} {formatting.axis_ratio(value)}", severity)
        for limit in limits
        if limit.metric == metric
        for value, severity in (
            (limit.warning, Severity.WARNING),
            (limit.critical, Severity.CRITICAL),
        )
        if value is not None
    ]
