"""Who is slow, dear, failing?"""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult

from llmmon_tui.model import Picture
from llmmon_tui.screens.monitor import MonitorScreen
from llmmon_tui.widgets.prose import Block


class ModelsScreen(MonitorScreen):
    """Who is slow, dear, failing?"""

    PLACE: ClassVar[str] = "models"

    def __init__(self) -> None:
        super().__init__()
        self.body = Block()

    def compose(self) -> ComposeResult:
        yield from self.compose_head()
        yield self.body
        yield from self.compose_foot()

    def paint_data(self, picture: Picture) -> None:
        self.body.redraw()
