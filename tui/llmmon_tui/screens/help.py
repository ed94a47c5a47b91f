"""Every key and what it does, searchable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input

from llmmon_tui.drawing.lines import Line, fit_line
from llmmon_tui.formatting import fit
from llmmon_tui.keys import Key, find_keys
from llmmon_tui.widgets.prose import Prose

_KEYS = 30


class HelpScreen(ModalScreen[None]):
    """Type to search; escape closes."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,f1", "dismiss", "Close")]

    def __init__(self, own: tuple[Key, ...] = ()) -> None:
        super().__init__()
        self._own = own
        self.search = Input(placeholder="search the keys", compact=True)
        self.prose = Prose()

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="sheet", can_focus=False) as sheet:
            sheet.border_title = "keys"
            sheet.border_subtitle = "esc closes"
            yield self.search
            yield self.prose

    def on_mount(self) -> None:
        self._find("")

    def on_input_changed(self, event: Input.Changed) -> None:
        self._find(event.value)

    def _find(self, text: str) -> None:
        self.prose.show(lambda width: key_lines(text, width, self._own))


def key_lines(text: str, width: int, own: tuple[Key, ...] = ()) -> Sequence[Line]:
    """The keys whose text holds all words of `text`, in lines of `width` cells."""
    keys_width = min(_KEYS, width // 3)
    found = find_keys(text, own)
    if not found:
        return [fit_line([("no such key", "muted")], width)]
    return [
        fit_line([(fit(keys, keys_width), "strong"), ("  ", "plain"), (meaning, "plain")], width)
        for keys, meaning in found
    ]
