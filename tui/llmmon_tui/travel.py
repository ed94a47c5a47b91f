"""The application in time: back into what is stored, to an instant, and to the present again."""

from __future__ import annotations

from typing import Final

from llmmon.errors import LlmmonError
from llmmon_tui import fields
from llmmon_tui.formatting import clean
from llmmon_tui.instant import InstantError, parse_instant, step_s
from llmmon_tui.messages import Travelled
from llmmon_tui.panels.values import moment_text
from llmmon_tui.rows import RequestRow, parse_rows
from llmmon_tui.screens.seek import SeekScreen
from llmmon_tui.screens.wishes import MomentWanted
from llmmon_tui.sheets import SheetApp
from llmmon_tui.view import View, nearest_window

_SECOND_NS: Final = 1_000_000_000
_MINUTE_NS: Final = 60 * _SECOND_NS
_STORE_S: Final = 20.0
_ROWS: Final = 200


class TravelApp(SheetApp):
    """Holds pictures of the past, which the collector makes of its store."""

    _goal_ns: int | None = None
    """The instant that is being fetched: steps made meanwhile start from it."""

    def action_travel(self, steps: int) -> None:
        """Go so many steps back in time; forward when negative, up to the present."""
        picture = self.picture
        if picture.live is None:
            return
        at_ns = picture.at_ns if self._goal_ns is None else self._goal_ns
        at_ns -= at_ns % _MINUTE_NS  # what is stored, is by the minute
        window = picture.window
        window_s = self.model.view.window_s if window is None else window.window_s
        self.travel(at_ns - steps * step_s(window_s) * _SECOND_NS)

    def action_pause(self) -> None:
        """Hold the picture or let it go."""
        if self.picture.held is not None:
            self.action_resume()
            return
        self._stay()
        self.model.toggle_pause(self.now_ns())
        self.show()

    def action_resume(self) -> None:
        """Back to the live picture."""
        self._stay()
        if self.picture.held is not None:
            self.model.toggle_pause(self.now_ns())
        self.show()

    def action_seek(self) -> None:
        """Ask for a time to go to."""

        def go(text: str | None) -> None:
            if text is None:
                return
            try:
                self.travel(parse_instant(text, self.picture.live_at_ns))
            except InstantError as error:
                self.notify(str(error), severity="warning", markup=False)

        self.push_screen(SeekScreen(), go)

    def on_moment_wanted(self, wish: MomentWanted) -> None:
        self.travel(wish.at_ns)
        if wish.place:
            self.start("go", self.go, wish.place)

    def on_travelled(self, message: Travelled) -> None:
        if message.goal_ns != self._goal_ns:
            return  # the operator has turned elsewhere while it was on its way
        self._goal_ns = None
        if message.error:
            self.notify(message.error, severity="warning", markup=False)
            return
        if message.snapshot is not None:
            self.model.travel(message.snapshot, message.tail, self.now_ns())
        self.show()

    def travel(self, at_ns: int) -> None:
        """Show the picture as of `at_ns` of the collector's clock; the present is shown live."""
        if at_ns >= self.picture.live_at_ns - _SECOND_NS:
            self.action_resume()
            return
        self._goal_ns = at_ns
        self.start("travel", self._fetch_past, at_ns, self.model.view)

    def choose(self, view: View) -> None:
        before = self.model.view
        super().choose(view)
        after = self.model.view
        held_ns = self.picture.held_ns if self.picture.is_past else None
        past_ns = held_ns if self._goal_ns is None else self._goal_ns
        if past_ns is not None and (after.by, after.window_s) != (before.by, before.window_s):
            self.travel(past_ns)

    def _stay(self) -> None:
        """Give up going where a step has led."""
        self._goal_ns = None
        self.workers.cancel_group(self, "travel")

    async def _fetch_past(self, at_ns: int, view: View) -> None:
        call = self.connection.control.call
        try:
            window_s = nearest_window(self.picture.windows_s, view.window_s)
            told = await call("snapshot", _STORE_S, by=view.by, at_ns=at_ns, windows_s=[window_s])
            snapshot = fields.snapshot(told)
            rows = await self._fetch_rows_of(snapshot.at_ns)
        except LlmmonError as error:
            reason = f"{moment_text(at_ns, self.now_ns())}: {clean(str(error))}"
            self.post_message(Travelled(at_ns, None, (), reason))
        else:
            self.post_message(Travelled(at_ns, snapshot, rows))

    async def _fetch_rows_of(self, until_ns: int) -> tuple[RequestRow, ...]:
        """Requests that ended before an instant, the newest first."""
        told = await self.connection.control.call(
            "requests",
            _STORE_S,
            limit=_ROWS,
            only="all",
            where={},
            since_ns=None,
            until_ns=until_ns,
        )
        return tuple(parse_rows(told))
