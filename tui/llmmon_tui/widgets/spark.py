"""A one-row history of a value on a fixed scale."""

from collections.abc import Sequence
from typing import Unpack

from llmmon_tui.drawing.lines import Line
from llmmon_tui.drawing.spark import spark
from llmmon_tui.severity import Severity
from llmmon_tui.widgets.linewidget import LineWidget, WidgetOptions


class Spark(LineWidget):
    """Blocks from 0 to `maximum`, all in the one colour of the severity."""

    DEFAULT_CSS = """
    Spark { height: 1; width: 1fr; }
    """

    def __init__(
        self,
        maximum: float = 1.0,
        **options: Unpack[WidgetOptions],
    ) -> None:
        super().__init__(**options)
        self.maximum = maximum
        self._values: Sequence[float | None] = ()
        self._severity = Severity.OK

    def set_data(
        self,
        values: Sequence[float | None],
        severity: Severity = Severity.OK,
        maximum: float | None = None,
    ) -> None:
        """Show the values, the newest last; `maximum` replaces the scale's end where given."""
        self._values = values
        self._severity = severity
        self.maximum = self.maximum if maximum is None else maximum
        self.redraw()

    def draw_lines(self, width: int, height: int) -> Sequence[Line]:
        return [((spark(self._values, width, self.maximum), self._severity.ink),)]
