"""Running text and facts as lines, for the detail screens."""

from __future__ import annotations

import textwrap
from typing import Final

from llmmon_tui.drawing.lines import Line, fit_line
from llmmon_tui.formatting import fit, strip_controls

_NAME: Final = 15
_LONGEST: Final = 20_000
"""Characters of one text that are laid out: a response can be long."""


def wrap(text: str, ink: str, width: int) -> list[Line]:
    """The text in lines of `width` cells, line ends kept; one blank line for an empty text."""
    paragraphs = text[:_LONGEST].splitlines() or [""]
    lines = [
        part
        for paragraph in paragraphs
        for part in textwrap.wrap(strip_controls(paragraph), max(1, width)) or [""]
    ]
    return [fit_line([(line, ink)], width) for line in lines]


def fact(name: str, value: str, width: int) -> list[Line]:
    """A name and its value, wrapped beside it; nothing for an empty value."""
    if not value:
        return []
    room = max(1, width - _NAME)
    names = [name] + [""] * (len(value) + 1)
    wrapped = wrap(value, "plain", room)
    return [
        fit_line([(fit(label, _NAME), "muted"), *line], width)
        for label, line in zip(names, wrapped, strict=False)
    ]


def heading(text: str, width: int) -> Line:
    """A title with a rule to the right end."""
    title = fit(text, min(len(text), width))
    return fit_line(
        [(title, "strong"), (" " + "─" * max(0, width - len(title) - 1), "muted")], width
    )
