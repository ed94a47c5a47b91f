"""A trace in full size: where the time went, and everything about the part under the cursor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message
from textual.screen import ModalScreen

from llmmon_tui.drawing.priority import Segment
from llmmon_tui.drawing.table import row_text
from llmmon_tui.formatting import clean
from llmmon_tui.keys import Key
from llmmon_tui.panels.prose import wrap
from llmmon_tui.panels.trace import MOST, Node, Trace, node_of, nodes, trace_id_of
from llmmon_tui.panels.tracedetail import detail_lines
from llmmon_tui.panels.waterfall import axis_of, columns, waterfall_rows
from llmmon_tui.screens.help import HelpScreen
from llmmon_tui.widgets.livetable import LiveTable
from llmmon_tui.widgets.prose import Prose
from llmmon_tui.widgets.rule import Rule
from llmmon_tui.widgets.statusline import StatusLine

WAITING: Final = "asking the collector …"
_TITLE: Final = "where the time went"


class TraceScreen(ModalScreen[None]):
    """Asks for a trace with `Asked`, and shows what it is given."""

    KEYS: ClassVar[tuple[Key, ...]] = (
        Key("dismiss", "escape,q", "esc", "closes", "Trace: close", rank=90),
        Key("step(1)", "n", "n", "next", "Trace: the next request of the list", rank=70),
        Key("step(-1)", "N", "N", "previous", "Trace: the previous request of the list", rank=60),
        Key("switch", "tab,enter", "tab", "scroll", "Trace: scroll the details, and back", rank=80),
        Key("copy", "y", "y", "copy", "Trace: copy the part under the cursor", rank=50),
        Key("copy_id", "i", "i", "copy id", "Trace: copy the id of the trace", rank=40),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(key.keys, key.action, key.label, show=False) for key in KEYS),
        Binding("question_mark,f1", "help", "help", show=False),
    ]
    SCOPED_CSS = False
    DEFAULT_CSS = """
    TraceScreen { align: left top; background: $background; }
    TraceScreen StatusLine { padding: 0 1; }
    TraceScreen LiveTable { height: 2; }
    TraceScreen VerticalScroll { height: 1fr; padding: 0 1; scrollbar-size-vertical: 1; }
    LlmmonApp.-ascii TraceScreen VerticalScroll { scrollbar-size-vertical: 0; }
    """

    class Asked(Message):
        """The trace of a request is wanted: `fill` or `fail` the screen."""

        def __init__(self, screen: TraceScreen, request_id: str) -> None:
            super().__init__()
            self.trace_screen = screen
            self.request_id = request_id

    def __init__(self, request_id: str, among: Sequence[str] = ()) -> None:
        super().__init__()
        self.request_id = request_id
        self.head = StatusLine()
        self.rule = Rule(_TITLE)
        self.waterfall = LiveTable((), empty=WAITING)
        self.detail = Prose()
        self.foot = StatusLine()
        self._among = list(among)
        self._trace: Trace | None = None
        self._tree: list[Node] = []

    def compose(self) -> ComposeResult:
        yield self.head
        yield self.rule
        yield self.waterfall
        yield Rule("details")
        with VerticalScroll():
            yield self.detail
        yield self.foot

    def on_mount(self) -> None:
        self.waterfall.focus()
        self._ask()

    def fill(self, request_id: str, trace: Trace) -> None:
        """Show a trace, if it is still the one that is wanted."""
        if request_id != self.request_id:
            return
        self._trace, self._tree = trace, nodes(trace)
        self.waterfall.empty = "no request, no span"
        self._draw()
        chosen = node_of(self._tree, request_id)
        if chosen is not None:
            self.waterfall.move_cursor_to(chosen.key)
        self._show_detail()

    def fail(self, request_id: str, reason: str) -> None:
        """Say why a trace cannot be had."""
        if request_id == self.request_id:
            self.waterfall.empty = "no trace"
            self._draw()
            self.detail.show(lambda width: wrap(reason, "warning", width))

    @property
    def chosen(self) -> Node | None:
        """The part under the cursor."""
        key = self.waterfall.cursor_key
        return next((node for node in self._tree if node.key == key), None)

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)

    def on_live_table_row_highlighted(self) -> None:
        self._show_detail()

    def on_live_table_row_selected(self) -> None:
        self.action_switch()

    def action_step(self, step: int) -> None:
        """Go to the next or the previous request of the list that it was chosen from."""
        if self.request_id not in self._among:
            return
        place = self._among.index(self.request_id) + step
        if 0 <= place < len(self._among):
            self.request_id = self._among[place]
            self._ask()

    def action_switch(self) -> None:
        """Let the arrows scroll the details, or move the cursor again."""
        details = self.query_one(VerticalScroll)
        (self.waterfall if self.focused is details else details).focus()

    def action_help(self) -> None:
        """Show the keys, those of this screen among them."""
        self.app.push_screen(HelpScreen(self.KEYS))

    def action_copy(self) -> None:
        """Copy the part under the cursor, with its id."""
        key = self.waterfall.cursor_key
        row = next((row for row in self.waterfall.rows if row.key == key), None)
        if row is not None and self.chosen is not None:
            self._copy(f"{self.chosen.key.partition(chr(0))[0]}  {row_text(row)}")

    def action_copy_id(self) -> None:
        """Copy the id of the trace."""
        self._copy(self.request_id if self._trace is None else self._trace_id)

    @property
    def _trace_id(self) -> str:
        trace = self._trace
        return self.request_id if trace is None else trace_id_of(trace, self.request_id)

    def _copy(self, text: str) -> None:
        self.app.copy_to_clipboard(text)
        self.app.notify(f"copied {clean(text)[:60]}", markup=False)

    def _ask(self) -> None:
        self._trace, self._tree = None, []
        self.waterfall.empty = WAITING
        self.detail.show(lambda width: wrap("", "plain", width))
        self._draw()
        self.post_message(self.Asked(self, self.request_id))

    def _draw(self) -> None:
        width = self.waterfall.scrollable_content_region.width or self.size.width
        axis = axis_of(self._tree)
        most = max(2, self.size.height * 2 // 5)
        self.waterfall.styles.height = max(2, min(most, len(self._tree) + 1))
        self.waterfall.set_columns(columns(axis, width))
        self.waterfall.set_rows(waterfall_rows(self._tree, axis, width))
        self.head.set_segments(self._head())
        self.rule.set_text(_TITLE, "" if axis is None else "░ until the first token")
        self.foot.set_segments(self._foot())

    def _show_detail(self) -> None:
        trace, node = self._trace, self.chosen
        if trace is not None:
            self.detail.show(lambda width: detail_lines(trace, node, width))
            self.query_one(VerticalScroll).scroll_home(animate=False)

    def _head(self) -> list[Segment]:
        segments = [Segment(f"trace {clean(self._trace_id)}", "strong", 100)]
        if self._trace is not None:
            trace, failed = self._trace, sum(bool(node.error) for node in self._tree)
            axis = axis_of(self._tree)
            most = "the first " if len(trace.spans) >= MOST else ""
            segments += [
                Segment("" if axis is None else axis.length_text, "plain", 90),
                Segment(f"✖ {failed} failed" if failed else "", "critical", 80),
                Segment(_many(len(trace.requests), "request"), "plain", 60),
                Segment(most + _many(len(trace.spans), "span"), "plain", 50),
            ]
        if self.request_id in self._among:
            place = self._among.index(self.request_id) + 1
            segments.append(Segment(f"{place} of {len(self._among)}", "muted", 70, "right"))
        return segments

    def _foot(self) -> list[Segment]:
        is_listed = len(self._among) > 1
        own = [
            Segment(f"{key.shown} {key.label}", "muted", key.rank)
            for key in self.KEYS
            if is_listed or not key.action.startswith("step")
        ]
        return [*own, Segment("? help", "muted", 75, "right")]


def _many(n: int, what: str) -> str:
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"
