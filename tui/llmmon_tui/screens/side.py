"""The side panel: alerts and bad requests in a narrow strip beside the work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Grid
from textual.geometry import Size
from textual.message import Message
from textual.widget import Widget

from llmmon_tui.drawing.lines import Line, fit_line
from llmmon_tui.drawing.tile import spark_width
from llmmon_tui.formatting import fit
from llmmon_tui.model import Picture
from llmmon_tui.operate import name_of
from llmmon_tui.panels.alerts import count_segments, find_alert
from llmmon_tui.panels.alertview import breach_text
from llmmon_tui.panels.health import health_segments
from llmmon_tui.panels.side import Block, alert_blocks, tail_lines, visible_lines
from llmmon_tui.panels.tiles import FIGURES, tile
from llmmon_tui.panels.worst import is_troubled
from llmmon_tui.screens.monitor import MonitorScreen, dim
from llmmon_tui.screens.wishes import AlertWanted
from llmmon_tui.widgets import prose
from llmmon_tui.widgets.linewidget import LineWidget
from llmmon_tui.widgets.rule import Rule
from llmmon_tui.widgets.statusline import StatusLine
from llmmon_tui.widgets.tile import Tile


class AlertList(LineWidget, can_focus=True):
    """Alerts in one or two lines each.

    The cursor begins on the newest and stays with its alert: a newer one does not come under it.
    """

    DEFAULT_CSS = """
    AlertList { height: auto; width: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("enter", "open", "Details", show=False),
    ]

    class Opened(Message):
        """Enter on an alert."""

        def __init__(self, alert_id: str) -> None:
            super().__init__()
            self.alert_id = alert_id

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._picture: Picture | None = None
        self._height = 1
        self._cursor_id: str | None = None

    @property
    def cursor_id(self) -> str | None:
        """The alert under the cursor."""
        return self._cursor_id

    @property
    def cursor_text(self) -> str:
        """What the alert under the cursor says."""
        alert = None
        if self._picture is not None and self._cursor_id is not None:
            alert = find_alert(self._picture, self._cursor_id)
        return "" if alert is None else f"{name_of(alert)}  {breach_text(alert)}"

    def show(self, picture: Picture) -> None:
        """Show the alerts of a picture; a cursor whose alert has gone goes to the newest."""
        self._picture = picture
        ids = self.ids
        if self._cursor_id not in ids:
            self._cursor_id = ids[0] if ids else None
        before, self._height = self._height, self._lines_needed()
        if self._height != before:
            self.refresh(layout=True)
        self.redraw()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return self._height

    def draw_lines(self, width: int, height: int) -> Sequence[Line]:
        if self._picture is None:
            return ()
        blocks = alert_blocks(self._picture, width, self._cursor_id)
        if not blocks and self._picture.live is not None:
            return [fit_line([(fit("no alert", width, "center"), "muted")], width)]
        return visible_lines(blocks, self._cursor_id, height)

    def action_move(self, places: int) -> None:
        """Move the cursor by so many alerts, down when positive."""
        ids = self.ids
        if self._cursor_id in ids:
            place = ids.index(self._cursor_id) + places
            self._cursor_id = ids[max(0, min(place, len(ids) - 1))]
            self.redraw()

    def action_open(self) -> None:
        """Ask for the details of the alert under the cursor."""
        if self._cursor_id is not None:
            self.post_message(self.Opened(self._cursor_id))

    @property
    def ids(self) -> list[str]:
        """Of all alerts, in their order."""
        return [block.alert_id for block in self._blocks()]

    def _lines_needed(self) -> int:
        return max(1, sum(len(block.lines) for block in self._blocks()))

    def _blocks(self) -> list[Block]:
        return [] if self._picture is None else alert_blocks(self._picture, 1, None)


class SideScreen(MonitorScreen):
    """Below 60 columns, and with `--alerts` at any width."""

    PLACE: ClassVar[str] = "overview"

    def __init__(self) -> None:
        super().__init__()
        self.counts = StatusLine()
        self.tiles = [Tile(figure.title, id=f"tile-{figure.id}") for figure in FIGURES]
        self.health = StatusLine(id="side-health")
        self.alerts = AlertList(id="side-alerts")
        self.tail = prose.Block(id="side-tail")
        self.alerts_rule = Rule("alerts")
        self.tail_rule = Rule("tail", id="side-tail-rule")

    def compose(self) -> ComposeResult:
        yield from self.compose_head()
        yield self.counts
        with Grid(id="side-tiles"):
            yield from self.tiles
        yield self.health
        yield self.alerts_rule
        yield self.alerts
        yield self.tail_rule
        yield self.tail
        yield from self.compose_foot()

    def on_alert_list_opened(self, event: AlertList.Opened) -> None:
        self.post_message(AlertWanted(event.alert_id))

    def on_mount(self) -> None:
        self.tail_rule.set_text("tail", "newest last")
        self.focus_body()

    @property
    def focused_panel(self) -> str:
        return "alerts"

    @property
    def chosen_alert(self) -> str | None:
        return self.alerts.cursor_id

    @property
    def copied_text(self) -> str:
        return self.alerts.cursor_text

    def focus_body(self) -> None:
        self.alerts.focus()

    def paint(self, picture: Picture) -> None:
        super().paint(picture)
        # the list below has every alert: row two only tells of what is not in it
        live = picture.live
        is_told = live is not None and not (is_troubled(live) or picture.is_empty)
        self.worst.display = picture.is_stale or picture.is_past or not is_told

    def paint_data(self, picture: Picture) -> None:
        self.counts.set_segments(count_segments(picture))
        self.health.set_segments(health_segments(picture))
        for widget, figure in zip(self.tiles, FIGURES, strict=True):
            width, height = widget.content_size
            widget.set_data(tile(picture, figure, spark_width(width, height)))
        self.alerts.show(picture)
        count = len(self.alerts.ids)
        self.alerts_rule.set_text(f"alerts  {count}" if count else "alerts", "newest first")
        self.tail.show(lambda width, height: tail_lines(picture, width, height))
        dimmed: list[Widget] = [*self.tiles, self.counts, self.health, self.alerts, self.tail]
        dim(dimmed, picture.is_stale)
