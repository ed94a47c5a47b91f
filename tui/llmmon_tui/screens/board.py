"""A screen of panels: figures on top, a board below; where it is narrow the panels become tabs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Grid

from llmmon_tui.drawing.figures import Figure, draw_figures
from llmmon_tui.drawing.priority import Segment, status_line
from llmmon_tui.model import Picture
from llmmon_tui.screens.monitor import MonitorScreen, dim
from llmmon_tui.screens.wishes import CommandWanted
from llmmon_tui.widgets.panel import Panel
from llmmon_tui.widgets.prose import Block, Prose
from llmmon_tui.widgets.rule import Tabs


class BoardScreen(MonitorScreen):
    """Base of screens with `panels`, of which `first` has the focus, and is the tab, at first.

    A subclass makes its panels, gives them and the board a layout in `CSS`, and calls
    `paint_head` for what stands above them.
    """

    # scoped, only the first selector of a list could name the classes of the screen itself
    SCOPED_CSS: ClassVar[bool] = False
    CSS = """
    .board-figures { padding: 0 1; }
    .board-notes { height: 1; padding: 0 1; }
    .board { height: 1fr; grid-gutter: 0 1; }
    .-side .board-tabs, .-narrow .board-tabs { display: block; }
    .-side .board, .-narrow .board { layout: vertical; }
    .-side .board > Panel, .-narrow .board > Panel { display: none; }
    .-side .board > .-chosen, .-narrow .board > .-chosen { display: block; height: 1fr; }
    .-side .board > Panel > Rule, .-narrow .board > Panel > Rule { display: none; }
    .-tiny .board-figures, .-tiny .board-notes { display: none; }
    .-board-zoom .board-figures, .-board-zoom .board-notes, .-board-zoom .board-tabs {
        display: none;
    }
    .-board-zoom .board { layout: vertical; }
    .-board-zoom .board > Panel { display: none !important; }
    .-board-zoom .board > .-zoomed { display: block !important; height: 1fr !important; }
    .-board-zoom .board > Panel > Rule { display: block !important; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "step(1)", "Next panel", show=False),
        Binding("shift+tab", "step(-1)", "Previous panel", show=False),
        Binding("escape", "unzoom", "Back", show=False),
    ]

    def __init__(self, panels: Sequence[Panel], first: str = "") -> None:
        super().__init__()
        self.panels = {panel.id or "": panel for panel in panels}
        self._first = first or next(iter(self.panels))
        self._chosen = self._first
        self.figures = Prose(classes="board-figures")
        self.notes = Block(classes="board-notes")
        self.tabs = Tabs(self._titles(), classes="board-tabs")

    def compose(self) -> ComposeResult:
        yield from self.compose_head()
        yield self.figures
        yield self.notes
        yield self.tabs
        with Grid(classes="board", id=f"{self.PLACE}-board"):
            yield from self.panels.values()
        yield from self.compose_foot()

    def on_mount(self) -> None:
        self.panels[self._chosen].add_class("-chosen")
        self.focus_body()

    @property
    def focused_panel(self) -> str:
        for node in self.focused.ancestors_with_self if self.focused else ():
            if isinstance(node, Panel):
                return node.id or ""
        return ""

    @property
    def is_tabbed(self) -> bool:
        """Whether one panel is shown at a time."""
        return self.has_class("-side") or self.has_class("-narrow")

    def focus_body(self) -> None:
        self.panels[self._chosen if self.is_tabbed else self._first].take_focus()

    def choose_panel(self, name: str) -> None:
        """Show the tab, or give the panel the focus."""
        self.toggle_zoom("")
        self._mark(name)
        self.panels[name].take_focus()

    def toggle_zoom(self, name: str) -> bool:
        """Give one panel the whole screen, or none; whether one has it now."""
        is_zoomed = bool(name) and not self.has_class("-board-zoom")
        for panel in self.panels.values():
            panel.set_class(is_zoomed and panel.id == name, "-zoomed")
        self.set_class(is_zoomed, "-board-zoom")
        return is_zoomed

    def action_step(self, step: int) -> None:
        """Go to the next or the previous panel."""
        names = [name for name, panel in self.panels.items() if self.is_tabbed or panel.display]
        here = self._chosen if self.is_tabbed else self.focused_panel or self._first
        self.choose_panel(names[(names.index(here) + step) % len(names)])

    def action_unzoom(self) -> None:
        """Leave the maximised panel; without one, what escape means everywhere."""
        if self.has_class("-board-zoom"):
            self.toggle_zoom("")
        else:
            self.post_message(CommandWanted("leave"))

    def maximise(self) -> None:
        """Give the focused panel the whole screen, or take it back."""
        self.toggle_zoom(self.focused_panel or self._first)

    def on_tabs_chosen(self, event: Tabs.Chosen) -> None:
        self.choose_panel(list(self.panels)[event.place])

    def on_descendant_focus(self) -> None:
        # the panel in use stays in view when the screen gets narrow
        if self.focused_panel:
            self._mark(self.focused_panel)

    def on_descendant_blur(self) -> None:
        # a panel that a new layout hides loses the focus, and with it every key of a panel
        if self.focused is None and self.app.app_focus:
            self.call_after_refresh(self._refocus)

    def _refocus(self) -> None:
        if self.focused is None:
            self.focus_body()

    def paint_head(
        self, picture: Picture, figures: Sequence[Figure], notes: Sequence[Segment]
    ) -> None:
        """Show the figures and the line of notes; all turns pale while it is old."""
        self.figures.show(lambda width: draw_figures(figures, width))
        self.notes.show(lambda width, height: [status_line(notes, width)][:height])
        self.tabs.set_chosen(list(self.panels).index(self._chosen), self._titles())
        bodies = [panel.body for panel in self.panels.values()]
        dim([self.figures, self.notes, *bodies], picture.is_stale)

    def _mark(self, name: str) -> None:
        self.panels[self._chosen].remove_class("-chosen")
        self._chosen = name
        self.panels[name].add_class("-chosen")
        self.tabs.set_chosen(list(self.panels).index(name), self._titles())

    def _titles(self) -> list[str]:
        return [panel.title.removeprefix("by ") for panel in self.panels.values()]
