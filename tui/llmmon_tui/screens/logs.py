"""What do the services say? The newest lines of the log."""

from __future__ import annotations

from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from llmmon_tui.keys import Key
from llmmon_tui.model import Picture
from llmmon_tui.panels import logquestions, logs
from llmmon_tui.panels.loglevel import CLASSES, next_threshold
from llmmon_tui.questions import Question
from llmmon_tui.screens.lists import begin_anew, show_rows
from llmmon_tui.screens.monitor import MonitorScreen, dim
from llmmon_tui.screens.overview import empty_text
from llmmon_tui.screens.sheet import Sheet
from llmmon_tui.screens.wishes import TraceWanted, ViewWanted
from llmmon_tui.widgets.livetable import LiveTable
from llmmon_tui.widgets.prose import Block
from llmmon_tui.widgets.statusline import StatusLine

_KEYS: Final = (
    Key(
        "level",
        "l",
        "l",
        "level",
        "Logs: from which level up: all, info, warning, error",
        "screen",
        66,
    ),
    Key("record", "d", "d", "record", "Logs: all fields of the line", "screen", 64),
)


class LogsScreen(MonitorScreen):
    """Counts by level over the newest lines; enter opens the trace of a line that has one."""

    PLACE: ClassVar[str] = "logs"
    OFFERS: ClassVar[frozenset[str]] = frozenset({"level", "record"})
    KEYS: ClassVar[tuple[Key, ...]] = _KEYS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key.keys, key.action, key.label, show=False) for key in _KEYS
    ]
    DEFAULT_CSS = f"""
    LogsScreen #summary {{ padding: 0 1; }}
    LogsScreen #heat {{ height: {len(CLASSES)}; padding: 0 1; }}
    LogsScreen.-tiny #heat, LogsScreen.-short #heat {{ display: none; }}
    """

    def __init__(self) -> None:
        super().__init__()
        self.summary = StatusLine(id="summary")
        self.heat = Block(id="heat")
        self.lines = LiveTable(logs.COLUMNS)
        self.threshold = ""

    def compose(self) -> ComposeResult:
        yield from self.compose_head()
        yield self.summary
        yield self.heat
        yield self.lines
        yield from self.compose_foot()

    def on_mount(self) -> None:
        self.focus_body()

    @property
    def focused_panel(self) -> str:
        return "logs" if self.focused is self.lines else ""

    def focus_body(self) -> None:
        self.lines.focus()

    def questions(self, picture: Picture) -> tuple[Question, ...]:
        return logquestions.questions(picture, self.threshold)

    def action_level(self) -> None:
        """Show lines from the next higher level up."""
        self.threshold = next_threshold(self.threshold)
        begin_anew(self.lines)
        if self.picture is not None:
            self.post_message(ViewWanted(self.picture.view))

    def action_record(self) -> None:
        """Show all fields of the line under the cursor."""
        key = self.lines.cursor_key
        line = None if key is None or self.picture is None else logs.line_of(self.picture, key)
        if line is not None:
            self.app.push_screen(Sheet("log line", lambda width: logs.record_lines(line, width)))

    def on_live_table_row_selected(self, event: LiveTable.RowSelected) -> None:
        line = None if self.picture is None else logs.line_of(self.picture, event.key)
        if self.picture is not None and line is not None and line.speaks_of:
            self.post_message(TraceWanted(line.speaks_of, logs.spoken_of(self.picture)))
        else:
            self.action_record()

    def paint_data(self, picture: Picture) -> None:
        self.lines.empty = logs.empty_text(picture, self.threshold, empty_text(picture))
        show_rows(self.lines, logs.log_rows(picture))
        self.summary.set_segments(logs.summary(picture, self.threshold))
        self.heat.show(lambda width, height: logs.heat_lines(picture, width)[:height])
        dim([self.lines, self.summary, self.heat], picture.is_stale)
