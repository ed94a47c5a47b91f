"""Do the parts answer? Are people told?"""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult

from llmmon_tui.model import Picture
from llmmon_tui.screens.monitor import MonitorScreen
from llmmon_tui.widgets.prose import Block


class HealthScreen(MonitorScreen):
    """Do the parts answer? Are people told?"""

    PLACE: ClassVar[str] = "health"

    def __init__(self) -> None:
        super().__init__()
        self.body = Block()

    def compose(self) -> ComposeResult:
        yield from self.compose_head()
        yield self.body
        yield from self.compose_foot()

    def paint_data(self, picture: Picture) -> None:
        self.body.redraw()
