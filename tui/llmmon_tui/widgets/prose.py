"""Lines of inked text made to the width there is: details to scroll through, and fixed blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Unpack

from textual.geometry import Size

from llmmon_tui.drawing.lines import Line
from llmmon_tui.widgets.linewidget import LineWidget, WidgetOptions

Draw = Callable[[int, int], Sequence[Line]]
"""Lines for so many columns and rows."""


class Block(LineWidget):
    """Draws what it was last told to, in the space it has."""

    DEFAULT_CSS = """
    Block { height: 1fr; width: 1fr; }
    """

    def __init__(self, **options: Unpack[WidgetOptions]) -> None:
        super().__init__(**options)
        self._draw: Draw = _nothing

    def show(self, draw: Draw) -> None:
        """Draw this from now on."""
        self._draw = draw
        self.redraw()

    def draw_lines(self, width: int, height: int) -> Sequence[Line]:
        return self._draw(width, height)


class Prose(LineWidget):
    """As tall as its text; put it into a scrolling container."""

    DEFAULT_CSS = """
    Prose { height: auto; width: 1fr; }
    """

    def __init__(self, **options: Unpack[WidgetOptions]) -> None:
        super().__init__(**options)
        self._write: Callable[[int], Sequence[Line]] = _no_text

    def show(self, write: Callable[[int], Sequence[Line]]) -> None:
        """Show the lines that `write` makes for a width; the layout only follows their number."""
        width = self.content_size.width
        is_as_tall = width > 0 and len(write(width)) == self.content_size.height
        self._write = write
        if not is_as_tall:
            self.refresh(layout=True)
        self.redraw()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._write(width))

    def draw_lines(self, width: int, height: int) -> Sequence[Line]:
        return self._write(width)[:height]


def _nothing(width: int, height: int) -> Sequence[Line]:
    return ()


def _no_text(width: int) -> Sequence[Line]:
    return ()
