"""A widget that draws lines and repaints only those that changed."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypedDict, Unpack

from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from llmmon_tui.drawing.lines import Line
from llmmon_tui.widgets.ink import COMPONENT_CLASSES, ink_css, ink_strip


class WidgetOptions(TypedDict, total=False):
    """What every Textual widget takes besides its own arguments."""

    name: str | None
    id: str | None
    classes: str | None


def line_regions(changed: Iterable[int], width: int) -> Iterator[Region]:
    """Regions over line numbers (ascending), neighbours joined."""
    start = end = -1
    for y in changed:
        if y != end:
            if end > start:
                yield Region(0, start, width, end - start)
            start = y
        end = y + 1
    if end > start:
        yield Region(0, start, width, end - start)


class LineWidget(Widget):
    """Base of the drawings. A subclass overrides `draw_lines` and calls `redraw` on new data."""

    COMPONENT_CLASSES = COMPONENT_CLASSES
    DEFAULT_CSS = ink_css("LineWidget")

    def __init__(self, **options: Unpack[WidgetOptions]) -> None:
        super().__init__(**options)
        self.lines_drawn = 0
        """Lines given to the screen since the start: what a repaint costs."""
        self._lines: list[Line] = []
        self._strips: dict[int, Strip] = {}

    def draw_lines(self, width: int, height: int) -> Sequence[Line]:
        """The picture as at most `height` lines of exactly `width` cells; the base is blank."""
        return ()

    def redraw(self) -> None:
        """Draw again and repaint the lines that came out different."""
        width, height = self.content_size
        if width <= 0 or height <= 0:
            return
        before, self._lines = self._lines, list(self.draw_lines(width, height))
        changed = [y for y in range(height) if _line_at(before, y) != _line_at(self._lines, y)]
        for y in changed:
            self._strips.pop(y, None)
        for region in line_regions(changed, width):
            self.refresh(region)

    def render_line(self, y: int) -> Strip:
        self.lines_drawn += 1
        strip = self._strips.get(y)
        if strip is None:
            blank: Line = ((" " * self.content_size.width, "plain"),)
            strip = ink_strip(self, _line_at(self._lines, y) or blank)
            self._strips[y] = strip
        return strip

    def notify_style_update(self) -> None:
        self._strips.clear()
        super().notify_style_update()

    def on_resize(self, event: events.Resize) -> None:
        self._strips.clear()
        self._lines = []
        self.redraw()
        # lines of the old size may have been painted since: also the blank ones come anew
        self.refresh()


def _line_at(lines: Sequence[Line], y: int) -> Line | None:
    return lines[y] if y < len(lines) else None
