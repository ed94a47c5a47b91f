"""A title with a rule, above a panel; and the strip of tabs that stands for several panels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Unpack

from textual import events
from textual.message import Message

from llmmon_tui.drawing.lines import Line, Span, fit_line, line_width
from llmmon_tui.formatting import fit, width_of
from llmmon_tui.widgets.linewidget import LineWidget, WidgetOptions

_LONGEST_NAME: Final = 8
FOCUSED_CLASS = "-focused"
"""Put this class on the rule of the panel that has the focus."""


class Rule(LineWidget):
    """`─ Latency ───────── 2 firing ─`."""

    DEFAULT_CSS = """
    Rule { height: 1; width: 1fr; }
    Rule.-focused > .ink--strong { color: $accent; }
    Rule.-focused > .ink--muted { color: $accent; }
    """

    def __init__(self, title: str, **options: Unpack[WidgetOptions]) -> None:
        super().__init__(**options)
        self._title = title
        self._beside = ""

    def set_text(self, title: str, beside: str = "") -> None:
        """The title at the left and what stands at the right end; the latter leaves first."""
        self._title = title
        self._beside = beside
        self.redraw()

    def draw_lines(self, width: int, height: int) -> Sequence[Line]:
        beside = f" {self._beside} ─" if self._beside else ""
        title = f" {self._title} "
        if 1 + width_of(title) + width_of(beside) > width:
            beside = ""
        title = fit(title, min(width_of(title), max(0, width - 1)))
        rule = "─" * max(0, width - 1 - width_of(title) - width_of(beside))
        return [fit_line([("─", "muted"), (title, "strong"), (rule + beside, "muted")], width)]


class Tabs(LineWidget):
    """`─[Latency] Cost  Quality ────`; a click chooses. Names are cut where room is short."""

    DEFAULT_CSS = """
    Tabs { height: 1; width: 1fr; }
    """

    class Chosen(Message):
        """A click on the tab at `place`, from 0."""

        def __init__(self, place: int) -> None:
            super().__init__()
            self.place = place

    def __init__(self, titles: Sequence[str], **options: Unpack[WidgetOptions]) -> None:
        super().__init__(**options)
        self._titles = list(titles)
        self._chosen = 0

    def set_chosen(self, place: int, titles: Sequence[str]) -> None:
        """Mark the tab at `place`."""
        self._chosen = place
        self._titles = list(titles)
        self.redraw()

    def draw_lines(self, width: int, height: int) -> Sequence[Line]:
        spans: list[Span] = [("─", "muted")]
        for place, title in enumerate(self._shown_titles(width)):
            is_chosen = place == self._chosen
            left, right = "[]" if is_chosen else "  "
            spans += [
                (left, "muted"),
                (title, "strong" if is_chosen else "muted"),
                (right, "muted"),
            ]
        spans.append((" " + "─" * max(0, width - line_width(spans) - 1), "muted"))
        return [fit_line(spans, width)]

    def on_click(self, event: events.Click) -> None:
        start = 1
        for place, title in enumerate(self._shown_titles(self.content_size.width)):
            end = start + width_of(title) + 2
            if start <= event.x < end:
                self.post_message(self.Chosen(place))
            start = end

    def _shown_titles(self, width: int) -> list[str]:
        """All of them in full, or with the longest names that still show the last tab."""
        titles = self._titles
        for letters in range(_LONGEST_NAME, 0, -1):
            if 1 + sum(width_of(title) + 2 for title in titles) <= width:
                break
            titles = [_cut_name(title, letters) for title in self._titles]
        return titles


def _cut_name(title: str, letters: int) -> str:
    """`Alerts 3` as `Ale 3`; words after the name leave, a count stays."""
    name, *rest = title.split()
    return " ".join([name[:letters], *(word for word in rest if word.isdigit())])
