"""Do the parts answer? Are people told?"""

from __future__ import annotations

from typing import ClassVar

from llmmon.protocol.snapshot import HealthView
from llmmon_tui.model import Picture
from llmmon_tui.panels import collectorlines as collector
from llmmon_tui.panels import healthboard as board
from llmmon_tui.panels.checkdetail import find_check
from llmmon_tui.panels.healthquestions import questions
from llmmon_tui.questions import Question
from llmmon_tui.screens.detailboard import DetailBoard
from llmmon_tui.screens.wishes import CheckWanted, ViewWanted
from llmmon_tui.view import View
from llmmon_tui.widgets.livetable import LiveTable
from llmmon_tui.widgets.panel import Panel
from llmmon_tui.widgets.prose import Block


class HealthScreen(DetailBoard):
    """Checks and the one under the cursor; channels; the collector and its agents."""

    PLACE: ClassVar[str] = "health"
    NAME: ClassVar[str] = "health"
    OFFERS: ClassVar[frozenset[str]] = frozenset({"maximise"})
    CSS = (
        DetailBoard.CSS
        + """
    #health-board { grid-size: 2; grid-columns: 3fr 2fr; grid-rows: 1fr 1fr 7; }
    #health-channels { column-span: 2; }
    .-normal.-short #health-board, .-wide.-short #health-board { grid-rows: 1fr 1fr; }
    .-normal.-tiny #health-board, .-wide.-tiny #health-board { grid-rows: 1fr; }
    .-normal.-short #health-board > .-last, .-wide.-short #health-board > .-last { display: none; }
    .-normal.-tiny #health-board > .-under, .-wide.-tiny #health-board > .-under { display: none; }
    """
    )

    def __init__(self) -> None:
        self.checks = LiveTable(board.COLUMNS, empty="")
        self.agents = LiveTable(collector.AGENTS, empty="")
        self.detail = Block()
        self.collector = Block()
        self.channels = Block()
        super().__init__(
            (
                Panel("Checks", self.checks, id="health-checks"),
                Panel("Check", self.detail, id="health-check"),
                Panel("Agents", self.agents, id="health-agents", classes="-under"),
                Panel("Collector", self.collector, id="health-collector", classes="-under"),
                Panel("Channels", self.channels, id="health-channels", classes="-under -last"),
            ),
            below="health-check",
        )

    def questions(self, picture: Picture) -> tuple[Question, ...]:
        return questions(picture, self._check(picture))

    def operate(self, action: str, picture: Picture) -> View | None:
        if action == "maximise":
            self.maximise()
        return None

    def on_live_table_row_selected(self, event: LiveTable.RowSelected) -> None:
        if event.table is self.checks:
            self.post_message(CheckWanted(event.key))

    def on_live_table_row_highlighted(self, event: LiveTable.RowHighlighted) -> None:
        if event.table is self.checks and self.picture is not None:
            self.post_message(ViewWanted(self.picture.view))

    def paint_data(self, picture: Picture) -> None:
        self.checks.empty = board.empty_text(picture)
        self.checks.set_rows(board.check_rows(picture))
        check = self._check(picture)
        self.detail.show(lambda width, height: board.detail_lines(picture, check, width))
        self.agents.empty = collector.agents_empty(picture)
        self.agents.set_rows(collector.agent_rows(picture))
        title, beside = collector.agents_title(picture)
        self.panels["health-agents"].set_beside(beside, title)
        self.collector.show(lambda width, height: collector.collector_lines(picture, width))
        self.channels.show(lambda width, height: collector.channels_told(picture, width))
        self.panels["health-channels"].set_beside(collector.channels_beside(picture))
        self.panels["health-checks"].set_beside("worst first")
        self.paint_board(picture, board.verdict(picture))

    def _check(self, picture: Picture) -> HealthView | None:
        key = self.checks.cursor_key
        return None if key is None else find_check(picture, key)
