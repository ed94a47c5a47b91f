"""The application with its sheets: what they show, and what an operator does in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from llmmon.errors import LlmmonError
from llmmon.protocol.snapshot import AlertView
from llmmon_tui.drawing.lines import Line
from llmmon_tui.formatting import clean
from llmmon_tui.messages import Answered, Done
from llmmon_tui.model import Picture
from llmmon_tui.operate import Command, acknowledge, end_silence, mute
from llmmon_tui.panels.alertdetail import alert_lines, stamp
from llmmon_tui.panels.alerts import find_alert
from llmmon_tui.panels.changes import alert_history_lines, history_lines, parse_changes
from llmmon_tui.panels.channels import channel_lines
from llmmon_tui.panels.checkdetail import check_lines, find_check
from llmmon_tui.panels.explanation import explanation_lines, parse_explanation
from llmmon_tui.panels.objectives import objective_lines
from llmmon_tui.panels.prose import wrap
from llmmon_tui.panels.silences import parse_silences
from llmmon_tui.panels.trace import parse_trace
from llmmon_tui.panels.worst import loudest
from llmmon_tui.screens.monitor import MonitorScreen
from llmmon_tui.screens.mute import Mute, MuteScreen
from llmmon_tui.screens.sheet import AlertSheet, LiveSheet, Sheet, Write
from llmmon_tui.screens.silences import SilencesScreen
from llmmon_tui.screens.trace import TraceScreen
from llmmon_tui.screens.wishes import (
    AcknowledgeWanted,
    AlertWanted,
    CheckWanted,
    ExplainWanted,
    TraceWanted,
)
from llmmon_tui.viewing import ViewingApp

_STORE_S: Final = 10.0
"""How long an answer may take for which the store is asked."""
_MOST_CHANGES: Final = 500
_WAITING: Final = "asking the collector …"


class SheetApp(ViewingApp):
    """Opens sheets over the live screens and sends what is decided in them."""

    def action_objectives(self) -> None:
        """Show all SLOs and budgets."""
        self.push_screen(LiveSheet("objectives", objective_lines, self.picture, "o", is_wide=True))

    def action_channels(self) -> None:
        """Show how people are told."""
        self.push_screen(LiveSheet("channels", channel_lines, self.picture, "c", is_wide=True))

    def action_silences(self) -> None:
        """Show what is silenced, by whom and until when."""
        screen = SilencesScreen(self.now_ns, can_act=not self.options.readonly)
        self.push_screen(screen)
        self._fetch_silences(screen)

    def action_history(self) -> None:
        """Show what has become of all alerts."""

        def tell(result: Any) -> Write:
            changes, now_ns = parse_changes(result), self.picture.live_at_ns
            return lambda width: history_lines(changes, now_ns, width)

        self._ask("history of alerts", tell, "transitions", limit=_MOST_CHANGES)

    def action_acknowledge(self) -> None:
        """Acknowledge the alert that is chosen at this instant."""
        alert = self._chosen_alert()
        if alert is not None:
            self._send(acknowledge(alert, self.options.operator))

    def action_mute(self) -> None:
        """Ask how long the alert that is chosen at this instant is to be silenced."""
        alert = self._chosen_alert()
        if alert is None:
            return

        def silence(chosen: Mute | None) -> None:
            if chosen is not None:
                self._send(mute(alert, self.options.operator, chosen.duration_s, chosen.comment))

        self.push_screen(MuteScreen(alert, self.now_ns()), silence)

    def open_alert(self, alert_id: str) -> None:
        """Show everything about an alert; once it has gone, what was last known of it."""
        known = find_alert(self.picture, alert_id)
        if known is None:
            return

        sheet: AlertSheet

        def tell(picture: Picture, width: int) -> list[Line]:
            now_ns = picture.live_at_ns
            lines = alert_lines(find_alert(picture, alert_id) or known, now_ns, width)
            return lines + alert_history_lines(sheet.changes, now_ns, width)

        sheet = AlertSheet(
            alert_id, tell, lambda picture: stamp(find_alert(picture, alert_id)), self.picture
        )
        sheet.can_act = not self.options.readonly and known.state != "resolved"
        self.push_screen(sheet)

    def open_check(self, key: str) -> None:
        """Show everything about the health check whose row has this key."""
        known = find_check(self.picture, key)
        if known is None:
            return

        def tell(picture: Picture, width: int) -> list[Line]:
            return check_lines(find_check(picture, key) or known, picture.at_ns, width)

        self.push_screen(LiveSheet("check", tell, self.picture))

    def open_request(self, request_id: str, among: Sequence[str] = ()) -> None:
        """Show the trace of a request; `among` are those to step to."""
        self.push_screen(TraceScreen(request_id, among))

    def on_alert_wanted(self, wish: AlertWanted) -> None:
        self.open_alert(wish.alert_id)

    def on_check_wanted(self, wish: CheckWanted) -> None:
        self.open_check(wish.key)

    def on_trace_wanted(self, wish: TraceWanted) -> None:
        self.open_request(wish.request_id, wish.among)

    def on_trace_screen_asked(self, message: TraceScreen.Asked) -> None:
        self.start("sheet", self._fill_trace, message.trace_screen, message.request_id)

    def on_answered(self, message: Answered) -> None:
        if message.sheet.is_attached:
            message.sheet.show(message.write)

    def on_done(self, message: Done) -> None:
        if message.is_error:
            self.notify(message.text, severity="error", markup=False)
        else:
            self.notify(message.text, markup=False)

    def on_alert_sheet_explained(self, message: AlertSheet.Explained) -> None:
        self._explain(message.alert_id)

    def on_explain_wanted(self, wish: ExplainWanted) -> None:
        self._explain(wish.alert_id)

    def on_acknowledge_wanted(self, wish: AcknowledgeWanted) -> None:
        for alert_id in wish.alert_ids:
            alert = self._live_alert(alert_id)
            if alert is not None and not self.options.readonly:
                self._send(acknowledge(alert, self.options.operator))

    def on_alert_sheet_outdated(self, message: AlertSheet.Outdated) -> None:
        self.start("history of alert", self._fill_history, message.sheet)

    def on_silences_screen_ended(self, message: SilencesScreen.Ended) -> None:
        screen = message.silences
        command = end_silence(message.id, message.name, self.options.operator)
        self._send(command, lambda: self._fetch_silences(screen))

    def _explain(self, alert_id: str) -> None:
        alert = find_alert(self.picture, alert_id)
        if alert is None:
            self.notify("that alert has gone", markup=False)
            return

        def tell(result: Any) -> Write:
            told = parse_explanation(result)
            return lambda width: explanation_lines(told, width)

        self._ask("why", tell, "explain", name=alert.rule, labels=dict(alert.labels))

    def _chosen_alert(self) -> AlertView | None:
        """The one of the sheet or under the cursor, else the worst that shouts."""
        screen = self.screen
        chosen = screen.chosen_alert if isinstance(screen, MonitorScreen | AlertSheet) else None
        picture = self.picture
        if chosen is None:
            alert, reason = loudest(picture.live), "no new alert; 6 and the arrows choose another"
        else:
            alert, reason = self._live_alert(chosen), "that alert has gone"
        if alert is None:
            self.notify(reason, markup=False)
        return alert

    def _live_alert(self, alert_id: str) -> AlertView | None:
        """What is done to an alert is done to it as it stands, whatever past is shown."""
        live = self.picture.live
        alerts = () if live is None else live.alerts
        return next((one for one in alerts if one.id == alert_id), None)

    def _send(self, command: Command, then: Callable[[], None] | None = None) -> None:
        self.start("operate", self._carry_out, command, then, exclusive=False)

    async def _carry_out(self, command: Command, then: Callable[[], None] | None) -> None:
        try:
            await self.connection.control.call(command.method, **command.params)
        except LlmmonError as error:
            self.post_message(Done(f"{command.method}: {clean(str(error))}", is_error=True))
        else:
            self.post_message(Done(command.done))
        if then is not None:
            then()

    def _ask(self, title: str, tell: Callable[[Any], Write], method: str, **params: Any) -> None:
        sheet = Sheet(title, lambda width: wrap(_WAITING, "muted", width))
        self.push_screen(sheet)
        self.start("sheet", self._fetch, sheet, tell, method, params)

    async def _fetch(
        self, sheet: Sheet, tell: Callable[[Any], Write], method: str, params: dict[str, Any]
    ) -> None:
        try:
            write = tell(await self.connection.control.call(method, _STORE_S, **params))
        except LlmmonError as error:
            reason = str(error)
            self.post_message(Answered(sheet, lambda width: wrap(reason, "warning", width)))
        else:
            self.post_message(Answered(sheet, write))

    def _fetch_silences(self, screen: SilencesScreen) -> None:
        self.start("sheet", self._fill_silences, screen)

    async def _fill_silences(self, screen: SilencesScreen) -> None:
        try:
            found = parse_silences(await self.connection.control.call("silences"))
        except LlmmonError as error:
            screen.fail(clean(str(error)))
        else:
            screen.fill(found)

    async def _fill_trace(self, screen: TraceScreen, request_id: str) -> None:
        try:
            told = await self.connection.control.call("trace", _STORE_S, id=request_id)
            trace = parse_trace(told)
        except LlmmonError as error:
            screen.fail(request_id, clean(str(error)))
        else:
            screen.fill(request_id, trace)

    async def _fill_history(self, sheet: AlertSheet) -> None:
        try:
            told = await self.connection.control.call("transitions", limit=_MOST_CHANGES)
            changes = parse_changes(told)
        except LlmmonError:
            return  # the sheet says what is known without it
        sheet.fill([one for one in changes if one.alert_id == sheet.chosen_alert])
