"""Running text and facts as lines, for the detail screens."""

from __future__ import annotations

import textwrap
from typing import Final

from llmmon_tui.drawing.lines import Line, fit_line
from llmmon_tui.formatting import fit, strip_controls, width_of

_NAME: Final = 15
_LONGEST: Final = 20_000
"""Characters of one text that are laid out: a response can be long."""


def wrap(text: str, ink: str, width: int) -> list[Line]:
    """The text in lines of `width` cells, line ends kept; one blank line for an empty text."""
    paragraphs = text[:_LONGEST].splitlines() or [""]
    lines = [
        line
        for paragraph in paragraphs
        for part in textwrap.wrap(strip_controls(paragraph), max(1, width)) or [""]
        for line in _in_cells(part, width)
    ]
    return [fit_line([(line, ink)], width) for line in lines]


def _in_cells(text: str, width: int) -> list[str]:
    """The text cut where it takes more cells than it has characters, as Chinese does."""
    lines, used = [""], 0
    for char in text:
        cells = width_of(char)
        if used + cells > width and lines[-1]:
            lines.append("")
            used = 0
        lines[-1] += char
        used += cells
    return lines


def fact(name: str, value: str, width: int, name_width: int = _NAME) -> list[Line]:
    """A name and its value, wrapped beside it; nothing for an empty value."""
    if not value:
        return []
    name_width = min(name_width, max(_NAME, width // 2))
    room = max(1, width - name_width)
    names = [name] + [""] * (len(value) + 1)
    wrapped = wrap(value, "plain", room)
    return [
        fit_line([(fit(label, name_width), "muted"), *line], width)
        for label, line in zip(names, wrapped, strict=False)
    ]


def heading(text: str, width: int, beside: str = "") -> Line:
    """A title with a rule to the right end, and what stands there where it has room."""
    title = fit(text, min(width_of(text), width))
    end = f" {beside} ─" if beside else ""
    if width_of(title) + 2 + width_of(end) > width:
        end = ""
    rule = "─" * max(0, width - width_of(title) - 1 - width_of(end))
    return fit_line([(title, "strong"), (f" {rule}{end}", "muted")], width)
