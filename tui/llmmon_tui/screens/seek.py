"""Asks for a time to go to."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input


class SeekScreen(ModalScreen[str | None]):
    """Enter gives the text, escape nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Close")]

    def __init__(self) -> None:
        super().__init__()
        self.time = Input(placeholder="14:20, -2h, yesterday 09:00", compact=True)

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="sheet", can_focus=False) as sheet:
            sheet.border_title = "go to a time"
            sheet.border_subtitle = "enter goes  esc closes"
            yield self.time

    def on_mount(self) -> None:
        self.time.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.dismiss(event.value.strip() or None)
