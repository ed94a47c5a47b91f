"""A live chart of one to six series with their limits drawn in."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Unpack

from llmmon_tui.drawing.braille import Marker
from llmmon_tui.drawing.lines import Line
from llmmon_tui.drawing.plot import ChartData, ChartLook, ChartSeries, Threshold, draw_chart
from llmmon_tui.drawing.scale import Axis
from llmmon_tui.severity import ASCII_CLASS
from llmmon_tui.widgets.linewidget import LineWidget, WidgetOptions

__all__ = ["Chart", "ChartLook", "ChartSeries", "Threshold"]


class Chart(LineWidget):
    """Draws `ChartSeries` over a time window; see `ChartLook` for units, axis and markers."""

    DEFAULT_CSS = """
    Chart { height: 1fr; width: 1fr; }
    """

    def __init__(
        self,
        look: ChartLook | None = None,
        **options: Unpack[WidgetOptions],
    ) -> None:
        super().__init__(**options)
        self.look = look or ChartLook()
        self._data = ChartData()
        self._axis: Axis | None = None

    def set_data(
        self,
        series: Sequence[ChartSeries],
        thresholds: Sequence[Threshold],
        window_s: float,
        now_s: float,
        *,
        cursor_s: float | None = None,
        end_label: str = "now",
    ) -> None:
        """Show `window_s` seconds up to `now_s`; `cursor_s` puts a time cursor and its values."""
        if window_s != self._data.window_s:
            self._axis = None
        self._data = ChartData(series, thresholds, window_s, now_s, cursor_s, end_label)
        self.redraw()

    def set_marker(self, marker: Marker) -> None:
        """Draw with other dots: `braille`, `block` or `ascii`."""
        self.look = replace(self.look, marker=marker)
        self.redraw()

    def draw_lines(self, width: int, height: int) -> Sequence[Line]:
        ascii_only = self.app.has_class(ASCII_CLASS)
        look = replace(self.look, marker="ascii") if ascii_only else self.look
        drawing = draw_chart(self._data, look, width, height, self._axis)
        self._axis = drawing.axis
        return drawing.lines
