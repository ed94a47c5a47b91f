"""Sheets over the live screen: details of an alert, the trace of a request, all objectives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message
from textual.screen import ModalScreen

from llmmon_tui.drawing.lines import Line
from llmmon_tui.model import Picture
from llmmon_tui.panels.changes import Change
from llmmon_tui.widgets.prose import Prose

WIDE_CLASS = "-wide-sheet"
Write = Callable[[int], Sequence[Line]]
Tell = Callable[[Picture, int], Sequence[Line]]
"""Lines of a picture for a width."""


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

    @property
    def hint(self) -> str:
        """The keys, at the lower edge."""
        return "esc closes"

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="sheet") as sheet:
            sheet.border_title = self._title
            sheet.border_subtitle = self.hint
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


class LiveSheet(Sheet):
    """A sheet that follows the picture; `key`, which opened it, closes it too.

    A wide one is for tables and takes what room there is.
    """

    def __init__(
        self, title: str, tell: Tell, picture: Picture, key: str = "", *, is_wide: bool = False
    ) -> None:
        super().__init__(title, lambda width: tell(picture, width))
        self.set_class(is_wide, WIDE_CLASS)
        self._tell = tell
        self._key = key
        self._painted = picture.version

    def paint(self, picture: Picture) -> None:
        """Show a picture, when it is another."""
        if picture.version != self._painted and self.is_mounted:
            self._painted = picture.version
            self.show(lambda width: self._tell(picture, width))

    def on_key(self, event: events.Key) -> None:
        if self._key and event.key == self._key:
            event.stop()
            self.dismiss()


class AlertSheet(LiveSheet):
    """One alert; what can be done with it can be done here.

    `stamp` tells of a picture what its history follows: when that changes, it is out of date.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "app.acknowledge", "Acknowledge", show=False),
        Binding("m", "app.mute", "Mute", show=False),
        Binding("e", "explain", "Explain", show=False),
    ]

    class Explained(Message):
        """Somebody asks why it fires."""

        def __init__(self, alert_id: str) -> None:
            super().__init__()
            self.alert_id = alert_id

    class Outdated(Message):
        """The alert has changed, or its sheet has just opened: its history is to be fetched."""

        def __init__(self, sheet: AlertSheet) -> None:
            super().__init__()
            self.sheet = sheet

    def __init__(
        self, alert_id: str, tell: Tell, stamp: Callable[[Picture], object], picture: Picture
    ) -> None:
        super().__init__("alert", tell, picture)
        self.chosen_alert = alert_id
        """Its id, for the keys that act on an alert."""
        self.can_act = True
        self.changes: Sequence[Change] = ()
        """Its history, as far as it has been fetched."""
        self._stamp = stamp
        self._stamped = stamp(picture)

    @property
    def hint(self) -> str:
        return f"{'a ack  m mute  ' if self.can_act else ''}e why  esc closes"

    def on_mount(self) -> None:
        self.post_message(self.Outdated(self))

    def paint(self, picture: Picture) -> None:
        super().paint(picture)
        stamped = self._stamp(picture)
        if stamped != self._stamped:
            self._stamped = stamped
            self.post_message(self.Outdated(self))

    def fill(self, changes: Sequence[Change]) -> None:
        """Show the history."""
        self.changes = changes
        if self.is_attached:
            self.show(self._write)

    def action_explain(self) -> None:
        """Ask why it fires."""
        self.post_message(self.Explained(self.chosen_alert))
