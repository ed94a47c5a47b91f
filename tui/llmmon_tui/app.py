"""The application: what its keys do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import ClassVar

from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.command import CommandPalette
from textual.screen import Screen
from textual.widgets import Input

from llmmon_tui.keys import KEYS, PANELS, Key
from llmmon_tui.panels import groups
from llmmon_tui.screens.help import HelpScreen
from llmmon_tui.screens.monitor import FilterBar, MonitorScreen
from llmmon_tui.screens.overview import OverviewScreen
from llmmon_tui.screens.side import AlertList
from llmmon_tui.sheets import SheetApp
from llmmon_tui.view import View, next_grouping, next_sort, step_window
from llmmon_tui.widgets.livetable import LiveTable
from llmmon_tui.widgets.rule import Tabs


def _bindings() -> list[BindingType]:
    keys = [Binding(key.keys, key.action, key.label, show=False) for key in KEYS]
    digits = [
        Binding(str(place + 1), f"panel({place})", name, show=False)
        for place, name in enumerate(PANELS)
    ]
    return [
        *keys,
        *digits,
        Binding("escape", "leave", "Back", show=False),
        Binding("ctrl+c", "quit", "Quit", show=False, priority=True),
    ]


class LlmmonApp(SheetApp):
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
        yield SystemCommand("Theme", "Other colours", self.action_change_theme)
        yield SystemCommand("Screenshot", "Save an SVG of the screen", self.deliver_screenshot)

    def on_screen_resume(self) -> None:
        self._lend_validity()

    def paint(self) -> None:
        self._lend_validity()
        super().paint()

    def action_help(self) -> None:
        """Show the keys."""
        self.push_screen(HelpScreen())

    def action_palette(self) -> None:
        """Open the command palette."""
        self.action_command_palette()

    def action_command_palette(self) -> None:
        """Open it, without the ellipsis of Textual's own."""
        if not isinstance(self.screen, CommandPalette):
            self.push_screen(CommandPalette(placeholder="search the commands"))

    def action_pause(self) -> None:
        """Hold the picture or let it go."""
        self.model.toggle_pause(self.now_ns())
        self._show()

    def action_window(self, step: int) -> None:
        """Go to another window, around at the end."""
        self._choose(step_window(self.model.view, self.picture.windows_s, step, wrap=True))

    def action_zoom(self, step: int) -> None:
        """Go to a longer or shorter window."""
        self._choose(step_window(self.model.view, self.picture.windows_s, step))

    def action_group(self) -> None:
        """Group by the next dimension."""
        if self.picture.held is not None:
            self.notify("a held picture keeps its grouping: resume first", markup=False)
            return
        self._choose(next_grouping(self.model.view))
        self.follow()

    def action_sort(self) -> None:
        """Sort by the next column."""
        current = groups.sort_key(self.picture)
        self._choose(next_sort(self.model.view, groups.COLUMN_KEYS, current))

    def action_reverse(self) -> None:
        """Reverse the order."""
        view = self.model.view
        current = groups.sort_key(self.picture)
        self._choose(replace(view, sort=current, descending=not view.descending))

    def action_panel(self, place: int) -> None:
        """Go to a panel or tab."""
        if isinstance(self.screen, OverviewScreen):
            self.screen.choose_panel(place)
            self.paint()

    def action_maximise(self) -> None:
        """Give the focused panel the whole board, or take it back."""
        if isinstance(self.screen, OverviewScreen):
            self.screen.toggle_zoom(self.screen.focused_panel or groups.GROUPS)
            self.paint()

    def action_leave(self) -> None:
        """Leave, in this order: the maximised panel, the narrowing, the filter."""
        view = self.model.view
        if isinstance(self.screen, OverviewScreen) and self.screen.has_class("-zoom"):
            self.screen.toggle_zoom("")
        elif view.where:
            self._choose(replace(view, where={}))
        elif view.filter:
            self._choose(replace(view, filter=""))

    def action_filter(self) -> None:
        """Let the operator type a filter."""
        if isinstance(self.screen, MonitorScreen):
            self.screen.open_filter(self.model.view.filter)

    def action_refetch(self) -> None:
        """Connect and fetch everything again."""
        self.model.refetch()
        self.follow()
        self.notify("fetching everything again", markup=False)

    def action_copy(self) -> None:
        """Copy the row under the cursor."""
        text = self.screen.copied_text if isinstance(self.screen, MonitorScreen) else ""
        if text:
            self.copy_to_clipboard(text)
            self.notify(f"copied {text[:60]}", markup=False)

    def on_input_changed(self, event: Input.Changed) -> None:
        if isinstance(event.input, FilterBar):
            self._choose(replace(self.model.view, filter=event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.on_filter_bar_closed()

    def on_filter_bar_closed(self) -> None:
        if isinstance(self.screen, MonitorScreen):
            self.screen.close_filter()

    def on_tabs_chosen(self, event: Tabs.Chosen) -> None:
        self.action_panel(event.place)

    def on_live_table_header_selected(self, event: LiveTable.HeaderSelected) -> None:
        is_groups = isinstance(self.screen, OverviewScreen) and (
            event.table is self.screen.tables[groups.GROUPS]
        )
        if not is_groups or event.column not in groups.COLUMN_KEYS:
            return
        view = self.model.view
        descending = not view.descending if view.sort == event.column else True
        self._choose(replace(view, sort=event.column, descending=descending))

    def on_live_table_row_selected(self, event: LiveTable.RowSelected) -> None:
        if not isinstance(self.screen, OverviewScreen):
            return
        match self.screen.focused_panel:
            case "alerts":
                self.open_alert(event.key)
            case "health":
                self.open_check(event.key)
            case "requests":
                self.open_request(event.key)
            case groups.GROUPS:
                labels = groups.group_labels(event.key, self.picture)
                self._choose(replace(self.model.view, where=labels))

    def on_alert_list_opened(self, event: AlertList.Opened) -> None:
        self.open_alert(event.alert_id)

    def _is_valid(self, key: Key) -> bool:
        """Whether a key does something now; the footer and the help of keys go by it."""
        if key.acts:
            alerts = self.picture.live.alerts if self.picture.live is not None else ()
            is_open = any(alert.state != "resolved" for alert in alerts)
            return not self.options.readonly and is_open
        return key.scope == "everywhere" or self.current_mode == "overview"

    def _lend_validity(self) -> None:
        if self.screen_stack and isinstance(self.screen_stack[0], MonitorScreen):
            self.screen_stack[0].is_valid = self._is_valid

    def _runner(self, action: str) -> Callable[[], None]:
        def run() -> None:
            self.call_later(self.run_action, action)

        return run

    def _choose(self, view: View) -> None:
        self.model.choose(view)
        self._show()

    def _show(self) -> None:
        """Answer a key at once, not at the next tick."""
        self.fetch_history()
        self.paint()
