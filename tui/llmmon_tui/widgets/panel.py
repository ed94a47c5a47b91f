"""A titled part of the screen."""

from __future__ import annotations

from typing import Unpack

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget

from llmmon_tui.widgets.linewidget import WidgetOptions
from llmmon_tui.widgets.rule import FOCUSED_CLASS, Rule


class Panel(Vertical):
    """A rule with a title over a body. The rule shows where the focus is."""

    DEFAULT_CSS = """
    Panel { height: 1fr; width: 1fr; }
    """

    def __init__(self, title: str, body: Widget, **options: Unpack[WidgetOptions]) -> None:
        super().__init__(**options)
        self.title = title
        self.body = body
        self.rule = Rule(title)
        # a body that takes the focus itself need not be focused twice
        self.can_focus = not body.can_focus

    def compose(self) -> ComposeResult:
        yield self.rule
        yield self.body

    def on_focus(self) -> None:
        self.rule.add_class(FOCUSED_CLASS)

    def on_blur(self) -> None:
        self.rule.remove_class(FOCUSED_CLASS)

    def on_descendant_focus(self) -> None:
        self.rule.add_class(FOCUSED_CLASS)

    def on_descendant_blur(self) -> None:
        self.rule.remove_class(FOCUSED_CLASS)

    def set_beside(self, text: str, title: str = "") -> None:
        """What stands at the right of the rule, and a new title where one is given."""
        self.title = title or self.title
        self.rule.set_text(self.title, text)

    def take_focus(self) -> None:
        """Give the focus to the body, or to the panel when the body takes none."""
        (self if self.can_focus else self.body).focus()
