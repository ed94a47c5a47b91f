"""A status line whose least important segments leave first when the terminal is narrow."""

from collections.abc import Sequence
from typing import Unpack

from llmmon_tui.drawing.lines import Line
from llmmon_tui.drawing.priority import Segment, status_line
from llmmon_tui.widgets.linewidget import LineWidget, WidgetOptions

__all__ = ["Segment", "StatusLine"]


class StatusLine(LineWidget):
    """One line of segments; see `Segment` for priorities and sides."""

    DEFAULT_CSS = """
    StatusLine { height: 1; width: 1fr; }
    """

    def __init__(
        self,
        gap: str = "  ",
        **options: Unpack[WidgetOptions],
    ) -> None:
        super().__init__(**options)
        self.gap = gap
        self._segments: Sequence[Segment] = ()

    def set_segments(self, segments: Sequence[Segment]) -> None:
        """Show these; segments with empty text are left out."""
        self._segments = segments
        self.redraw()

    def draw_lines(self, width: int, height: int) -> Sequence[Line]:
        return [status_line(self._segments, width, self.gap)]
