"""Charts of one group beside those of latency and cost: how much fails, how fast it writes."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from llmmon_tui.model import Picture
from llmmon_tui.panels.charts import PLOTS, ChartPicture, Plot
from llmmon_tui.panels.groupfields import is_unpriced
from llmmon_tui.panels.metricchart import limits_of, metric_chart, metric_look


def _errors(picture: Picture) -> ChartPicture:
    metric = "error_rate"
    return metric_chart(picture, metric, "errors", limits_of(picture, metric), fill=True)


def _speed(picture: Picture) -> ChartPicture:
    metric = "tokens_per_second"
    return metric_chart(picture, metric, "tok/s", limits_of(picture, metric))


def _cost(picture: Picture) -> ChartPicture:
    """Of a group without a price, no curve: what nobody priced is not free."""
    if not is_unpriced(picture.total):
        return _PLOTS["cost"].draw(picture)
    return _PLOTS["cost"].draw(replace(picture, history=None))


_PLOTS: Final = {plot.id: plot for plot in PLOTS}
GROUP_PLOTS: Final = (
    _PLOTS["latency"],
    _PLOTS["cost"]._replace(draw=_cost),
    Plot("errors", "Errors %", metric_look("error_rate"), _errors),
    Plot("speed", "Tok/s", metric_look("tokens_per_second"), _speed),
)
