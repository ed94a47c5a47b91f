"""Asks before something that concerns many at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen

from llmmon_tui.panels.prose import wrap
from llmmon_tui.widgets.prose import Prose


class ConfirmScreen(ModalScreen[bool]):
    """Enter or `y` does it, escape leaves it; `names` are those that it is about."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,y", "answer(True)", "Yes"),
        Binding("escape,n,q", "answer(False)", "No"),
    ]

    def __init__(self, question: str, names: Sequence[str]) -> None:
        super().__init__()
        self._question = question
        self._names = names
        self.prose = Prose()

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="sheet") as sheet:
            sheet.border_title = self._question
            sheet.border_subtitle = "enter does it  esc leaves"
            yield self.prose

    def on_mount(self) -> None:
        self.prose.show(
            lambda width: [line for one in self._names for line in wrap(one, "plain", width)]
        )

    def action_answer(self, is_wanted: bool) -> None:
        """Close with the answer."""
        self.dismiss(is_wanted)
