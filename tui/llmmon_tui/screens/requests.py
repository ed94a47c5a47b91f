"""Show me one: what comes in, live or by any order of the window, and its trace."""

from __future__ import annotations

from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from llmmon_tui.keys import Key
from llmmon_tui.model import Picture
from llmmon_tui.panels import orders, requestlist, requestquestions
from llmmon_tui.questions import Question
from llmmon_tui.screens.lists import begin_anew, keys_of, show_rows
from llmmon_tui.screens.monitor import MonitorScreen, dim
from llmmon_tui.screens.overview import empty_text
from llmmon_tui.screens.wishes import TraceWanted, ViewWanted
from llmmon_tui.view import View
from llmmon_tui.widgets.livetable import LiveTable
from llmmon_tui.widgets.statusline import StatusLine

_KEYS: Final = (
    Key(
        "order",
        "b",
        "b",
        "order",
        "Requests: errors and slow first, newest, slowest, dearest, worst quality",
        "screen",
        66,
    ),
)


class RequestsScreen(MonitorScreen):
    """A table of requests under a line that says what it shows.

    While the cursor is on the first row it stays there, so that what comes is seen; on any other
    row it stays with that request.
    """

    PLACE: ClassVar[str] = "requests"
    OFFERS: ClassVar[frozenset[str]] = frozenset({"order", "sort", "reverse"})
    KEYS: ClassVar[tuple[Key, ...]] = _KEYS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key.keys, key.action, key.label, show=False) for key in _KEYS
    ]
    DEFAULT_CSS = """
    RequestsScreen #summary { padding: 0 1; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.summary = StatusLine(id="summary")
        self.requests = LiveTable(())
        self.order = orders.BAD

    def compose(self) -> ComposeResult:
        yield from self.compose_head()
        yield self.summary
        yield self.requests
        yield from self.compose_foot()

    def on_mount(self) -> None:
        self.focus_body()

    @property
    def focused_panel(self) -> str:
        return "requests" if self.focused is self.requests else ""

    def focus_body(self) -> None:
        self.requests.focus()

    def questions(self, picture: Picture) -> tuple[Question, ...]:
        return requestquestions.questions(picture, self.order)

    def operate(self, action: str, picture: Picture) -> View | None:
        is_sort = action == "sort"
        self._go(orders.next_column(self.order) if is_sort else orders.reversed_order(self.order))
        return None

    def arrive(self, order: str) -> None:
        if order in orders.BY_TITLE:
            self._go(orders.BY_TITLE[order])

    def action_order(self) -> None:
        """Go to the next of the orders that are asked for most."""
        self._change(orders.next_mode(self.order))

    def on_live_table_header_selected(self, event: LiveTable.HeaderSelected) -> None:
        self._change(orders.chosen_column(self.order, event.column))

    def on_live_table_row_selected(self, event: LiveTable.RowSelected) -> None:
        self.post_message(TraceWanted(event.key, keys_of(self.requests)))

    def paint_data(self, picture: Picture) -> None:
        shown = requestlist.listing(picture, self.order)
        table = self.requests
        table.empty = requestlist.empty_text(picture, shown, empty_text(picture))
        table.set_columns(requestlist.columns(picture, self.order))
        table.set_sort(self.order.column, self.order.is_descending)
        show_rows(table, requestlist.list_rows(picture, shown, table.size.width or self.size.width))
        self.summary.set_segments(requestlist.summary(picture, shown))
        dim([table, self.summary], picture.is_stale)

    def _change(self, order: orders.Order) -> None:
        self._go(order)
        if self.picture is not None:
            self.post_message(ViewWanted(self.picture.view))

    def _go(self, order: orders.Order) -> None:
        """The cursor begins anew at the top: it is another list."""
        self.order = order
        begin_anew(self.requests)
