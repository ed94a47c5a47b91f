"""A board whose table stays in sight: where it is narrow, the other panels share a place below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Grid

from llmmon_tui.drawing.priority import Segment, status_line
from llmmon_tui.keys import Key
from llmmon_tui.model import Picture
from llmmon_tui.screens.board import BoardScreen
from llmmon_tui.screens.monitor import dim
from llmmon_tui.widgets.panel import Panel
from llmmon_tui.widgets.rule import Tabs


def own_bindings(keys: Sequence[Key]) -> list[BindingType]:
    """Bindings of the keys that only one screen has."""
    return [Binding(key.keys, key.action, key.label, show=False) for key in keys]


class DetailBoard(BoardScreen):
    """Base of screens with a table and what goes with the row under its cursor.

    The first panel is the table; `below` is the one shown first below it where it is narrow.
    `paint_board` paints what stands around the panels.
    """

    NAME: ClassVar[str] = ""
    """What the footer knows the table by; the id of its panel where empty."""
    CSS = (
        BoardScreen.CSS
        + """
    .-side .detail-board > .-main, .-narrow .detail-board > .-main { display: block; height: 1fr; }
    .-side .detail-board > .-chosen, .-narrow .detail-board > .-chosen { height: 45%; }
    .-side .detail-board > .-main > Rule, .-narrow .detail-board > .-main > Rule { display: block; }
    .-side.-tiny .detail-board > .-chosen, .-narrow.-tiny .detail-board > .-chosen {
        display: none;
    }
    .-side.-tiny .board-tabs, .-narrow.-tiny .board-tabs { display: none; }
    """
    )

    def __init__(self, panels: Sequence[Panel], below: str) -> None:
        super().__init__(panels)
        self._chosen = below
        self.panels[self._first].add_class("-main")

    def compose(self) -> ComposeResult:
        main, *others = self.panels.values()
        yield from self.compose_head()
        yield self.notes
        with Grid(classes="board detail-board", id=f"{self.PLACE}-board"):
            yield main
            yield self.tabs
            yield from others
        yield from self.compose_foot()

    @property
    def focused_panel(self) -> str:
        here = self._here
        return self.NAME if here == self._first and self.NAME else here

    def focus_body(self) -> None:
        self.panels[self._first].take_focus()

    def action_step(self, step: int) -> None:
        """Go to the next or the previous panel."""
        names = [name for name, panel in self.panels.items() if self.is_tabbed or panel.display]
        here = self._here if self._here in names else self._first
        self.choose_panel(names[(names.index(here) + step) % len(names)])

    def maximise(self) -> None:
        """Give the focused panel the whole screen, or take it back."""
        self.toggle_zoom(self._here or self._first)

    def on_tabs_chosen(self, event: Tabs.Chosen) -> None:
        self.choose_panel(list(self.panels)[1 + event.place])

    def paint_board(self, picture: Picture, notes: Sequence[Segment]) -> None:
        """Show the line of notes and the titles; all turns pale while it is old."""
        self.notes.show(lambda width, height: [status_line(notes, width)][:height])
        self._mark_tab()
        dim([self.notes, *(panel.body for panel in self.panels.values())], picture.is_stale)

    @property
    def _here(self) -> str:
        """Id of the panel that has the focus."""
        return super().focused_panel

    def _mark(self, name: str) -> None:
        """In a narrow layout the panel takes the place below the table; the table has its own."""
        if name in {self._first, self.NAME}:
            return
        self.panels[self._chosen].remove_class("-chosen")
        self._chosen = name
        self.panels[name].add_class("-chosen")
        self._mark_tab()

    def _mark_tab(self) -> None:
        self.tabs.set_chosen(list(self.panels).index(self._chosen) - 1, self._titles()[1:])
