"""The row that names the screens, each with its digit; a click goes there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from textual import events
from textual.message import Message

from llmmon_tui.drawing.lines import Line, Span, fit_line
from llmmon_tui.formatting import width_of
from llmmon_tui.places import PLACES
from llmmon_tui.widgets.linewidget import LineWidget, WidgetOptions


class Nav(LineWidget):
    """` 1 Overview [2 Models] 3 Requests …`; where room is short, digits and the chosen name."""

    DEFAULT_CSS = """
    Nav { height: 1; width: 1fr; }
    """

    class Chosen(Message):
        """A click on the screen at `place`, from 0."""

        def __init__(self, place: int) -> None:
            super().__init__()
            self.place = place

    def __init__(self, chosen: str, **options: Unpack[WidgetOptions]) -> None:
        super().__init__(**options)
        self._chosen = chosen
        self._counts: dict[str, str] = {}

    def set_counts(self, counts: dict[str, str]) -> None:
        """What stands behind a name, such as how many alerts fire."""
        self._counts = counts
        self.redraw()

    def draw_lines(self, width: int, height: int) -> Sequence[Line]:
        spans: list[Span] = [("[" if self._chosen == PLACES[0].id else " ", "accent")]
        for place, (here, title) in enumerate(zip(PLACES, self._titles(width), strict=True), 1):
            is_chosen = here.id == self._chosen
            is_next = place < len(PLACES) and PLACES[place].id == self._chosen
            end = "]" if is_chosen else "[" if is_next else " "
            spans += [(title, "strong" if is_chosen else "muted"), (end, "accent")]
        return [fit_line(spans, width)]

    def on_click(self, event: events.Click) -> None:
        start = 1
        for place, title in enumerate(self._titles(self.content_size.width)):
            end = start + width_of(title) + 1
            if start <= event.x < end:
                self.post_message(self.Chosen(place))
            start = end

    def _titles(self, width: int) -> list[str]:
        full = [
            f"{digit} {place.title}{self._count(place.id)}" for digit, place in enumerate(PLACES, 1)
        ]
        if 1 + sum(width_of(title) + 1 for title in full) <= width:
            return full
        return [
            title if place.id == self._chosen else f"{digit}{self._count(place.id)}"
            for digit, (place, title) in enumerate(zip(PLACES, full, strict=True), 1)
        ]

    def _count(self, place: str) -> str:
        count = self._counts.get(place, "")
        return f"({count})" if count else ""
