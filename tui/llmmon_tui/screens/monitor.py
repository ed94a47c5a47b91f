"""What the live screens share: status and the names of the screens on top, filter and keys at the
bottom."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget

from llmmon_tui.drawing.table import row_text
from llmmon_tui.filtering import Vocabulary, vocabulary_of
from llmmon_tui.keys import ACKNOWLEDGE, Key
from llmmon_tui.model import Picture
from llmmon_tui.panels.alerts import firing
from llmmon_tui.panels.footer import footer_line
from llmmon_tui.panels.trust import trust_line
from llmmon_tui.panels.worst import worst_line
from llmmon_tui.questions import Question
from llmmon_tui.view import View
from llmmon_tui.widgets.filterbar import FilterBar
from llmmon_tui.widgets.ink import STALE_CLASS
from llmmon_tui.widgets.livetable import LiveTable
from llmmon_tui.widgets.nav import Nav
from llmmon_tui.widgets.statusline import StatusLine


class MonitorScreen(Screen[None]):
    """Base of the live screens. The app gives it a picture each frame.

    A subclass lays out its body between `compose_head` and `compose_foot`, paints in `paint_data`,
    and posts what is wanted of the app (`screens.wishes`).
    """

    PLACE: ClassVar[str] = ""
    """Its id among `places.PLACES`."""
    OFFERS: ClassVar[frozenset[str]] = frozenset()
    """Actions of keys with the scope "screen" that `operate` carries out here."""

    KINDS: ClassVar[tuple[str, ...]] = ()
    """What it shows of `filtering.kinds.KINDS`: the filter may name what these have."""
    KEYS: ClassVar[tuple[Key, ...]] = ()
    """Keys that only this screen has; its `BINDINGS` are made from them."""

    class Resized(Message):
        """The screen has a new size, or its first: it wants to be painted."""

    class Refocused(Message):
        """Another panel has the focus: other keys are valid."""

    def __init__(self) -> None:
        super().__init__()
        self.trust = StatusLine(id="trust")
        self.worst = StatusLine(id="worst")
        self.nav = Nav(self.PLACE, id="nav")
        self.filter_bar = FilterBar(vocabulary=self._vocabulary, kinds=self.KINDS)
        self.footer = StatusLine(id="footer")
        self.is_valid: Callable[[Key], bool] = lambda key: True
        self.views: Mapping[str, str] = {}
        """Filters of saved views by their names, for `@name`."""
        self.picture: Picture | None = None
        """The one last painted."""
        self._painted = (-1, False)

    def compose_head(self) -> ComposeResult:
        """The first rows, to be yielded at the beginning of `compose`."""
        yield self.trust
        yield self.worst
        yield self.nav

    def compose_foot(self) -> ComposeResult:
        """The last row, to be yielded at the end of `compose`."""
        yield self.filter_bar
        yield self.footer

    @property
    def focused_panel(self) -> str:
        """Id of the panel that has the focus, or an empty text."""
        return ""

    @property
    def chosen_alert(self) -> str | None:
        """Id of the alert under the cursor when the alerts have the focus."""
        return None

    @property
    def copied_text(self) -> str:
        """What the row under the cursor says; empty where there is none."""
        table = self.table
        rows = () if table is None else table.rows
        key = None if table is None else table.cursor_key
        return next((row_text(row) for row in rows if row.key == key), "")

    @property
    def table(self) -> LiveTable | None:
        """The table that has the focus, for copying and export."""
        return self.focused if isinstance(self.focused, LiveTable) else None

    def questions(self, picture: Picture) -> tuple[Question, ...]:
        """What it needs beyond the picture."""
        return ()

    def operate(self, action: str, picture: Picture) -> View | None:
        """Do what a key of `OFFERS` means here; the view to go to, if it is another one."""
        return None

    def arrive(self, order: str) -> None:
        """Somebody was sent here to see the list in this order."""

    def paint(self, picture: Picture) -> None:
        """Show a picture: status each time, the rest only when it is another."""
        self.picture = picture
        self.trust.set_segments(trust_line(picture))
        self.worst.set_segments(
            worst_line(picture, self.worst.content_size.width, self.is_valid(ACKNOWLEDGE))
        )
        self.footer.set_segments(footer_line(picture, self.is_valid, self.focused_panel, self.KEYS))
        count = firing(picture)
        self.nav.set_counts({"alerts": str(count)} if count else {})
        state = (picture.version, picture.is_stale)
        if state != self._painted:
            self._painted = state
            self.paint_data(picture)

    def paint_data(self, picture: Picture) -> None:
        """Show what only changes with the data."""

    def on_resize(self) -> None:
        self._painted = (-1, False)
        self.post_message(self.Resized())

    def on_descendant_focus(self) -> None:
        self.post_message(self.Refocused())

    def _vocabulary(self) -> Vocabulary:
        return Vocabulary() if self.picture is None else vocabulary_of(self.picture, self.views)

    def open_filter(self, text: str) -> None:
        """Let the operator type a filter."""
        self.footer.display = False
        self.filter_bar.display = True
        self.filter_bar.value = text
        self.filter_bar.focus()

    def close_filter(self) -> None:
        """Show the keys again."""
        self.filter_bar.display = False
        self.footer.display = True
        self.focus_body()

    def focus_body(self) -> None:
        """Give the focus to the part that the cursor belongs in."""


def dim(widgets: list[Widget], is_stale: bool) -> None:
    """Make widgets pale while what they show is old."""
    for widget in widgets:
        widget.set_class(is_stale, STALE_CLASS)
