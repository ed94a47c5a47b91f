"""What Textual writes to paint: a cursor position, then text in colours, line by line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from rich.cells import cell_len, get_character_cell_size

_TOKEN: Final = re.compile(
    r"\x1b\[(\d+);(\d+)H"  # cursor position, counted from 1
    r"|\x1b\[([\d;]*)m"  # colours and attributes
    r"|([^\x00-\x1f\x7f-\x9f]+)"
    r"|\n"  # between lines, before the next position
)
NARROW: Final = re.compile(
    "[ -~\xa1-\xac\xae-\u02ff\u2010-\u2026\u2500-\u25fc\u25ff\u2800-\u28ff]*"
)
"""Texts of which every character is one cell wide, whatever stands beside it."""

Cell = tuple[str, str]
"""Text and ink (the parameters of its SGR sequence). A wide text's further cells hold no text."""


@dataclass(frozen=True, slots=True)
class Run:
    """Cells in one ink from a place on, counted from 0."""

    y: int
    x: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """What is painted, in order, and where the cursor ends, counted from 0."""

    runs: list[Run]
    cursor: tuple[int, int]


def parse_frame(data: str) -> Frame | None:
    """The frame that `data` paints; None where it holds anything else."""
    runs: list[Run] = []
    x, y, ink, end = -1, -1, "", 0
    for found in _contiguous(data):
        end = found.end()
        row, column, colours, text = found.groups()
        if row is not None:
            y, x = int(row) - 1, int(column) - 1
        elif colours is not None:
            ink = _join_inks(ink, colours)
        elif text is not None:
            if x < 0:
                return None
            cells = to_cells(text, ink)
            runs.append(Run(y, x, cells))
            x += len(cells)
    return Frame(runs, (y, x)) if y >= 0 and end == len(data) else None


@lru_cache(8192)
def to_cells(text: str, ink: str) -> tuple[Cell, ...]:
    """The cells that a text takes on the terminal."""
    if NARROW.fullmatch(text):
        return tuple((character, ink) for character in text)
    cells: list[Cell] = []
    for character in text:
        width = get_character_cell_size(character)
        if width:
            cells += [(character, ink), *[("", ink)] * (width - 1)]
        elif cells:
            _extend_last(cells, character)
    width = cell_len(text)
    return tuple(cells) if len(cells) == width else ((text, ink), *[("", ink)] * (width - 1))


def _contiguous(data: str) -> Iterator[re.Match[str]]:
    """Tokens from the start on, up to what is none."""
    at = 0
    while found := _TOKEN.match(data, at):
        at = found.end()
        yield found


def _extend_last(cells: list[Cell], mark: str) -> None:
    place = next(at for at in range(len(cells) - 1, -1, -1) if cells[at][0])
    text, ink = cells[place]
    cells[place] = (text + mark, ink)


@lru_cache(4096)
def _join_inks(before: str, colours: str) -> str:
    if colours in {"", "0"}:
        return ""
    return f"{before};{colours}" if before else colours
