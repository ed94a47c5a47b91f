"""What it burns over the window, in USD an hour, with the pace that the budgets allow."""

from __future__ import annotations

from typing import Final

from llmmon.protocol.snapshot import BudgetView
from llmmon_tui.drawing.plot import Threshold
from llmmon_tui.formatting import axis_money, clean
from llmmon_tui.model import Picture
from llmmon_tui.panels.charts import PLOTS, ChartPicture
from llmmon_tui.periods import HOUR_NS, midnight_ns, month_start_ns, next_month_ns
from llmmon_tui.severity import Severity

COST_PLOT: Final = next(plot for plot in PLOTS if plot.id == "cost")
_MOST_LINES: Final = 3
_PACE: Final = "pace"
"""No series is held to it: to burn faster for a while breaches no budget."""


def burn_chart(picture: Picture) -> ChartPicture:
    """The chart of the overview with a line for each budget on what is shown, the lowest first."""
    shown = COST_PLOT.draw(picture)
    return shown._replace(thresholds=[*shown.thresholds, *_budget_lines(picture)])


def allowed_usd_per_hour(budget: BudgetView, at_ns: int) -> float:
    """The even pace at which a budget's limit lasts for just its period."""
    if budget.period == "day":
        length_ns = midnight_ns(at_ns, -1) - midnight_ns(at_ns)
    else:
        length_ns = next_month_ns(at_ns) - month_start_ns(at_ns)
    return budget.limit_usd * HOUR_NS / length_ns


def _budget_lines(picture: Picture) -> list[Threshold]:
    budgets = () if picture.snapshot is None else picture.snapshot.budgets
    held_to = [one for one in budgets if dict(one.labels) == dict(picture.view.where)]
    lines = [(allowed_usd_per_hour(one, picture.at_ns), one) for one in held_to]
    return [
        Threshold(pace, f"{clean(one.name)} {axis_money(pace)}/h", Severity.OK, _PACE)
        for pace, one in sorted(lines, key=lambda pair: pair[0])[:_MOST_LINES]
    ]
