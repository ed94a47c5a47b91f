"""Key figures in words, side by side in columns: `today  $201.40  from 00:00`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from llmmon_tui.drawing.lines import Line, Span, fit_line
from llmmon_tui.formatting import fit

TITLE_WIDTH: Final = 10
VALUE_WIDTH: Final = 9
NARROWEST: Final = 30
"""Cells of a figure with what stands beside it."""
_GAP: Final = 2
_MOST: Final = {1: 6, 2: 8}
"""Figures shown by number of columns: where there is little room, the first ones alone."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure; `beside` says what it is of, and is cut first."""

    title: str
    value: str
    beside: str = ""
    ink: str = "strong"


def draw_figures(figures: Sequence[Figure], width: int) -> list[Line]:
    """The figures row by row, the first ones first, in lines of `width` cells."""
    if not figures:
        return []
    columns = max(1, min(len(figures), (width + _GAP) // (NARROWEST + _GAP)))
    shown = list(figures[: _MOST.get(columns, len(figures))])
    rows = -(-len(shown) // columns)
    columns = -(-len(shown) // rows)
    cell = max(1, (width + _GAP) // columns - _GAP)
    return [
        fit_line(_row(shown[start : start + columns], cell), width)
        for start in range(0, len(shown), columns)
    ]


def _row(figures: Sequence[Figure], cell: int) -> list[Span]:
    spans: list[Span] = []
    for figure in figures:
        beside = max(0, cell - TITLE_WIDTH - VALUE_WIDTH - 1)
        spans += [
            (" " * _GAP if spans else "", "plain"),
            (fit(figure.title, TITLE_WIDTH), "muted"),
            (fit(figure.value, VALUE_WIDTH, "right"), figure.ink),
            (" " + fit(figure.beside, beside), "muted"),
        ]
    return spans
