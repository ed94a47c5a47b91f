"""The application's view: which screen, which window and grouping, which clock."""

from __future__ import annotations

from llmmon_tui.live import LiveApp
from llmmon_tui.screens.monitor import MonitorScreen
from llmmon_tui.view import View
from llmmon_tui.zone import Zone


class ViewingApp(LiveApp):
    """Goes where the operator chooses."""

    _zone: Zone | None = None

    async def on_unmount(self) -> None:
        self._show_zone(utc=False)

    def choose(self, view: View) -> None:
        """Go to another view; by another grouping, the feed follows that one."""
        before = self.model.view
        if view.by != before.by and self.picture.held is not None and not self.picture.is_past:
            self.notify("a held picture keeps its grouping: resume first", markup=False)
            return
        self._show_zone(view.utc)
        self.model.choose(view)
        if view.by != before.by or (self.options.others and view.window_s != before.window_s):
            self.follow()
        self.show()

    def show(self) -> None:
        """Answer a key at once, not at the next tick."""
        self.fetch()
        self.paint()

    async def go(self, place: str, order: str = "") -> None:
        """Go to a screen of `PLACES`, and have its list in this order where one is wanted."""
        self.place = place
        await self.switch_to_fitting_mode(self.size.width)
        base = self.screen_stack[0]
        if order and isinstance(base, MonitorScreen):
            base.arrive(order)
        self.show()

    def _show_zone(self, utc: bool) -> None:
        if self._zone is None:
            self._zone = Zone()
        self._zone.show(utc)
