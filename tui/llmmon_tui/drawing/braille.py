"""A canvas of dots, several to a character cell, in braille, quadrant blocks or plain ASCII."""

from dataclasses import dataclass
from typing import Literal

from llmmon_tui.drawing.lines import Span

Marker = Literal["braille", "block", "ascii"]


@dataclass(frozen=True, slots=True)
class MarkerSet:
    """How dots become characters.

    `glyphs[mask]` draws a cell; dot (x, y) of the cell is bit `y * dot_columns + x` of the mask.
    """

    dot_columns: int
    dot_rows: int
    glyphs: str


# U+2800: dots 1-6 run down the left, then the right column; 7 and 8 were added below (Unicode 15).
_BRAILLE_BITS = (0x01, 0x08, 0x02, 0x10, 0x04, 0x20, 0x40, 0x80)


def _braille_glyph(mask: int) -> str:
    bits = sum(bit for index, bit in enumerate(_BRAILLE_BITS) if mask >> index & 1)
    return chr(0x2800 + bits) if bits else " "


MARKERS: dict[Marker, MarkerSet] = {
    "braille": MarkerSet(2, 4, "".join(map(_braille_glyph, range(256)))),
    "block": MarkerSet(2, 2, " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"),
    "ascii": MarkerSet(1, 2, " '.:"),
}


class Canvas:
    """Dots of `width` by `height` cells; the last ink put into a cell colours the whole cell."""

    def __init__(self, width: int, height: int, marker: Marker) -> None:
        self.markers = MARKERS[marker]
        self.width = max(0, width)
        self.height = max(0, height)
        self.dot_width = self.width * self.markers.dot_columns
        self.dot_height = self.height * self.markers.dot_rows
        self._masks = [[0] * self.width for _ in range(self.height)]
        self._inks = [["plain"] * self.width for _ in range(self.height)]

    def column(self, x: int, top: int, bottom: int, ink: str) -> None:
        """Set the dots of column `x` from `top` to `bottom`, both included; row 0 is the top.

        What lies outside the canvas is not drawn.
        """
        if not 0 <= x < self.dot_width:
            return
        per_row, per_column = self.markers.dot_rows, self.markers.dot_columns
        cell_x, dot_x = divmod(x, per_column)
        top, bottom = max(0, top), min(self.dot_height - 1, bottom)
        for y in range(top, bottom + 1):
            cell_y, dot_y = divmod(y, per_row)
            self._masks[cell_y][cell_x] |= 1 << (dot_y * per_column + dot_x)
            self._inks[cell_y][cell_x] = ink

    def line(self, heights: list[int | None], ink: str) -> None:
        """Join one dot a column: `heights[x]` is the dot row from the top, None a gap."""
        before: int | None = None
        for x, y in enumerate(heights):
            if y is not None:
                top, bottom = _towards(y, before)
                self.column(x, top, bottom, ink)
            before = y

    def area(self, heights: list[int | None], ink: str) -> None:
        """Fill each column from `heights[x]` down to the bottom; None is a gap."""
        for x, y in enumerate(heights):
            if y is not None:
                self.column(x, y, self.dot_height - 1, ink)

    def cells(self, row: int) -> list[Span]:
        """Character and ink of each cell of a row."""
        glyphs = self.markers.glyphs
        return [
            (glyphs[mask], ink) for mask, ink in zip(self._masks[row], self._inks[row], strict=True)
        ]

    def text(self) -> list[str]:
        """The rows without inks."""
        return ["".join(char for char, _ in self.cells(row)) for row in range(self.height)]


def _towards(y: int, before: int | None) -> tuple[int, int]:
    """The rows to draw at a column so that it touches the dot of the column before."""
    if before is None or before == y:
        return y, y
    return (y, before - 1) if before > y else (before + 1, y)
