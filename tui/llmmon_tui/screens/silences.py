"""All silences, with a cursor: the one under it can be ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen

from llmmon_tui.panels.silences import COLUMNS, Silence, silence_rows
from llmmon_tui.widgets.livetable import LiveTable


class SilencesScreen(ModalScreen[None]):
    """Filled once the collector has answered; `x` ends a silence."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,M", "dismiss", "Close"),
        Binding("x,delete", "end", "End"),
    ]

    class Ended(Message):
        """A silence is to be ended."""

        def __init__(self, silences: SilencesScreen, id_: str, name: str) -> None:
            super().__init__()
            self.silences = silences
            self.id = id_
            self.name = name

    def __init__(self, now_ns: Callable[[], int], can_act: bool) -> None:
        super().__init__(classes="-wide-sheet")
        self._now_ns = now_ns
        self._can_act = can_act
        self._names: dict[str, str] = {}
        self.table = LiveTable(COLUMNS, empty="asking the collector …")

    def compose(self) -> ComposeResult:
        with Vertical(id="sheet") as sheet:
            sheet.border_title = "silences"
            sheet.border_subtitle = f"{'x ends it  ' if self._can_act else ''}esc closes"
            yield self.table

    def on_mount(self) -> None:
        self.table.focus()

    def fill(self, silences: Sequence[Silence]) -> None:
        """Show these."""
        self.table.empty = "nothing is silenced; m on an alert mutes it"
        self._names = {one.id: one.name for one in silences}
        self.table.set_rows(silence_rows(silences, self._now_ns()))

    def fail(self, reason: str) -> None:
        """Say why there is nothing to show."""
        self.table.empty = reason
        self.table.set_rows(())

    def action_end(self) -> None:
        """Ask for the end of the silence under the cursor."""
        key = self.table.cursor_key
        if self._can_act and key is not None:
            self.post_message(self.Ended(self, key, self._names[key]))
