"""The whole picture: tiles, charts, alerts, health, groups and requests, laid out by `app.tcss`."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Grid
from textual.widget import Widget

from llmmon_tui.drawing.tile import spark_width
from llmmon_tui.keys import Key
from llmmon_tui.link import LinkState
from llmmon_tui.model import Picture
from llmmon_tui.panels import alerts, groups, health, requests, yesterday
from llmmon_tui.panels.charts import PLOTS
from llmmon_tui.panels.drills import DRILLS, drilled
from llmmon_tui.panels.groups import GROUPS
from llmmon_tui.panels.objectives import strip_height, strip_lines
from llmmon_tui.panels.tiles import FIGURES, tile
from llmmon_tui.questions import Question
from llmmon_tui.screens.monitor import MonitorScreen, dim
from llmmon_tui.screens.wishes import AlertWanted, CheckWanted, TraceWanted, ViewWanted
from llmmon_tui.view import View, sorted_by
from llmmon_tui.widgets.chart import Chart
from llmmon_tui.widgets.livetable import LiveTable
from llmmon_tui.widgets.panel import Panel
from llmmon_tui.widgets.prose import Block
from llmmon_tui.widgets.rule import Tabs
from llmmon_tui.widgets.tile import Tile

TABS: Final = ("latency", "cost", "quality", "volume", "alerts", "health", "requests")
"""The panels that share a place in narrow layouts, in the order of their tabs."""
_TITLES: Final = {"alerts": "Alerts", "health": "Health", "requests": "Requests"}
_ORDER: Final = ("latency", "cost", "alerts", "quality", "volume", "health", GROUPS, "requests")
"""Row by row of the wide layouts."""


class OverviewScreen(MonitorScreen):
    """From 60 columns up."""

    PLACE: ClassVar[str] = "overview"
    OFFERS: ClassVar[frozenset[str]] = frozenset({"group", "sort", "reverse", "maximise"})
    KEYS: ClassVar[tuple[Key, ...]] = (
        Key("tile(-1)", "left", "←", "figure", "The figure before", "screen"),
        Key("tile(1)", "right", "→", "figure", "The next figure", "screen"),
        Key(
            "drill", "d", "d", "drill", "What makes up the figure or the chart chosen", "screen", 40
        ),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "step(1)", "Next panel", show=False),
        Binding("shift+tab", "step(-1)", "Previous panel", show=False),
        *(Binding(key.keys, key.action, key.label, show=False) for key in KEYS),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.tiles = [Tile(figure.title, id=f"tile-{figure.id}") for figure in FIGURES]
        self.charts = {plot.id: Chart(plot.look) for plot in PLOTS}
        self.tables = {
            "alerts": LiveTable(alerts.COLUMNS, empty="no alert"),
            "health": LiveTable(health.COLUMNS, empty="no checks"),
            GROUPS: LiveTable(groups.columns("model"), rests=True),
            "requests": LiveTable(requests.COLUMNS, empty="no requests yet"),
        }
        self.panels = {name: self._panel(name) for name in _ORDER}
        self.objectives = Block(id="objectives")
        self._tab = TABS[0]
        self._firing = 0
        self.tabs = Tabs(self._tab_titles())
        self._by = "model"

    def compose(self) -> ComposeResult:
        yield from self.compose_head()
        with Grid(id="tiles"):
            yield from self.tiles
        yield self.objectives
        yield self.tabs
        with Grid(id="board"):
            yield from self.panels.values()
        yield from self.compose_foot()

    def on_mount(self) -> None:
        self.panels[self._tab].add_class("-chosen")
        self.focus_body()

    @property
    def focused_panel(self) -> str:
        for node in self.focused.ancestors_with_self if self.focused else ():
            if isinstance(node, Panel):
                return node.id or ""
        return ""

    @property
    def chosen_alert(self) -> str | None:
        return self.tables["alerts"].cursor_key if self.focused_panel == "alerts" else None

    def focus_body(self) -> None:
        self.panels[GROUPS].take_focus()

    def choose_panel(self, place: int) -> None:
        """Go to the panel at `place`, from 0; the one that is there already is maximised."""
        name = TABS[place]
        if name == (self._tab if self.has_class("-narrow") else self.focused_panel):
            self.toggle_zoom(name)
            return
        self.toggle_zoom("")
        self.panels[self._tab].remove_class("-chosen")
        self._tab = name
        self.panels[name].add_class("-chosen")
        self.tabs.set_chosen(place, self._tab_titles())
        self.panels[name].take_focus()

    def action_step(self, step: int) -> None:
        """Go to the next or the previous panel; in narrow layouts these are the tabs."""
        if not self.has_class("-narrow"):
            self.focus_next() if step > 0 else self.focus_previous()
            return
        self.choose_panel((TABS.index(self._tab) + step) % len(TABS))

    def action_tile(self, step: int) -> None:
        """Choose the next or the previous figure."""
        chosen = [place for place, one in enumerate(self.tiles) if one.has_class("-chosen")]
        place = (chosen[0] + step if chosen else min(0, step)) % len(self.tiles)
        for tile_ in self.tiles:
            tile_.set_class(tile_ is self.tiles[place], "-chosen")

    def action_drill(self) -> None:
        """Go to what the chosen figure is made of, or the chart that has the focus."""
        chosen = (one.id or "" for one in self.tiles if one.has_class("-chosen"))
        self._drill(next(chosen, self.focused_panel).removeprefix("tile-"))

    def on_tile_opened(self, event: Tile.Opened) -> None:
        self._drill(event.tile_id.removeprefix("tile-"))

    def questions(self, picture: Picture) -> tuple[Question, ...]:
        return yesterday.questions(picture)

    def operate(self, action: str, picture: Picture) -> View | None:
        if action == "maximise":
            self.toggle_zoom(self.focused_panel or GROUPS)
            return None
        return groups.operated(action, picture)

    def on_tabs_chosen(self, event: Tabs.Chosen) -> None:
        self.choose_panel(event.place)

    def on_live_table_header_selected(self, event: LiveTable.HeaderSelected) -> None:
        if self.picture is not None and event.table is self.tables[GROUPS]:
            view = sorted_by(self.picture.view, event.column, groups.COLUMN_KEYS)
            self.post_message(ViewWanted(view))

    def on_live_table_row_selected(self, event: LiveTable.RowSelected) -> None:
        match self.focused_panel:
            case "alerts":
                self.post_message(AlertWanted(event.key))
            case "health":
                self.post_message(CheckWanted(event.key))
            case "requests":
                self.post_message(TraceWanted(event.key))
            case _:
                self._open_group(event.key)

    def toggle_zoom(self, name: str) -> bool:
        """Give one panel the whole board, or none; whether one has it now."""
        was_zoomed = self.has_class("-zoom")
        for panel in self.panels.values():
            panel.set_class(panel.id == name and not was_zoomed, "-zoomed")
        self.set_class(bool(name) and not was_zoomed, "-zoom")
        return self.has_class("-zoom")

    def paint_data(self, picture: Picture) -> None:
        for widget, figure in zip(self.tiles, FIGURES, strict=True):
            width, height = widget.content_size
            widget.set_data(tile(picture, figure, spark_width(width, height)))
        for plot in PLOTS:
            shown = plot.draw(picture)
            self.charts[plot.id].set_data(
                shown.series,
                shown.thresholds,
                shown.window_s,
                shown.now_s,
                end_label=shown.end_label,
            )
        self._paint_objectives(picture)
        self._paint_tables(picture)
        self._paint_titles(picture)
        dimmed: list[Widget] = [
            self.objectives,
            *self.tiles,
            *self.charts.values(),
            *self.tables.values(),
        ]
        dim(dimmed, picture.is_stale)

    def _drill(self, figure: str) -> None:
        if self.picture is not None and figure in DRILLS:
            self.post_message(ViewWanted(*drilled(self.picture, figure)))

    def _open_group(self, key: str) -> None:
        """Narrow to a group; one that is narrowed to already shows its requests."""
        if self.picture is None:
            return
        view, labels = self.picture.view, groups.group_labels(key, self.picture)
        self.post_message(
            ViewWanted(replace(view, where=labels), "requests" if view.where == labels else "")
        )

    def _panel(self, name: str) -> Panel:
        plot = next((plot for plot in PLOTS if plot.id == name), None)
        title = _TITLES.get(name, "by model") if plot is None else plot.title
        body: Widget = self.tables[name] if plot is None else self.charts[name]
        return Panel(title, body, id=name)

    def _tab_titles(self) -> list[str]:
        counts = {"alerts": self._firing or ""}
        return [f"{self.panels[name].title} {counts.get(name, '')}".rstrip() for name in TABS]

    def _paint_objectives(self, picture: Picture) -> None:
        height = strip_height(picture)
        self.objectives.set_class(height == 1, "-one")
        self.objectives.set_class(height > 1, "-two")
        self.objectives.show(lambda width, height: strip_lines(picture, width)[:height])

    def _paint_tables(self, picture: Picture) -> None:
        by = picture.view.by if picture.snapshot is None else picture.snapshot.by
        if by != self._by:
            self._by = by
            self.tables[GROUPS].set_columns(groups.columns(by))
        for table in (self.tables[GROUPS], self.tables["requests"]):
            table.empty = empty_text(picture)
        self.tables[GROUPS].set_sort(groups.sort_key(picture), groups.is_descending(picture))
        self.tables[GROUPS].set_rows(groups.group_rows(picture))
        self.tables["requests"].set_rows(requests.request_rows(picture))
        self.tables["alerts"].empty = "" if picture.live is None else "no alert"
        self.tables["alerts"].set_rows(alerts.alert_rows(picture))
        self.tables["health"].empty = "" if picture.live is None else "no checks"
        self.tables["health"].set_rows(health.health_rows(picture))

    def _paint_titles(self, picture: Picture) -> None:
        by = picture.view.by if picture.snapshot is None else picture.snapshot.by
        rows = len(self.tables[GROUPS].rows)
        self.panels[GROUPS].set_beside(groups.sort_text(picture), f"by {by}  {rows}")
        self.panels["alerts"].set_beside(alerts.counts_text(picture))
        self.panels["health"].set_beside(health.health_text(picture))
        self.panels["requests"].set_beside("errors and slow first")
        self._firing = alerts.firing(picture)
        self.tabs.set_chosen(TABS.index(self._tab), self._tab_titles())


def empty_text(picture: Picture) -> str:
    """What a table without rows says."""
    if picture.snapshot is None:
        is_mismatch = picture.link.state is LinkState.MISMATCH
        return "another protocol version" if is_mismatch else f"connecting to {picture.address}"
    if picture.is_empty:
        return "no events yet; try `llmmon demo`"
    if picture.view.filter:
        return f"nothing passes the filter /{picture.view.filter}"
    return "nothing in this window"
