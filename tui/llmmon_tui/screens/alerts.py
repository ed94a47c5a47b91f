"""What fires, waits, is silenced; what was; SLO budgets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from textual.binding import BindingType

from llmmon.protocol.snapshot import AlertView
from llmmon_tui.drawing.lines import Line
from llmmon_tui.keys import Key
from llmmon_tui.model import Picture
from llmmon_tui.operate import name_of
from llmmon_tui.panels import alertbeside as beside
from llmmon_tui.panels import alertboard as board
from llmmon_tui.panels.alertquestions import changes_of, questions
from llmmon_tui.panels.metricchart import metric_look
from llmmon_tui.panels.prose import wrap
from llmmon_tui.questions import Question
from llmmon_tui.screens.confirm import ConfirmScreen
from llmmon_tui.screens.detailboard import DetailBoard, own_bindings
from llmmon_tui.screens.wishes import (
    AcknowledgeWanted,
    AlertWanted,
    ExplainWanted,
    MomentWanted,
    ViewWanted,
)
from llmmon_tui.view import View
from llmmon_tui.widgets.chart import Chart
from llmmon_tui.widgets.livetable import LiveTable
from llmmon_tui.widgets.panel import Panel
from llmmon_tui.widgets.prose import Block

ACK_ALL: Final = Key(
    "acknowledge_all",
    "A",
    "A",
    "ack all",
    "Acknowledge all alerts shown; asks first",
    "screen",
    74,
    acts=True,
)


class CurveChart(Chart):
    """The curve of an alert, or a note in its place."""

    note = ""

    def draw_lines(self, width: int, height: int) -> Sequence[Line]:
        if self.note:
            return wrap(self.note, "muted", width)[:height]
        return super().draw_lines(width, height)


class AlertsScreen(DetailBoard):
    """One table of three scopes; the alert under the cursor beside it; objectives and silences."""

    PLACE: ClassVar[str] = "alerts"
    NAME: ClassVar[str] = "alerts"
    KEYS: ClassVar[tuple[Key, ...]] = (
        Key("explain", "e", "e", "why", "Why the alert under the cursor fires", "screen", 64),
        Key("scope", "b", "b", "scope", "Open alerts, all, or their history", "screen", 63),
        Key("moment", "i", "i", "jump", "Go to when it began, on the overview", "screen", 61),
        ACK_ALL,
    )
    OFFERS: ClassVar[frozenset[str]] = frozenset({"sort", "maximise", "explain", "scope", "moment"})
    BINDINGS: ClassVar[list[BindingType]] = own_bindings(KEYS)
    CSS = (
        DetailBoard.CSS
        + """
    #alerts-board { grid-size: 2; grid-rows: 5fr 5fr 4fr; }
    #alerts-list { column-span: 2; }
    .-tall #alerts-board { grid-rows: 1fr 18 14; }
    .-normal.-short #alerts-board, .-wide.-short #alerts-board { grid-rows: 1fr 10; }
    .-normal.-tiny #alerts-board, .-wide.-tiny #alerts-board { grid-rows: 1fr; }
    .-normal.-short #alerts-board > .-last, .-wide.-short #alerts-board > .-last { display: none; }
    .-normal.-tiny #alerts-board > .-under, .-wide.-tiny #alerts-board > .-under { display: none; }
    """
    )

    def __init__(self) -> None:
        self.alerts = LiveTable(board.COLUMNS, empty="")
        self.detail = Block()
        self.curve = CurveChart()
        self.objectives = Block()
        self.silences = Block()
        super().__init__(
            (
                Panel("Alerts", self.alerts, id="alerts-list"),
                Panel("Alert", self.detail, id="alerts-detail", classes="-under"),
                Panel("Curve", self.curve, id="alerts-curve", classes="-under"),
                Panel("SLOs", self.objectives, id="alerts-objectives", classes="-under -last"),
                Panel("Silences", self.silences, id="alerts-silences", classes="-under -last"),
            ),
            below="alerts-detail",
        )
        self._scope: board.Scope = board.SCOPES[0]
        self._newest = False

    @property
    def chosen_alert(self) -> str | None:
        """The one under the cursor at this instant, in whichever scope, wherever the focus is."""
        key, picture = self.alerts.cursor_key, self.picture
        if self._scope != "history" or key is None or picture is None:
            return key
        return next((one.alert_id for one in changes_of(picture) if str(one.seq) == key), None)

    @property
    def copied_text(self) -> str:
        """The row, with its runbook where there is one."""
        alert = self._alert
        runbook = "" if alert is None else alert.runbook
        return "  ".join(filter(None, (super().copied_text, runbook)))

    def questions(self, picture: Picture) -> tuple[Question, ...]:
        return questions(picture, self._alert, is_empty=not board.known_alerts(picture))

    def operate(self, action: str, picture: Picture) -> View | None:
        if action == "maximise":
            self.maximise()
        elif action == "sort":
            self._newest = not self._newest
        return None

    def action_scope(self) -> None:
        """Open alerts, all of them, or what has become of them."""
        at = board.SCOPES.index(self._scope) + 1
        self._scope = board.SCOPES[at % len(board.SCOPES)]
        self.alerts.set_rows(())
        is_history = self._scope == "history"
        self.alerts.set_columns(board.HISTORY if is_history else board.COLUMNS)
        self._repaint()

    def action_explain(self) -> None:
        """Ask why it fires."""
        chosen = self.chosen_alert
        if chosen is not None:
            self.post_message(ExplainWanted(chosen))

    def action_moment(self) -> None:
        """Go to when it began, or to the change under the cursor."""
        at_ns = self._moment_ns()
        if at_ns is not None:
            self.post_message(MomentWanted(at_ns, "overview"))

    def action_acknowledge_all(self) -> None:
        """Ask whether all that are shown at this instant are to be acknowledged."""
        if self.picture is None or not self.is_valid(ACK_ALL):
            return
        shown = board.shown_alerts(self.picture, "open", self._newest)
        ids = board.unacknowledged(self.picture, shown)
        if not ids:
            self.app.notify("no alert that is not taken on yet", markup=False)
            return
        names = [name_of(one) for one in shown if one.id in ids]

        def answer(is_wanted: bool | None) -> None:
            if is_wanted:
                self.post_message(AcknowledgeWanted(ids))

        self.app.push_screen(
            ConfirmScreen(f"acknowledge {len(ids)} alert{'s' * (len(ids) > 1)}?", names), answer
        )

    def on_live_table_row_selected(self, event: LiveTable.RowSelected) -> None:
        chosen = self.chosen_alert
        if chosen is not None:
            self.post_message(AlertWanted(chosen))

    def on_live_table_row_highlighted(self) -> None:
        self._repaint()

    def paint_data(self, picture: Picture) -> None:
        self.alerts.empty = board.nothing_text(picture, self._scope)
        self.alerts.set_rows(board.board_rows(picture, self._scope, self._newest))
        order = "newest first" if self._newest or self._scope == "history" else "worst first"
        title = board.board_title(picture, self._scope)
        self.panels["alerts-list"].set_beside(order, title)
        self._paint_chosen(picture)
        title, told = beside.objectives_title(picture)
        self.panels["alerts-objectives"].set_beside(told, title)
        self.objectives.show(lambda width, height: beside.objectives_lines(picture, width))
        self.silences.show(lambda width, height: beside.silence_lines(picture, width))
        self.paint_board(picture, beside.counts(picture))

    def _paint_chosen(self, picture: Picture) -> None:
        chosen, alert = self.chosen_alert, self._alert
        self.detail.show(lambda width, height: beside.chosen_lines(picture, chosen, width))
        found = None if alert is None else beside.curve(picture, alert)
        self.panels["alerts-curve"].set_beside("" if found is None else found[1])
        self.curve.note = beside.curve_missing(picture, alert) if found is None else ""
        if alert is None or found is None:
            self.curve.redraw()
            return
        drawn = found[0]
        self.curve.look = metric_look(alert.metric)
        self.curve.set_data(
            drawn.series,
            drawn.thresholds,
            drawn.window_s,
            drawn.now_s,
            end_label=drawn.end_label,
        )

    @property
    def _alert(self) -> AlertView | None:
        return None if self.picture is None else beside.find(self.picture, self.chosen_alert)

    def _moment_ns(self) -> int | None:
        key, picture = self.alerts.cursor_key, self.picture
        if self._scope == "history" and picture is not None:
            return next((one.time_ns for one in changes_of(picture) if str(one.seq) == key), None)
        alert = self._alert
        if alert is None:
            return None
        return alert.since_ns if alert.fired_ns is None else alert.fired_ns

    def _repaint(self) -> None:
        if self.picture is not None:
            self.post_message(ViewWanted(self.picture.view))
