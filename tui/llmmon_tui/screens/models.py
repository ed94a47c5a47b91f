"""Who is slow, dear, failing?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Final

from llmmon.protocol.snapshot import Group
from llmmon_tui.drawing.priority import Segment
from llmmon_tui.model import Picture
from llmmon_tui.panels import groups
from llmmon_tui.panels.groupcharts import GROUP_PLOTS
from llmmon_tui.panels.groupdetail import detail_lines, leaders
from llmmon_tui.panels.groupfields import MODELS, sortable
from llmmon_tui.panels.grouplist import GroupList
from llmmon_tui.panels.groupquestions import narrowed, questions
from llmmon_tui.panels.metricchart import each_text
from llmmon_tui.panels.pastnotes import unknown_text
from llmmon_tui.panels.values import labels_text
from llmmon_tui.questions import Question
from llmmon_tui.screens.detailboard import DetailBoard
from llmmon_tui.screens.overview import empty_text
from llmmon_tui.screens.wishes import ViewWanted
from llmmon_tui.view import View, sorted_by
from llmmon_tui.widgets.chart import Chart
from llmmon_tui.widgets.livetable import LiveTable
from llmmon_tui.widgets.panel import Panel
from llmmon_tui.widgets.prose import Block

_NAME_WIDTH: Final = 10


class ModelsScreen(DetailBoard):
    """All groups in one table; the one under the cursor in charts and words."""

    PLACE: ClassVar[str] = "models"
    NAME: ClassVar[str] = groups.GROUPS
    OFFERS: ClassVar[frozenset[str]] = frozenset({"group", "sort", "reverse", "maximise"})
    CSS = (
        DetailBoard.CSS
        + """
    #models-board { grid-size: 3; grid-columns: 1fr 1fr 58; grid-rows: 5fr 3fr 3fr; }
    #models-groups { column-span: 3; }
    #models-group { row-span: 2; }
    .-tall #models-board { grid-rows: 1fr 12 12; }
    .-normal #models-board { grid-columns: 1fr 1fr 48; }
    .-normal.-short #models-board, .-wide.-short #models-board { grid-rows: 1fr 6 6; }
    .-normal.-tiny #models-board > .-beside { display: none; }
    .-wide.-tiny #models-board > .-beside { display: none; }
    .-normal.-tiny #models-board, .-wide.-tiny #models-board { grid-rows: 1fr; }
    """
    )

    def __init__(self) -> None:
        self.groups = LiveTable(groups.columns("model", MODELS, _NAME_WIDTH), rests=True)
        self.charts = {plot.id: Chart(plot.look) for plot in GROUP_PLOTS}
        self.detail = Block()
        charts = [
            Panel(plot.title, self.charts[plot.id], id=f"models-{plot.id}", classes="-beside")
            for plot in GROUP_PLOTS
        ]
        super().__init__(
            (
                Panel("by model", self.groups, id="models-groups"),
                *charts[:2],
                Panel("Group", self.detail, id="models-group", classes="-beside"),
                *charts[2:],
            ),
            below="models-group",
        )
        self._by = "model"
        self._known = GroupList()

    def questions(self, picture: Picture) -> tuple[Question, ...]:
        return questions(picture, self._labels(picture))

    def operate(self, action: str, picture: Picture) -> View | None:
        if action == "maximise":
            self.maximise()
            return None
        return groups.operated(action, picture, MODELS)

    def on_live_table_header_selected(self, event: LiveTable.HeaderSelected) -> None:
        if self.picture is not None:
            view = sorted_by(self.picture.view, event.column, sortable(MODELS))
            self.post_message(ViewWanted(view))

    def on_live_table_row_highlighted(self) -> None:
        if self.picture is not None:
            self.post_message(ViewWanted(self.picture.view))

    def on_live_table_row_selected(self, event: LiveTable.RowSelected) -> None:
        """Narrow to a group; one that is narrowed to already shows its requests."""
        if self.picture is None:
            return
        view, labels = self.picture.view, self._labels_of(event.key, self.picture)
        place = "requests" if view.where == labels else ""
        self.post_message(ViewWanted(replace(view, where=labels), place))

    def paint_data(self, picture: Picture) -> None:
        self._paint_table(picture)
        group = self._group(picture)
        shown = picture if group is None else narrowed(picture, group.labels)
        for plot in GROUP_PLOTS:
            drawn = plot.draw(shown)
            self.charts[plot.id].set_data(
                drawn.series,
                drawn.thresholds,
                drawn.window_s,
                drawn.now_s,
                end_label=drawn.end_label,
            )
            self.panels[f"models-{plot.id}"].set_beside(each_text(shown.history))
        self.detail.show(lambda width, height: detail_lines(picture, group, width, height))
        name = "" if group is None else labels_text(group.labels)
        self.panels["models-group"].set_beside(name)
        self.paint_board(picture, _notes(picture, tuple(self._known.of(picture.window).values())))

    def _paint_table(self, picture: Picture) -> None:
        by = picture.view.by if picture.snapshot is None else picture.snapshot.by
        if by != self._by:
            self._by = by
            self.groups.set_columns(groups.columns(by, MODELS, _NAME_WIDTH))
        self.groups.empty = unknown_text(picture) or empty_text(picture)
        descending = groups.is_descending(picture, MODELS)
        self.groups.set_sort(groups.sort_key(picture, MODELS), descending)
        self.groups.set_rows(groups.group_rows(picture, MODELS, self._known))
        title = f"by {by}  {len(self.groups.rows)}"
        self.panels["models-groups"].set_beside(groups.sort_text(picture, MODELS), title)

    def _labels(self, picture: Picture) -> Mapping[str, str]:
        return self._labels_of(self.groups.cursor_key, picture)

    def _labels_of(self, key: str | None, picture: Picture) -> Mapping[str, str]:
        group = self._known.of(picture.window).get(key or "")
        return {} if group is None else group.labels

    def _group(self, picture: Picture) -> Group | None:
        return self._known.of(picture.window).get(self.groups.cursor_key or "")


def _notes(picture: Picture, known: Sequence[Group]) -> list[Segment]:
    """Who is slow, dear and failing; where it is narrowed to one, how to go on."""
    where = picture.view.where
    if not where:
        return leaders(picture, known)
    name = labels_text(where)
    return [
        Segment(f"narrowed to {name}", "accent", 9),
        Segment("enter shows its requests", "muted"),
    ]
