"""Charts of one group beside those of latency and cost: how much fails, how fast it writes."""

from __future__ import annotations

from typing import Final

from llmmon_tui.model import Picture
from llmmon_tui.panels.charts import PLOTS, ChartPicture, Plot
from llmmon_tui.panels.metricchart import limits_of, metric_chart, metric_look


def _errors(picture: Picture) -> ChartPicture:
    metric = "error_rate"
    return metric_chart(picture, metric, "errors", limits_of(picture, metric), fill=True)


def _speed(picture: Picture) -> ChartPicture:
    metric = "tokens_per_second"
    return metric_chart(picture, metric, "tok/s", limits_of(picture, metric))


GROUP_PLOTS: Final = (
    *(plot for plot in PLOTS if plot.id in {"latency", "cost"}),
    Plot("errors", "Errors %", metric_look("error_rate"), _errors),
    Plot("speed", "Tok/s", metric_look("tokens_per_second"), _speed),
)
