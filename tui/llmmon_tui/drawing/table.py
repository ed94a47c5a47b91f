"""Columns, cells and lines of a table."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from llmmon_tui.drawing.lines import Line, Span, fit_line
from llmmon_tui.formatting import Align, fit, fit_name, strip_controls
from llmmon_tui.severity import Severity

GUTTER = 3
"""Cells before the first column: cursor, severity, blank."""
CURSOR = "▸"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `width` cells, shown in tables of at least `min_width` cells.

    The first visible column with `flex` takes what the others leave, and no less than `width`.
    """

    key: str
    title: str
    width: int
    align: Align = "left"
    min_width: int = 0
    flex: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """Text with a severity of its own: a breaching cell is marked and coloured.

    `ink` overrides the colour, for instance `muted` for a figure from too few samples.
    """

    text: str
    severity: Severity = Severity.OK
    ink: str = ""
    beside: str | None = None
    """Of a model's name: what tells it from its namesakes, maybe empty. See `fit_name`."""
    spans: bool = False
    """Whether it takes the whole row, indented; the cells after it are not drawn."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row; `key` is its identity from one update to the next, `cells` follow the columns."""

    key: str
    cells: tuple[Cell | str, ...]
    severity: Severity = Severity.OK


@dataclass(frozen=True, slots=True)
class Layout:
    """The visible columns, each with its index among all and its final width."""

    columns: tuple[tuple[int, Column], ...]
    width: int

    def column_at(self, x: int) -> Column | None:
        """The column under cell `x` of a line."""
        start = GUTTER
        for _, column in self.columns:
            if start <= x < start + column.width + 1:
                return column
            start += column.width + 1
        return None


def lay_out(columns: Sequence[Column], width: int) -> Layout:
    """Columns that the table is wide enough for; the flexible one takes the spare cells.

    Columns that the table has no room for leave from the right; the first always stays.
    """
    shown = [(index, column) for index, column in enumerate(columns) if column.min_width <= width]
    while len(shown) > 1 and _spare(shown, width) < 0:
        shown.pop()
    spare = _spare(shown, width)
    for place, (index, column) in enumerate(shown):
        if column.flex and spare > 0:
            shown[place] = (index, replace(column, width=column.width + spare))
            break
    return Layout(tuple(shown), width)


def _spare(shown: Sequence[tuple[int, Column]], width: int) -> int:
    return width - GUTTER - sum(column.width + 1 for _, column in shown) + 1


def header_line(layout: Layout, sort_key: str | None, descending: bool) -> Line:
    """Column titles; the sorted one carries an arrow that is never cut off."""
    arrow = "↓" if descending else "↑"
    spans: list[Span] = [(" " * GUTTER, "muted")]
    for _, column in layout.columns:
        if column.key == sort_key:
            title = fit(column.title, min(len(column.title), column.width - 1)) + arrow
            spans.append((fit(title, column.width, column.align), "strong"))
        else:
            spans.append((fit(column.title, column.width, column.align), "muted"))
        spans.append((" ", "muted"))
    return fit_line(spans, layout.width)


def row_line(row: Row, layout: Layout, is_cursor: bool) -> Line:
    """One row. Cells missing at the end are drawn blank."""
    severity = row.severity
    quiet = severity is Severity.OK
    spans: list[Span] = [
        (CURSOR if is_cursor else " ", "strong"),
        (" " if quiet else severity.glyph, severity.ink),
        (" ", "plain"),
    ]
    for index, column in layout.columns:
        cell = row.cells[index] if index < len(row.cells) else ""
        if isinstance(cell, Cell) and cell.spans:
            return fit_line(
                [*spans, ("  " + cell.text, cell.ink or cell.severity.ink)], layout.width
            )
        spans.append(_cell_span(cell, column))
        spans.append((" ", "plain"))
    return fit_line(spans, layout.width)


def row_text(row: Row) -> str:
    """The row's cells as text to copy, two blanks between them."""
    texts = [cell_text(cell).strip() for cell in row.cells]
    return strip_controls("  ".join(filter(None, texts)))


def cell_text(cell: Cell | str) -> str:
    """All that a cell says."""
    if isinstance(cell, str):
        return cell
    return f"{cell.text}  {cell.beside}" if cell.beside else cell.text


def _cell_span(cell: Cell | str, column: Column) -> Span:
    if isinstance(cell, str):
        return fit(cell, column.width, column.align), "plain"
    mark = cell.severity.glyph if cell.severity.breaching else ""
    ink = cell.ink or cell.severity.ink
    if cell.beside is not None:
        return fit_name(cell.text, cell.beside, column.width), ink
    return fit(mark + cell.text, column.width, column.align), ink
