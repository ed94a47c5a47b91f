"""The application: what its keys do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import ClassVar

from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.command import CommandPalette
from textual.screen import Screen
from textual.widgets import Input

from llmmon_tui.driver import SteadyDriver
from llmmon_tui.keeping import KeepingApp
from llmmon_tui.keys import KEYS, Key
from llmmon_tui.places import PLACES
from llmmon_tui.screens.help import HelpScreen
from llmmon_tui.screens.monitor import MonitorScreen
from llmmon_tui.screens.overview import OverviewScreen
from llmmon_tui.screens.wishes import CommandWanted, ViewWanted
from llmmon_tui.view import step_window
from llmmon_tui.widgets.filterbar import FilterBar
from llmmon_tui.widgets.nav import Nav


def _bindings() -> list[BindingType]:
    keys = [Binding(key.keys, key.action, key.label, show=False) for key in KEYS]
    digits = [
        Binding(str(place + 1), f"go({place})", name.title, show=False)
        for place, name in enumerate(PLACES)
    ]
    return [
        *keys,
        *digits,
        Binding("escape", "leave", "Back", show=False),
        Binding("ctrl+c", "quit", "Quit", show=False, priority=True),
    ]


class LlmmonApp(KeepingApp):
    """See `keys` for the keys."""

    BINDINGS: ClassVar[list[BindingType]] = _bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        key = next((key for key in KEYS if key.action.partition("(")[0] == action), None)
        return key is None or self._is_valid(key)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        for key in KEYS:
            if key.action != "palette" and self._is_valid(key):
                name = f"{key.label.capitalize()}  {key.shown}"
                yield SystemCommand(name, key.meaning, self._runner(key.action))
        for place, known in enumerate(PLACES):
            yield SystemCommand(
                f"{known.title}  {place + 1}", known.question, self._runner(f"go({place})")
            )
        yield SystemCommand("Theme", "Other colours", self.action_change_theme)
        for view in self.views:
            yield SystemCommand(
                f"View: {view.name}", view.filter, partial(self.open_view, view.name)
            )

    def on_screen_resume(self) -> None:
        self._lend_validity()

    def paint(self) -> None:
        self._lend_validity()
        super().paint()

    def action_help(self) -> None:
        """Show the keys."""
        screen = self.screen
        own = screen.KEYS if isinstance(screen, MonitorScreen) else ()
        self.push_screen(HelpScreen(own))

    def action_palette(self) -> None:
        """Open the command palette."""
        self.action_command_palette()

    def action_command_palette(self) -> None:
        """Open it, without the ellipsis of Textual's own."""
        if not isinstance(self.screen, CommandPalette):
            self.push_screen(CommandPalette(placeholder="search the commands"))

    def action_go(self, place: int) -> None:
        """Go to a screen."""
        self.start("go", self.go, PLACES[place].id)

    def action_window(self, step: int) -> None:
        """Go to another window, around at the end."""
        self.choose(step_window(self.model.view, self.picture.windows_s, step, wrap=True))

    def action_zoom(self, step: int) -> None:
        """Go to a longer or shorter window."""
        self.choose(step_window(self.model.view, self.picture.windows_s, step))

    def action_group(self) -> None:
        """Group by the next dimension."""
        self._operate("group")

    def action_sort(self) -> None:
        """Sort by the next column."""
        self._operate("sort")

    def action_reverse(self) -> None:
        """Reverse the order."""
        self._operate("reverse")

    def action_maximise(self) -> None:
        """Give the focused panel the whole board, or take it back."""
        self._operate("maximise")

    def action_compare(self) -> None:
        """Draw the same time yesterday beside, or no more."""
        self.choose(replace(self.model.view, compare=not self.model.view.compare))

    def action_utc(self) -> None:
        """Clocks in UTC, or in the viewer's zone."""
        self.choose(replace(self.model.view, utc=not self.model.view.utc))

    def action_leave(self) -> None:
        """Leave, in this order: the maximised panel, the narrowing, the filter."""
        view = self.model.view
        if isinstance(self.screen, OverviewScreen) and self.screen.has_class("-zoom"):
            self.screen.toggle_zoom("")
        elif self.picture.is_past:
            self.action_resume()
        elif view.where:
            self.choose(replace(view, where={}))
        elif view.filter:
            self.choose(replace(view, filter=""))

    def action_refetch(self) -> None:
        """Connect and fetch everything again."""
        self.model.refetch()
        self.follow()
        self.notify("fetching everything again", markup=False)

    def action_redraw(self) -> None:
        """Draw everything anew, for when something else has written over the screen."""
        if isinstance(self._driver, SteadyDriver):
            self._driver.repaint()
        self.refresh(layout=True)

    def action_copy(self) -> None:
        """Copy the row under the cursor."""
        text = self.screen.copied_text if isinstance(self.screen, MonitorScreen) else ""
        if text:
            self.copy_to_clipboard(text)
            self.notify(f"copied {text[:60]}", markup=False)

    def on_input_changed(self, event: Input.Changed) -> None:
        if isinstance(event.input, FilterBar):
            self.choose(replace(self.model.view, filter=event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.on_filter_bar_closed()

    def on_filter_bar_closed(self) -> None:
        if isinstance(self.screen, MonitorScreen):
            self.screen.close_filter()

    def on_nav_chosen(self, event: Nav.Chosen) -> None:
        self.action_go(event.place)

    def on_view_wanted(self, wish: ViewWanted) -> None:
        self.choose(wish.view)
        if wish.place:
            self.start("go", self.go, wish.place, wish.order)

    def on_command_wanted(self, wish: CommandWanted) -> None:
        self.call_later(self.run_action, wish.action)

    def _is_valid(self, key: Key) -> bool:
        """Whether a key does something now; the footer and the help of keys go by it."""
        if key.acts:
            alerts = self.picture.live.alerts if self.picture.live is not None else ()
            is_open = any(alert.state != "resolved" for alert in alerts)
            return not self.options.readonly and is_open
        if key.scope == "everywhere":
            return True
        base = self.screen_stack[0] if self.screen_stack else None
        return isinstance(base, MonitorScreen) and key.action in base.OFFERS

    def _lend_validity(self) -> None:
        if self.screen_stack and isinstance(self.screen_stack[0], MonitorScreen):
            self.screen_stack[0].is_valid = self._is_valid

    def _runner(self, action: str) -> Callable[[], None]:
        def run() -> None:
            self.call_later(self.run_action, action)

        return run

    def _operate(self, action: str) -> None:
        screen = self.screen
        if isinstance(screen, MonitorScreen) and action in screen.OFFERS:
            view = screen.operate(action, self.picture)
            self.choose(self.model.view if view is None else view)
