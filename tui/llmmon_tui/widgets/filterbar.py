"""Where a filter is typed: one row with completion, history and what is wrong with the filter."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import ClassVar, Final

from rich.highlighter import Highlighter
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip
from textual.suggester import Suggester
from textual.widgets import Input

from llmmon_tui.drawing.lines import Span
from llmmon_tui.filtering.complete import Suggestion, complete
from llmmon_tui.filtering.problems import Problem, problems
from llmmon_tui.filtering.vocabulary import Vocabulary
from llmmon_tui.formatting import fit, strip_controls, width_of
from llmmon_tui.widgets.ink import COMPONENT_CLASSES, ink_css, ink_strip

MOST_REMEMBERED: Final = 50
_LEAST_ROOM: Final = 8
"""Cells below which a problem is told by its sign alone."""


class _Completion(Suggester):
    """Offers, while one types, the likeliest way to go on that begins with what is typed."""

    def __init__(self, ways: Callable[[], list[Suggestion]]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._ways = ways

    async def get_suggestion(self, value: str) -> str | None:
        longer = (way.text for way in self._ways() if way.text.startswith(value))
        return next((text for text in longer if text != value), None)


class _Underline(Highlighter):
    """Underlines what is wrong."""

    def __init__(self, found: Callable[[], Collection[Problem]]) -> None:
        self._found = found

    def highlight(self, text: Text) -> None:
        for problem in self._found():
            if not problem.unfinished:
                text.stylize("underline", problem.start, problem.end)


class FilterBar(Input):
    """One row that comes with `/` and leaves with enter or escape.

    Tab completes, again and again through the values; the right arrow takes what is offered; up
    and down go through earlier filters. `Input.Changed` tells each change, `Input.Submitted` that
    the filter is to stay.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = COMPONENT_CLASSES
    DEFAULT_CSS = ink_css("FilterBar")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Clear"),
        Binding("tab", "complete(1)", "Complete", show=False),
        Binding("shift+tab", "complete(-1)", "Complete backwards", show=False),
        Binding("up", "recall(-1)", "Earlier filter", show=False),
        Binding("down", "recall(1)", "Later filter", show=False),
    ]

    class Closed(Message):
        """Escape: the filter is to be cleared."""

    def __init__(
        self,
        history: list[str] | None = None,
        vocabulary: Callable[[], Vocabulary] = Vocabulary,
        kinds: Collection[str] = (),
    ) -> None:
        """`history` are earlier filters, oldest first, and gets those that are submitted; `kinds`
        are the names in `filtering.kinds.KINDS` of what the screen shows, all where none is.
        """
        super().__init__(
            placeholder="filter: model:gpt-4o p95>2s error",
            compact=True,
            select_on_focus=False,
            suggester=_Completion(self._ways),
            highlighter=_Underline(lambda: self.problems),
        )
        self.display = False
        self.history: list[str] = [] if history is None else history
        self.vocabulary = vocabulary
        self.kinds = kinds
        self.problems: tuple[Problem, ...] = ()
        self._draft = ""
        self._recalled: int | None = None
        self._cycle: tuple[list[Suggestion], int] | None = None

    def validate_value(self, value: str) -> str:
        """One line, whatever was pasted; what is wrong with it is found before it is drawn."""
        value = strip_controls(value)
        self.problems = problems(value, self.kinds)
        return value

    def action_close(self) -> None:
        """Leave and clear."""
        self._forget_place()
        self.value = ""
        self.post_message(self.Closed())

    async def action_submit(self) -> None:
        """Leave and keep the filter."""
        self._forget_place()
        self._remember(self.value.strip())
        await super().action_submit()

    def action_complete(self, step: int) -> None:
        """Take the likeliest way to go on; after a value or a view, the next likely one."""
        ways, at = self._turn(step)
        if not ways:
            return
        way = ways[at]
        self._cycle = (ways, at) if way.kind in {"value", "view"} else None
        self.value = way.text
        self.cursor_position = way.cursor

    def _turn(self, step: int) -> tuple[list[Suggestion], int]:
        if self._cycle is not None:
            ways, at = self._cycle
            if ways[at].text == self.value:
                return ways, (at + step) % len(ways)
        return self._ways(), 0

    def _ways(self) -> list[Suggestion]:
        return complete(self.value, self.cursor_position, self.vocabulary(), self.kinds)

    def action_recall(self, step: int) -> None:
        """Show an earlier filter, or a later one up to what was being typed."""
        if self._recalled is None:
            self._draft = self.value
        at = len(self.history) if self._recalled is None else self._recalled
        at = max(0, min(at + step, len(self.history)))
        self._recalled = None if at == len(self.history) else at
        self.value = self._draft if self._recalled is None else self.history[at]
        self.cursor_position = len(self.value)

    def _forget_place(self) -> None:
        self._recalled = self._cycle = None
        self._draft = ""

    def _remember(self, text: str) -> None:
        if not text:
            return
        if text in self.history:
            self.history.remove(text)
        self.history.append(text)
        del self.history[:-MOST_REMEMBERED]

    def render_line(self, y: int) -> Strip:
        """The text, and at the right end what is wrong with it, as far as there is room."""
        strip = super().render_line(y)
        width = self.scrollable_content_region.width
        note = self._note(width - width_of(strip.text.rstrip()) - 2)
        if y != 0 or not note:
            return strip
        told = ink_strip(self, note)
        left = strip.crop(0, width - told.cell_length)
        return Strip.join([left.extend_cell_length(width - told.cell_length), told])

    def _note(self, room: int) -> tuple[Span, ...]:
        """The first problem that more typing may not mend, else the first."""
        found = sorted(self.problems, key=lambda one: one.unfinished)
        if not self.value or not found or room < 1:
            return ()
        sign, ink = ("…", "muted") if found[0].unfinished else ("▲", "warning")
        if room < _LEAST_ROOM:
            return ((sign, ink),)
        text = f"{sign} {strip_controls(found[0].text)}"
        return ((fit(text, min(room, width_of(text))), ink),)
