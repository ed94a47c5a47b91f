"""The running part of the application: the feed into the model, the model onto the screens."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any, ClassVar, Final

from textual import events
from textual.app import App
from textual.screen import Screen
from textual.timer import Timer
from textual.worker import Worker

from llmmon.errors import LlmmonError
from llmmon.protocol.snapshot import Snapshot
from llmmon_tui.bell import Bell
from llmmon_tui.connecting import connect
from llmmon_tui.connection import Connection
from llmmon_tui.driver import SteadyDriver
from llmmon_tui.feed import Arrived, Lost, Mismatched, News, Rows, Timing
from llmmon_tui.fleet.connection import FleetConnection
from llmmon_tui.formatting import clean
from llmmon_tui.history import POINTS, parse_history
from llmmon_tui.messages import Hangup, HistoryTold, QuestionTold, Told
from llmmon_tui.model import Model, Picture
from llmmon_tui.options import Options
from llmmon_tui.pace import Pace
from llmmon_tui.places import PLACES, SIDE
from llmmon_tui.questions import Question
from llmmon_tui.screens.alerts import AlertsScreen
from llmmon_tui.screens.cost import CostScreen
from llmmon_tui.screens.health import HealthScreen
from llmmon_tui.screens.logs import LogsScreen
from llmmon_tui.screens.models import ModelsScreen
from llmmon_tui.screens.monitor import MonitorScreen
from llmmon_tui.screens.overview import OverviewScreen
from llmmon_tui.screens.quality import QualityScreen
from llmmon_tui.screens.requests import RequestsScreen
from llmmon_tui.screens.sheet import LiveSheet
from llmmon_tui.screens.side import SideScreen
from llmmon_tui.severity import ASCII_CLASS, to_ascii
from llmmon_tui.terminal import POLL_S, backlog, ending_signals, is_gone
from llmmon_tui.themes import OWN, theme_of
from llmmon_tui.view import View

SIDE_BELOW: Final = 60
"""Columns under which the side panel is shown."""
_SECOND_NS: Final = 1_000_000_000
_WIDTHS: Final = [(0, "-side"), (SIDE_BELOW, "-narrow"), (100, "-normal"), (160, "-wide")]
_HEIGHTS: Final = [(0, "-tiny"), (16, "-short"), (30, "-medium"), (50, "-tall")]


class LiveApp(App[None]):
    """Follows a collector and paints when `pace` says.

    `now_ns` is the wall clock, `now_s` a monotonic one.
    """

    TITLE = "llmmon"
    CSS_PATH = "app.tcss"
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {
        SIDE: SideScreen,
        "overview": OverviewScreen,
        "models": ModelsScreen,
        "requests": RequestsScreen,
        "cost": CostScreen,
        "quality": QualityScreen,
        "alerts": AlertsScreen,
        "health": HealthScreen,
        "logs": LogsScreen,
    }

    def __init__(
        self,
        options: Options,
        now_ns: Callable[[], int] = time.time_ns,
        timing: Timing | None = None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        # only where it starts with ANSI colours does Textual leave them out; else they turn grey
        ansi_color = True if os.environ.get("NO_COLOR") else None
        driver = None if os.environ.get("TEXTUAL_DRIVER") else SteadyDriver
        super().__init__(driver_class=driver, ansi_color=ansi_color)
        self.HORIZONTAL_BREAKPOINTS = _WIDTHS
        self.VERTICAL_BREAKPOINTS = _HEIGHTS
        self.options = options
        self.now_ns = now_ns
        self.now_s = now_s
        self.model = Model(options.told_address, View(options.window_s, options.by))
        self.animation_level = "none"
        self._timing = timing
        self._connection: Connection | FleetConnection | None = None
        self._bell = Bell()
        self._pace = Pace(options.rate_hz)
        self._frame: Timer | None = None
        self._has_news = False
        self._is_ending = False
        self.place = PLACES[0].id
        self._cleanup = ExitStack()
        for theme in OWN:
            self.register_theme(theme)
        self.theme = theme_of(options.theme, os.environ)
        self.set_class(options.ascii_only, ASCII_CLASS)

    @property
    def connection(self) -> Connection | FleetConnection:
        """The sockets; there from the start of the event loop."""
        if self._connection is None:
            self._connection = connect(self.options, self._tell, self.now_ns, self._timing)
        return self._connection

    @property
    def picture(self) -> Picture:
        """What there is to show at this instant."""
        return self.model.picture(self.now_ns(), self.connection.states())

    async def on_mount(self) -> None:
        await self.switch_to_fitting_mode(self.size.width)
        self.follow()
        self._paint_in(self._pace.interval_s)
        if not self.is_headless:
            self._cleanup.enter_context(ending_signals(lambda: self.post_message(Hangup())))
            self.set_interval(POLL_S, self._check_terminal)

    async def on_unmount(self) -> None:
        self._is_ending = True
        self.workers.cancel_all()
        self._cleanup.close()
        await self.connection.close()

    def notify(self, message: str, **options: Any) -> None:
        super().notify(to_ascii(message) if self.options.ascii_only else message, **options)

    def follow(self) -> None:
        """Connect, or connect anew, and ask for what ended before."""
        view = self.model.view
        self.start("feed", self.connection.feed.follow, view.by, view.window_s)
        self.start("rows", self._fetch_rows)

    def start(
        self,
        group: str,
        work: Callable[..., Coroutine[Any, Any, None]],
        *given: Any,
        exclusive: bool = True,
    ) -> Worker[None]:
        """Run `work(*given)` beside the screen, in the place of what still runs in the group.

        It is only called once it begins: what is replaced before leaves no coroutine behind.
        """
        begun: Callable[[], Coroutine[Any, Any, None]] = partial(work, *given)
        return self.run_worker(begun, group=group, exclusive=exclusive)

    def paint(self) -> None:
        """Show the picture of this instant on the live screen and the sheets over it."""
        picture = self.picture
        with self.batch_update():
            for screen in self.screen_stack:
                if isinstance(screen, MonitorScreen | LiveSheet):
                    screen.paint(picture)

    def on_told(self, message: Told) -> None:
        match message.news:
            case Arrived(snapshot, missed):
                self._arrive(snapshot, missed)
            case Rows(rows, sampled_out):
                self.model.add_rows(rows, sampled_out)
            case Lost(reason, attempt, retry_s):
                self.model.lose(reason, attempt, self._after(retry_s))
            case Mismatched(reason, retry_s):
                self.model.mismatch(reason, self._after(retry_s))
        self._paint_soon()

    def on_history_told(self, message: HistoryTold) -> None:
        self.model.set_history(message.history, message.where, self.now_ns(), message.held_ns)
        self._paint_soon()

    def on_question_told(self, message: QuestionTold) -> None:
        self.model.answer(
            message.question, message.held_ns, message.value, message.error, self.now_ns()
        )
        self._paint_soon()

    def on_hangup(self) -> None:
        self.exit()

    def on_monitor_screen_resized(self) -> None:
        self.paint()

    def on_monitor_screen_refocused(self) -> None:
        self.paint()

    async def on_resize(self, event: events.Resize) -> None:
        await self.switch_to_fitting_mode(event.size.width)

    def on_app_blur(self) -> None:
        self._pace.is_seen = self.options.side

    def on_app_focus(self) -> None:
        self._pace.is_seen = True
        self._paint_soon()

    def fetch(self) -> None:
        """Ask for what the screen needs and has not, or no longer."""
        if self._is_ending:
            return
        self._fetch_history_if_due()
        base = self.screen_stack[0] if self.screen_stack else None
        if isinstance(base, MonitorScreen):
            picture = self.picture
            asked = self.model.questions_due(base.questions(picture), self.now_ns())
            for question in asked:
                self.start(f"question {question.name}", self._answer, question, picture.held_ns)

    def _fetch_history_if_due(self) -> None:
        params = self.model.history_request(self.now_ns())
        if params is not None:
            self.start("history", self._fetch_history, params)

    def _arrive(self, snapshot: Snapshot, missed: int) -> None:
        if snapshot.by != self.model.view.by:
            return
        before = self.model.live
        self.model.arrive(snapshot, missed, self.now_ns())
        self.fetch()
        if self._bell.rings(snapshot.alerts, snapshot.at_ns) and self.options.bell:
            self.bell()
        if before is None or before.by != snapshot.by:
            self.paint()

    def _paint_soon(self) -> None:
        if not self._has_news:
            self._has_news = True
            self._paint_in(self._pace.wait_s(self.now_s()))

    def _paint_in(self, wait_s: float) -> None:
        """The one frame that is due comes after `wait_s`, whenever it was to come before."""
        if self._frame is not None:
            self._frame.stop()
        self._frame = self.set_timer(wait_s, self._paint_frame)

    def _paint_frame(self) -> None:
        self._frame = None  # a timer must not stop itself
        self._has_news = False
        if self._pace.paints(self.now_s(), backlog(self._driver)):
            self.fetch()
            self.paint()
        self._paint_in(self._pace.interval_s)

    def _tell(self, news: News) -> None:
        self.post_message(Told(news))

    def _after(self, wait_s: float) -> int:
        return self.now_ns() + int(wait_s * _SECOND_NS)

    def _check_terminal(self) -> None:
        if is_gone():
            self.exit()

    async def switch_to_fitting_mode(self, width: int) -> None:
        """Show the screen of `place`, or the side panel where there is no room for the overview."""
        is_side = width < SIDE_BELOW and self.place == PLACES[0].id
        mode = SIDE if self.options.side or is_side else self.place
        if mode != self.current_mode:
            await self.switch_mode(mode)

    async def _answer(self, question: Question, held_ns: int | None) -> None:
        value, error = None, ""
        call, params = self.connection.control.call, dict(question.params)
        if self.options.others and question.merge:
            params["merge"] = list(question.merge)
        try:
            value = question.parse(await call(question.method, question.timeout_s, **params))
        except LlmmonError as failure:
            error = clean(str(failure))
        self.post_message(QuestionTold(question, held_ns, value, error))

    async def _fetch_history(self, params: Mapping[str, Any]) -> None:
        live = self.model.live
        told_ns = self.now_ns() if live is None else live.at_ns
        call = self.connection.control.call
        try:
            result = await call("history", points=POINTS, **params)
            history = parse_history(params["window_s"], result, told_ns)
        except LlmmonError:
            return  # the link says what is wrong; the model asks again
        self.post_message(HistoryTold(history, params["where"], params["end_ns"]))

    async def _fetch_rows(self) -> None:
        try:
            await self.connection.feed.fetch_rows()
        except LlmmonError:
            return  # the tail fills the list all the same
