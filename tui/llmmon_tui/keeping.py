"""The application keeps: choices and views in the settings file, tables and pictures in files."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any, Final

from textual.widgets import Input

from llmmon.errors import LlmmonError, SchemaError
from llmmon_tui.export import Header, csv_text, file_name, json_text, screenshot_name
from llmmon_tui.filtering.saved import SavedView, Views, add, find, remove
from llmmon_tui.outfile import write_export
from llmmon_tui.preferences import Preferences, remember_filter
from llmmon_tui.screens.monitor import MonitorScreen
from llmmon_tui.screens.views import Chosen, ViewsScreen
from llmmon_tui.settings import Settings
from llmmon_tui.themes import THEMES
from llmmon_tui.travel import TravelApp
from llmmon_tui.view import View
from llmmon_tui.widgets.filterbar import FilterBar

_FOREVER_S: Final = 8.0
"""How long a message stays that names a file."""


class KeepingApp(TravelApp):
    """Remembers what the operator chose, and writes what is asked for."""

    _settings: Settings | None = None
    _unkept = ""
    """Why the last choice is not in the file, once that was told."""

    @property
    def settings(self) -> Settings:
        """Where choices are kept; unless a file was given, they end with the screen."""
        if self._settings is None:
            self._settings = Settings(None, THEMES)
        return self._settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        self._settings = settings

    @property
    def views(self) -> Views:
        """The saved views."""
        return self.settings.preferences.views

    async def on_mount(self) -> None:
        preferences = self.settings.preferences
        utc, compare = bool(preferences.utc), bool(preferences.compare)
        if utc or compare:
            super().choose(replace(self.model.view, utc=utc, compare=compare))
        if self.options.view:
            self._begin_with(self.options.view)
        if self.settings.problem:
            self._warn(self.settings.problem)

    def choose(self, view: View) -> None:
        before = self.model.view
        super().choose(view)
        old, new = _kept(before), _kept(self.model.view)
        changed = {name: value for name, value in new.items() if value != old[name]}
        if changed:
            self._keep(replace(self.settings.preferences, **changed))

    def action_filter(self) -> None:
        """Let the operator type a filter."""
        if isinstance(self.screen, MonitorScreen):
            self.screen.filter_bar.history = list(reversed(self.settings.preferences.filters))
            self.screen.views = {view.name: view.filter for view in self.views}
            self.screen.open_filter(self.model.view.filter)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if isinstance(event.input, FilterBar):
            self._keep(remember_filter(self.settings.preferences, event.value))

    def watch_theme(self, theme: str) -> None:
        name = next((name for name, known in THEMES.items() if known == theme), None)
        if self.is_running and name is not None:
            self._keep(replace(self.settings.preferences, theme=name))

    def action_views(self) -> None:
        """Show the saved views."""
        self.push_screen(ViewsScreen(self.views), self._deal_with)

    def action_export(self) -> None:
        """Write the table that has the focus as CSV and JSON."""
        screen = self.screen
        table = screen.table if isinstance(screen, MonitorScreen) else None
        if table is None or not table.rows:
            self.notify("no table has the focus, or it is empty", markup=False)
            return
        picture = self.picture
        header = Header(
            picture.at_ns,
            picture.address if picture.live is None else picture.live.name,
            picture.view.window_s if picture.window is None else picture.window.window_s,
            picture.view.by,
            picture.view.filter,
            picture.is_past,
        )
        for ending, text in (
            ("csv", csv_text(table.columns, table.rows)),
            ("json", json_text(table.columns, table.rows, header)),
        ):
            self._write(file_name(self.place, picture.at_ns, ending), text)

    def action_picture(self) -> None:
        """Write the screen as SVG."""
        name = screenshot_name(self.place, self.picture.at_ns)
        self._write(name, self.export_screenshot(title="llmmon-tui"))

    def open_view(self, name: str) -> None:
        """Go to a saved view."""
        saved = find(self.views, name)
        if saved is None:
            return
        self.choose(_viewed(self.model.view, saved))
        self.start("go", self.go, saved.screen)

    def _deal_with(self, chosen: Chosen | None) -> None:
        if chosen is None:
            return
        try:
            match chosen.deed:
                case "open":
                    self.open_view(chosen.name)
                case "save":
                    self._save(chosen.name)
                case "remove":
                    if self._keep_views(remove(self.views, chosen.name)):
                        self.notify(f"view {chosen.name} is forgotten", markup=False)
        except SchemaError as error:
            self._warn(str(error))

    def _begin_with(self, name: str) -> None:
        saved = find(self.views, name)
        if saved is None:
            self._warn(f"there is no view named {name!r}; v shows those there are")
            return
        self.place = saved.screen
        super().choose(_viewed(self.model.view, saved))

    def _save(self, name: str) -> None:
        view = self.model.view
        saved = SavedView(name, view.filter, view.by, view.window_s, view.sort, self.place)
        if self._keep_views(add(self.views, saved, overwrite=True)):
            self.notify(f"view {name} is kept", markup=False)

    def _keep_views(self, views: Views) -> bool:
        self._unkept = ""
        return self._keep(replace(self.settings.preferences, views=views))

    def _keep(self, preferences: Preferences) -> bool:
        """Whether it is in the file; one reason why not is told once, not at every key."""
        problem = self.settings.save(preferences)
        if problem and problem != self._unkept:
            self._warn(problem)
        self._unkept = problem
        return not problem

    def _write(self, name: str, text: str) -> None:
        if self.is_web:
            self.deliver_text(StringIO(text), save_filename=name)
            return
        try:
            path = write_export(Path.cwd(), name, text)
        except (LlmmonError, OSError) as error:
            self._warn(str(error))
        else:
            self.notify(f"written: {path}", markup=False, timeout=_FOREVER_S)

    def _warn(self, text: str) -> None:
        self.notify(text, severity="warning", markup=False, timeout=_FOREVER_S)


def _kept(view: View) -> dict[str, Any]:
    """Choices that the next run begins with."""
    return {
        "window_s": view.window_s,
        "by": view.by,
        "utc": view.utc,
        "compare": view.compare,
    }


def _viewed(view: View, saved: SavedView) -> View:
    return replace(
        view,
        filter=saved.filter,
        by=saved.by,
        window_s=saved.window_s,
        sort=saved.sort,
        where={},
    )
