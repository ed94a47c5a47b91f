"""Sheets over the live screen: details of an alert, the trace of a request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen

from llmmon_tui.drawing.lines import Line
from llmmon_tui.widgets.prose import Prose

Write = Callable[[int], Sequence[Line]]


class Sheet(ModalScreen[None]):
    """Text to scroll through; escape, `q` or enter closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "dismiss", "Close"),
        Binding("j", "scroll(1)", "Down", show=False),
        Binding("k", "scroll(-1)", "Up", show=False),
    ]

    def __init__(self, title: str, write: Write) -> None:
        super().__init__()
        self._title = title
        self._write = write
        self.prose = Prose()

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="sheet") as sheet:
            sheet.border_title = self._title
            sheet.border_subtitle = "esc closes"
            yield self.prose

    def on_mount(self) -> None:
        self.prose.show(self._write)

    def show(self, write: Write) -> None:
        """Show other text."""
        self._write = write
        self.prose.show(write)

    def action_scroll(self, lines: int) -> None:
        """Scroll by so many lines, down when positive."""
        self.query_one("#sheet").scroll_relative(y=lines, animate=False)
