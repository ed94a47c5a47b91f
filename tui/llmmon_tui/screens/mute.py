"""Asks how long an alert is to be silenced, and why."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input

from llmmon.protocol.snapshot import AlertView
from llmmon_tui.panels.muting import muting_lines, spans
from llmmon_tui.widgets.prose import Prose

LONGEST_COMMENT = 200


class Mute(NamedTuple):
    """What the operator has chosen."""

    duration_s: float
    comment: str


class MuteScreen(ModalScreen[Mute | None]):
    """Arrows choose, typing comments, enter silences, escape leaves; gives None when left."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave"),
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
    ]

    def __init__(self, alert: AlertView, now_ns: int) -> None:
        super().__init__()
        self._alert = alert
        self._now_ns = now_ns
        self._spans = spans(now_ns)
        self._chosen = 0
        self.prose = Prose()
        self.comment = Input(
            placeholder="why? others see it", compact=True, max_length=LONGEST_COMMENT
        )

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="sheet", can_focus=False) as sheet:
            sheet.border_title = "mute"
            sheet.border_subtitle = "arrows pick  enter silences  esc leaves"
            yield self.prose
            yield self.comment

    def on_mount(self) -> None:
        self._show()
        self.comment.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.dismiss(Mute(self._spans[self._chosen].duration_s, event.value.strip()))

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()

    def action_move(self, places: int) -> None:
        """Choose another length, longer when positive."""
        self._chosen = max(0, min(self._chosen + places, len(self._spans) - 1))
        self._show()

    def action_leave(self) -> None:
        """Silence nothing."""
        self.dismiss(None)

    def _show(self) -> None:
        self.prose.show(
            lambda width: muting_lines(self._alert, self._spans, self._chosen, self._now_ns, width)
        )
