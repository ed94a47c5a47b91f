"""Saved views: open one, keep the present one, forget one."""

from __future__ import annotations

from typing import ClassVar, Final, Literal, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input

from llmmon_tui.drawing.table import Cell, Column, Row
from llmmon_tui.filtering.saved import Views
from llmmon_tui.formatting import clean
from llmmon_tui.panels.values import window_text
from llmmon_tui.widgets.livetable import LiveTable

COLUMNS: Final = (
    Column("name", "name", 12, flex=True),
    Column("screen", "screen", 9),
    Column("window", "window", 6, "right"),
    Column("by", "by", 11, min_width=50),
    Column("filter", "filter", 24, min_width=60),
)


class Chosen(NamedTuple):
    """What was decided about the view of a name."""

    deed: Literal["open", "save", "remove"]
    name: str


class ViewsScreen(ModalScreen[Chosen | None]):
    """Enter opens the view under the cursor, or keeps the present one under the name typed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,v", "dismiss", "Close"),
        Binding("n", "name", "Keep", show=False),
        Binding("delete", "remove", "Forget", show=False),
    ]

    def __init__(self, views: Views) -> None:
        super().__init__()
        self._views = views
        self.table = LiveTable(COLUMNS, empty="no view is kept yet: n keeps this one")
        self.entry = Input(placeholder="a name for the present view", compact=True)
        self.entry.display = False

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="sheet", can_focus=False) as sheet:
            sheet.border_title = "views"
            sheet.border_subtitle = "enter opens  n keeps this one  del forgets  esc closes"
            yield self.entry
            yield self.table

    def on_mount(self) -> None:
        self.table.styles.height = max(3, len(self._views) + 1)
        self.table.set_rows([_row(place, self._views) for place in range(len(self._views))])
        self.table.focus()

    def action_name(self) -> None:
        """Ask for a name."""
        self.entry.display = True
        self.entry.focus()

    def action_remove(self) -> None:
        """Forget the view under the cursor."""
        if self.table.cursor_key is not None:
            self.dismiss(Chosen("remove", self.table.cursor_key))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        name = event.value.strip()
        self.dismiss(Chosen("save", name) if name else None)

    def on_live_table_row_selected(self, event: LiveTable.RowSelected) -> None:
        event.stop()
        self.dismiss(Chosen("open", event.key))


def _row(place: int, views: Views) -> Row:
    view = views[place]
    cells = (
        clean(view.name),
        view.screen,
        window_text(view.window_s),
        Cell(view.by, ink="muted"),
        Cell(clean(view.filter), ink="muted"),
    )
    return Row(view.name, cells)
