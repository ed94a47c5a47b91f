"""A tile for one key figure."""

from collections.abc import Sequence
from typing import Unpack

from textual.message import Message

from llmmon_tui.drawing.lines import Line
from llmmon_tui.drawing.tile import TileData, Trend, draw_tile
from llmmon_tui.widgets.linewidget import LineWidget, WidgetOptions

__all__ = ["Tile", "TileData", "Trend"]


class Tile(LineWidget):
    """Draws `TileData` in the form that its size allows: two rows, one row, or compact."""

    DEFAULT_CSS = """
    Tile { height: 2; width: 1fr; }
    Tile.-chosen { background: $panel; }
    """

    class Opened(Message):
        """A click: what makes this figure up?"""

        def __init__(self, tile_id: str) -> None:
            super().__init__()
            self.tile_id = tile_id

    def __init__(
        self,
        title: str = "",
        *,
        show_title: bool = True,
        **options: Unpack[WidgetOptions],
    ) -> None:
        super().__init__(**options)
        self.show_title = show_title
        self._data = TileData(title, "—")

    def set_data(self, data: TileData) -> None:
        """Show a new figure."""
        self._data = data
        self.redraw()

    def draw_lines(self, width: int, height: int) -> Sequence[Line]:
        return draw_tile(self._data, width, height, self.show_title)

    def on_click(self) -> None:
        self.post_message(self.Opened(self.id or ""))
