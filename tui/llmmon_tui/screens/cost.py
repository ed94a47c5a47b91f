"""What does it burn, by whom, and where does the month end?"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from llmmon_tui.keys import Key
from llmmon_tui.model import Picture
from llmmon_tui.panels import costtable, yesterday
from llmmon_tui.panels.budgetlist import budget_panel
from llmmon_tui.panels.costchart import COST_PLOT, burn_chart
from llmmon_tui.panels.costfigures import figures, notes
from llmmon_tui.panels.costquestions import BEYOND, TODAY, WINDOW, questions
from llmmon_tui.panels.orders import DEAREST
from llmmon_tui.questions import Question
from llmmon_tui.screens.board import BoardScreen
from llmmon_tui.screens.overview import empty_text
from llmmon_tui.screens.wishes import ViewWanted
from llmmon_tui.view import View, sorted_by
from llmmon_tui.widgets.chart import Chart
from llmmon_tui.widgets.livetable import LiveTable
from llmmon_tui.widgets.panel import Panel
from llmmon_tui.widgets.prose import Block


class CostScreen(BoardScreen):
    """Figures, burn chart and budgets, and who spends; the store is asked for days and months."""

    PLACE: ClassVar[str] = "cost"
    OFFERS: ClassVar[frozenset[str]] = frozenset({"group", "sort", "reverse", "maximise"})
    KEYS: ClassVar[tuple[Key, ...]] = ()
    CSS = (
        BoardScreen.CSS
        + """
    #cost-board { grid-size: 2; grid-rows: 1fr 40%; }
    #cost-spenders { column-span: 2; }
    .-short #cost-board { grid-rows: 1fr 8; }
    .-tiny #cost-board { grid-rows: 1fr; }
    .-normal.-tiny #cost-burn, .-normal.-tiny #cost-budgets { display: none; }
    .-wide.-tiny #cost-burn, .-wide.-tiny #cost-budgets { display: none; }
    """
    )

    def __init__(self) -> None:
        self.spenders = LiveTable(costtable.columns("model", 300), rests=True)
        self.chart = Chart(COST_PLOT.look)
        self.budgets = Block()
        super().__init__(
            (
                Panel("by model", self.spenders, id="cost-spenders"),
                Panel("Burn $/h", self.chart, id="cost-burn"),
                Panel("Budgets", self.budgets, id="cost-budgets"),
            )
        )
        self._beyond = ""
        """A grouping that snapshots do not know, while one is chosen."""
        self._columns = ("model", 300)

    def questions(self, picture: Picture) -> tuple[Question, ...]:
        return (*questions(picture, self._by(picture)), *yesterday.questions(picture))

    def operate(self, action: str, picture: Picture) -> View | None:
        if action == "maximise":
            self.maximise()
            return None
        if action != "group":
            return costtable.operated(action, picture.view)
        by, view = costtable.next_by(self._beyond or picture.view.by, picture.view)
        self._beyond = by if by in BEYOND else ""
        return view

    def on_live_table_header_selected(self, event: LiveTable.HeaderSelected) -> None:
        if self.picture is not None:
            view = sorted_by(self.picture.view, event.column, costtable.SORT_KEYS)
            self.post_message(ViewWanted(view))

    def on_live_table_row_selected(self, event: LiveTable.RowSelected) -> None:
        """Show the requests of a group, the dearest first."""
        picture = self.picture
        if picture is None:
            return
        shown = costtable.spenders(picture, self._by(picture))
        labels = next(
            (one.labels for one in shown if costtable.row_key(one.labels) == event.key), {}
        )
        if labels:
            drilled = costtable.requests_filter(picture.view.filter, labels)
            view = replace(picture.view, filter=drilled)
            self.post_message(ViewWanted(view, "requests", DEAREST.title))

    def paint_data(self, picture: Picture) -> None:
        self._paint_spenders(picture)
        shown = burn_chart(picture)
        self.chart.set_data(
            shown.series,
            shown.thresholds,
            shown.window_s,
            shown.now_s,
            end_label=shown.end_label,
        )
        self.budgets.show(lambda width, height: budget_panel(picture, width, height))
        self.paint_head(picture, figures(picture), notes(picture))

    def _paint_spenders(self, picture: Picture) -> None:
        by, table, view = self._by(picture), self.spenders, picture.view
        window_s = view.window_s if picture.window is None else picture.window.window_s
        if self._columns != (by, window_s):
            self._columns = (by, window_s)
            table.set_columns(costtable.columns(by, window_s))
        table.empty = self._empty_text(picture, by)
        table.set_sort(costtable.sort_key(view), view.descending)
        rows = costtable.spender_rows(picture, by)
        table.set_rows(rows)
        cut = "the dearest " if costtable.is_cut(picture) else ""
        unit = " (the store tells no month by it)" if by in BEYOND else ""
        self.panels["cost-spenders"].set_beside(f"{cut}{len(rows)}{unit}", f"by {by}")

    def _by(self, picture: Picture) -> str:
        if self._beyond:
            return self._beyond
        return picture.view.by if picture.snapshot is None else picture.snapshot.by

    def _empty_text(self, picture: Picture, by: str) -> str:
        answer = picture.answer(WINDOW if by in BEYOND else TODAY)
        if picture.snapshot is None or answer.value is not None or picture.is_empty:
            return empty_text(picture)
        return answer.error or "asking the collector …"
