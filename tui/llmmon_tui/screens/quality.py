"""Are the answers good, and do they drift?"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Final

from textual.binding import Binding, BindingType

from llmmon_tui.keys import Key
from llmmon_tui.model import Picture
from llmmon_tui.panels import qualitytable, yesterday
from llmmon_tui.panels.costtable import requests_filter
from llmmon_tui.panels.orders import POOREST
from llmmon_tui.panels.qualitychart import CHARTS, quality_chart
from llmmon_tui.panels.qualityfigures import figures, notes
from llmmon_tui.panels.qualityquestions import WORST, questions
from llmmon_tui.panels.qualityspread import spread_lines
from llmmon_tui.questions import Question
from llmmon_tui.screens.board import BoardScreen
from llmmon_tui.screens.lists import keys_of
from llmmon_tui.screens.overview import empty_text
from llmmon_tui.screens.wishes import TraceWanted, ViewWanted
from llmmon_tui.view import View, sorted_by
from llmmon_tui.widgets.chart import Chart
from llmmon_tui.widgets.livetable import LiveTable
from llmmon_tui.widgets.panel import Panel
from llmmon_tui.widgets.prose import Block

_NEXT_CHART: Final = Key(
    "next_chart",
    "n",
    "n",
    "chart",
    "Quality: scores, refusals or the scored share in the chart",
    "screen",
    40,
)


class QualityScreen(BoardScreen):
    """Figures, scores over time, how they are spread, by group, and the worst requests."""

    PLACE: ClassVar[str] = "quality"
    OFFERS: ClassVar[frozenset[str]] = frozenset({"group", "sort", "reverse", "maximise"})
    KEYS: ClassVar[tuple[Key, ...]] = (_NEXT_CHART,)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key.keys, key.action, key.label, show=False) for key in KEYS
    ]
    CSS = (
        BoardScreen.CSS
        + """
    #quality-board { grid-size: 2; grid-rows: 38% 1fr; }
    .-normal #quality-board { grid-rows: 40% 1fr 1fr; }
    .-normal #quality-groups, .-normal #quality-worst { column-span: 2; }
    .-normal.-short #quality-board, .-normal.-tiny #quality-board { grid-rows: 50% 1fr; }
    .-normal.-short #quality-worst, .-normal.-tiny #quality-worst { display: none; }
    """
    )

    def __init__(self) -> None:
        self.chart = Chart()
        self.spread = Block()
        self.groups = LiveTable(qualitytable.columns("model"), rests=True)
        self.worst_table = LiveTable(qualitytable.WORST_COLUMNS, rests=True)
        super().__init__(
            (
                Panel("Scores", self.chart, id="quality-scores"),
                Panel("Spread and drift", self.spread, id="quality-spread"),
                Panel("by model", self.groups, id="quality-groups"),
                Panel("Worst", self.worst_table, id="quality-worst"),
            ),
            first="quality-groups",
        )
        self._chart = CHARTS[0]
        self._by = "model"

    def questions(self, picture: Picture) -> tuple[Question, ...]:
        return (*questions(picture), *yesterday.questions(picture))

    def operate(self, action: str, picture: Picture) -> View | None:
        if action == "maximise":
            self.maximise()
            return None
        return qualitytable.operated(action, picture.view)

    def action_next_chart(self) -> None:
        """Show the next thing over time."""
        self._chart = CHARTS[(CHARTS.index(self._chart) + 1) % len(CHARTS)]
        if self.picture is not None:
            self.paint_data(self.picture)

    def on_live_table_header_selected(self, event: LiveTable.HeaderSelected) -> None:
        if self.picture is not None and event.table is self.groups:
            view = sorted_by(self.picture.view, event.column, qualitytable.SORT_KEYS)
            self.post_message(ViewWanted(view))

    def on_live_table_row_selected(self, event: LiveTable.RowSelected) -> None:
        """A request's trace; of a group its requests, the worst first."""
        if event.table is self.worst_table:
            self.post_message(TraceWanted(event.key, keys_of(event.table)))
            return
        picture = self.picture
        labels = {} if picture is None else qualitytable.group_labels(picture, event.key)
        if picture is not None and labels:
            drilled = requests_filter(picture.view.filter, labels)
            view = replace(picture.view, filter=drilled)
            self.post_message(ViewWanted(view, "requests", POOREST.title))

    def paint_data(self, picture: Picture) -> None:
        self._paint_chart(picture)
        self._paint_groups(picture)
        self._paint_worst(picture)
        self.spread.show(lambda width, height: spread_lines(picture, width, height))
        self.paint_head(picture, figures(picture), notes(picture))

    def _paint_chart(self, picture: Picture) -> None:
        look, data = quality_chart(picture, self._chart)
        self.chart.look = look
        self.chart.set_data(
            data.series, data.thresholds, data.window_s, data.now_s, end_label=data.end_label
        )
        self.panels["quality-scores"].set_beside("n: next", self._chart.capitalize())

    def _paint_groups(self, picture: Picture) -> None:
        by = picture.view.by if picture.snapshot is None else picture.snapshot.by
        if by != self._by:
            self._by = by
            self.groups.set_columns(qualitytable.columns(by))
        self.groups.empty = empty_text(picture)
        self.groups.set_sort(
            qualitytable.sort_key(picture.view), qualitytable.is_descending(picture.view)
        )
        self.groups.set_rows(qualitytable.group_rows(picture))
        self.panels["quality-groups"].set_beside(f"{len(self.groups.rows)}", f"by {by}")

    def _paint_worst(self, picture: Picture) -> None:
        answer = picture.answer(WORST)
        if answer.value is not None and picture.snapshot is not None and not picture.is_empty:
            passing = " that passes the filter" if picture.view.filter else ""
            self.worst_table.empty = f"no scored request in this window{passing}"
        elif picture.snapshot is None or picture.is_empty:
            self.worst_table.empty = empty_text(picture)
        else:
            self.worst_table.empty = answer.error or "asking the collector …"
        self.worst_table.set_rows(qualitytable.worst_rows(picture))
        self.panels["quality-worst"].set_beside("enter: trace")
