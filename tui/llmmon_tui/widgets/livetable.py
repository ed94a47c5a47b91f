"""A table for rows that change and move all the time.

It draws the visible rows only, repaints the lines that changed only, and ties its cursor to the key
of a row, so that an operator who is about to act on a row does not act on the one that took its
place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Unpack

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from llmmon_tui.drawing.lines import Line, fit_line
from llmmon_tui.drawing.rowlist import LazyRows, place_of
from llmmon_tui.drawing.table import Cell, Column, Layout, Row, header_line, lay_out, row_line
from llmmon_tui.formatting import fit
from llmmon_tui.widgets.ink import COMPONENT_CLASSES, ink_css, ink_strip
from llmmon_tui.widgets.linewidget import WidgetOptions, line_regions

__all__ = ["Cell", "Column", "LiveTable", "Row"]

HEADER_LINES = 1


class LiveTable(ScrollView, can_focus=True):
    """Shows `Row`s under `Column`s in the order given; it does not sort by itself."""

    COMPONENT_CLASSES = COMPONENT_CLASSES | {"livetable--cursor"}
    DEFAULT_CSS = (
        ink_css("LiveTable")
        + """
    LiveTable { height: 1fr; width: 1fr; overflow-x: hidden; scrollbar-size-vertical: 1; }
    LiveTable > .livetable--cursor { background: $surface; }
    LiveTable:focus > .livetable--cursor { background: $panel; text-style: bold; }
    """
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False, id="table.up"),
        Binding("down,j", "move(1)", "Down", show=False, id="table.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="table.page_up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="table.page_down"),
        Binding("home", "first", "First", show=False, id="table.first"),
        Binding("G,end", "last", "Last", show=False, id="table.last"),
        Binding("enter", "select", "Open", show=False, id="table.select"),
    ]

    @dataclass
    class RowHighlighted(Message):
        """The cursor came to another row; `key` is None when there are no rows."""

        table: "LiveTable"
        key: str | None

        @property
        def control(self) -> "LiveTable":
            return self.table

    @dataclass
    class RowSelected(Message):
        """Enter or a double click on a row."""

        table: "LiveTable"
        key: str

        @property
        def control(self) -> "LiveTable":
            return self.table

    @dataclass
    class HeaderSelected(Message):
        """A click on a column title."""

        table: "LiveTable"
        column: str

        @property
        def control(self) -> "LiveTable":
            return self.table

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        empty: str = "no data yet",
        rests: bool = False,
        **options: Unpack[WidgetOptions],
    ) -> None:
        super().__init__(**options)
        self.columns = tuple(columns)
        self.empty = empty
        self._rests = rests
        self.lines_drawn = 0
        """Lines given to the screen since the start: what a repaint costs."""
        self._rows: Sequence[Row] = ()
        self._cursor = 0
        self._follow = False
        self._sort: tuple[str | None, bool] = (None, True)
        self._shown: dict[int, Line] = {}

    @property
    def cursor_key(self) -> str | None:
        """Key of the row under the cursor; None when there are no rows."""
        return self._rows[self._cursor].key if self._rows else None

    @property
    def rows(self) -> Sequence[Row]:
        """The rows shown, in order."""
        return self._rows

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Show these rows. The cursor stays with its row, or goes to the nearest when that left.

        In a table that `rests` it is on the first row until the operator moves it. Once a key or a
        click has moved the cursor, the view scrolls along with it.
        """
        before = self.cursor_key
        self._rows = rows if isinstance(rows, LazyRows) else tuple(rows)
        self._cursor = self._place_of(before)
        size = Size(0, len(self._rows) + HEADER_LINES)
        if size != self.virtual_size:
            self.virtual_size = size
        if self._follow:
            self._scroll_to_cursor()
        self._repaint_changed()
        self._tell_of_cursor(before)

    def set_sort(self, column: str | None, descending: bool = True) -> None:
        """Mark a column as the one that the rows are sorted by."""
        if (column, descending) != self._sort:
            self._sort = (column, descending)
            self._repaint_changed()

    def set_columns(self, columns: Sequence[Column]) -> None:
        """Replace the columns; rows set afterwards must follow them."""
        self.columns = tuple(columns)
        self._repaint_changed()

    def move_cursor_to(self, key: str) -> bool:
        """Put the cursor on a row and bring it into view; False when there is no such row."""
        place = place_of(self._rows, key)
        if place is not None:
            self._move_to(place)
        return place is not None

    def render_line(self, y: int) -> Strip:
        self.lines_drawn += 1
        line = self._shown[y] = self._line(y)
        is_cursor = bool(self._rows) and self._row_at(y) == self._cursor
        over = self.get_component_rich_style("livetable--cursor", partial=True)
        return ink_strip(self, line, over if is_cursor else None)

    def on_resize(self) -> None:
        if self._follow:
            self._scroll_to_cursor()

    def on_focus(self) -> None:
        self._repaint_changed()

    def on_blur(self) -> None:
        self._repaint_changed()

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None:
            return
        if offset.y < HEADER_LINES:
            column = self._layout().column_at(offset.x)
            if column is not None:
                self.post_message(self.HeaderSelected(self, column.key))
            return
        place = self._row_at(offset.y)
        if 0 <= place < len(self._rows):
            self._move_to(place)
            if event.chain >= 2:
                self.action_select()

    def action_move(self, rows: int) -> None:
        """Move the cursor by so many rows, down when positive."""
        self._move_to(self._cursor + rows)

    def action_page(self, pages: int) -> None:
        """Move the cursor by so many screens, down when positive."""
        self._move_to(self._cursor + pages * max(1, self._page_height() - 1))

    def action_first(self) -> None:
        """Move the cursor to the first row."""
        self._move_to(0)

    def action_last(self) -> None:
        """Move the cursor to the last row."""
        self._move_to(len(self._rows) - 1)

    def action_select(self) -> None:
        """Post `RowSelected` for the row under the cursor."""
        key = self.cursor_key
        if key is not None:
            self.post_message(self.RowSelected(self, key))

    def _place_of(self, key: str | None) -> int:
        if self._rests and not self._follow:
            return 0
        place = None if key is None else place_of(self._rows, key)
        if place is not None:
            return place
        return max(0, min(self._cursor, len(self._rows) - 1))

    def _move_to(self, place: int) -> None:
        before = self.cursor_key
        self._cursor = max(0, min(place, len(self._rows) - 1))
        self._follow = True
        self._scroll_to_cursor()
        self._repaint_changed()
        self._tell_of_cursor(before)

    def _tell_of_cursor(self, before: str | None) -> None:
        if self.cursor_key != before:
            self.post_message(self.RowHighlighted(self, self.cursor_key))

    def _page_height(self) -> int:
        return max(1, self.scrollable_content_region.height - HEADER_LINES)

    def _scroll_to_cursor(self) -> None:
        top = self.scroll_offset.y
        lowest = self._cursor - self._page_height() + 1
        target = min(max(top, lowest), self._cursor)
        if target != top:
            # force: the scroll bar that the new rows call for is only laid out later
            self.scroll_to(y=target, animate=False, immediate=True, force=True)

    def _row_at(self, y: int) -> int:
        return y - HEADER_LINES + self.scroll_offset.y

    def _layout(self) -> Layout:
        return lay_out(self.columns, self.scrollable_content_region.width)

    def _line(self, y: int, layout: Layout | None = None) -> Line:
        layout = layout or self._layout()
        if y < HEADER_LINES:
            return header_line(layout, *self._sort)
        place = self._row_at(y)
        if 0 <= place < len(self._rows):
            is_cursor = place == self._cursor and self.has_focus
            return row_line(self._rows[place], layout, is_cursor)
        text = self.empty if not self._rows and y == HEADER_LINES else ""
        return fit_line([(fit(text, layout.width, "center"), "muted")], layout.width)

    def _repaint_changed(self) -> None:
        width, height = self.scrollable_content_region.size
        if width <= 0 or height <= 0:
            return
        layout = self._layout()
        changed = [y for y in range(height) if self._shown.get(y) != self._line(y, layout)]
        for region in line_regions(changed, width):
            self.refresh(region)
