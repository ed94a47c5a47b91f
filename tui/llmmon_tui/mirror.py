"""What the terminal shows and what it is to show, and the fewest bytes from one to the other.

Between two writes any number of frames may come: only what the last one shows is sent, so that a
slow line never carries a picture that is out of date before it arrives.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Final

from llmmon_tui.frames import NARROW, Cell, Frame, Run
from llmmon_tui.pen import change_ink

_GAP: Final = 3
"""Unchanged cells that are written again because to jump over them is no shorter."""
_NEVER: Final[Cell] = ("", "?")
"""A cell that nothing has been written to."""

_Row = list[Cell]


@dataclass(frozen=True, slots=True)
class _Update:
    y: int
    text: str
    size: int
    """In bytes."""
    is_recoloured: bool
    """Only colours change, no text."""


class Mirror:
    """Two pictures of a terminal, a row a line; what lies beyond its edges is not painted."""

    def __init__(self, width: int | None = None, height: int | None = None) -> None:
        self._width, self._height = width, height
        self._wanted: dict[int, _Row] = {}
        self._shown: dict[int, _Row] = {}
        self._pending: dict[int, None] = {}
        self._first: set[int] = set()
        self._cursor = (0, 0)

    @property
    def pending(self) -> int:
        """Lines of the wanted picture that have changed and are not sent."""
        return len(self._pending)

    @property
    def has_first(self) -> bool:
        """Whether there are lines that go before all others."""
        return bool(self._first)

    def want(self, frame: Frame, first: bool = False) -> None:
        """Paint a frame on the wanted picture; `first` sends its lines before all others."""
        touched: dict[int, None] = {}
        for run in frame.runs:
            if self._height is not None and run.y >= self._height:
                continue
            row = self._wanted.setdefault(run.y, [])
            _put(row, run)
            if self._width is not None and len(row) > self._width:
                _cut(row, self._width)
            touched[run.y] = None
        fresh = {y: None for y in touched if self._wanted[y] != self._shown.get(y)}
        for y in touched.keys() - fresh.keys():
            self._settle(y)
        if first:
            self._pending = fresh | self._pending
            self._first |= fresh.keys()
        else:
            self._pending |= fresh
        self._cursor = frame.cursor

    def demote(self) -> None:
        """No line that is pending goes before others any more."""
        self._first.clear()

    @property
    def cursor(self) -> str:
        """The sequence that puts the cursor where the last frame left it."""
        return move_to(*self._cursor)

    def clear(self, width: int | None = None, height: int | None = None) -> None:
        """Begin anew: nothing is known of the terminal but its size where that is told, and
        nothing wanted of it yet."""
        if width is not None and height is not None:
            self._width, self._height = width, height
        self._wanted.clear()
        self.forget()

    def forget(self) -> None:
        """What the terminal shows is not known any more: all that is wanted is pending."""
        self._shown.clear()
        self._pending = dict.fromkeys(self._wanted)
        self._first.clear()

    def take(self, room: float) -> str:
        """Sequences for about `room` bytes of what is pending, taken to be shown from now on.

        At least one line, as long as one is pending. Where not all of them fit, changed text goes
        before changed colours.
        """
        updates = [self._update(y) for y in self._pending]
        if sum(update.size for update in updates) > room:
            updates.sort(key=lambda update: update.is_recoloured)
        texts: list[str] = []
        for update in updates:
            if room <= 0:
                break
            room -= update.size
            texts.append(update.text)
            self._shown[update.y] = self._wanted[update.y].copy()
            self._settle(update.y)
        return "".join(texts)

    def _settle(self, y: int) -> None:
        self._pending.pop(y, None)
        self._first.discard(y)

    def _update(self, y: int) -> _Update:
        wanted, shown = self._wanted[y], self._shown.get(y, [])
        shown = shown + [_NEVER] * (len(wanted) - len(shown))
        changed = [x for x, cell in enumerate(wanted) if cell != shown[x] and cell != _NEVER]
        if not NARROW.fullmatch("".join(wanted[x][0] + shown[x][0] for x in changed)):
            # who knows where the terminal has put what follows
            changed = [x for x, cell in enumerate(wanted) if cell != _NEVER]
        is_recoloured = all(wanted[x][0] == shown[x][0] for x in changed)
        text = "".join(_row_text(y, wanted, changed))
        return _Update(y, text, len(text.encode()), is_recoloured)


def move_to(y: int, x: int) -> str:
    """Put the cursor on a cell, counted from 0."""
    return f"\x1b[{y + 1};{x + 1}H" if x else f"\x1b[{y + 1}H"


def _put(row: _Row, run: Run) -> None:
    """Lay the cells over the row; of a wide text that loses a cell, the others turn blank."""
    end = run.x + len(run.cells)
    row += [_NEVER] * (end - len(row))
    for x in (run.x, end):
        if x < len(row) and _is_rest(row[x]):
            _blank_around(row, x)
    row[run.x : end] = run.cells


def _cut(row: _Row, width: int) -> None:
    """Take away what lies beyond the edge, and a wide text that the edge would cut."""
    if _is_rest(row[width]):
        _blank_around(row, width)
    del row[width:]


def _is_rest(cell: Cell) -> bool:
    return not cell[0] and cell != _NEVER


def _blank_around(row: _Row, x: int) -> None:
    start = next(at for at in range(x - 1, -1, -1) if row[at][0])
    end = next((at for at in range(x, len(row)) if not _is_rest(row[at])), len(row))
    row[start:end] = [(" ", row[x][1])] * (end - start)


def _row_text(y: int, row: _Row, changed: list[int]) -> Iterator[str]:
    """The sequences that write the changed cells; the ink is plain before and after."""
    ink, at = "", -1
    for start, end in _spans(row, changed):
        yield move_to(y, start) if at < 0 else f"\x1b[{start - at}C"
        at = start
        for after, cells in groupby(row[start:end], key=itemgetter(1)):
            texts = [text for text, _ in cells]
            yield change_ink(ink, after)
            yield _text_at(y, at, texts)
            ink, at = after, at + len(texts)
    yield change_ink(ink, "")


def _spans(row: _Row, changed: list[int]) -> Iterator[tuple[int, int]]:
    """Where to write, from and to, ascending."""
    start = end = -1
    for x in changed:
        if start < 0:
            start = x
        elif x - end > _GAP or _NEVER in row[end:x]:
            yield start, end
            start = x
        end = x + 1
    if start >= 0:
        yield start, end


def _text_at(y: int, x: int, texts: list[str]) -> str:
    """Texts of cells from a place on. After one that terminals may disagree on how wide it is, the
    place of the next is told."""
    whole = "".join(texts)
    if NARROW.fullmatch(whole):
        return whole
    parts: list[str] = []
    is_sure = True
    for place, text in enumerate(texts):
        if text and not is_sure:
            parts.append(move_to(y, x + place))
        is_sure = bool(NARROW.fullmatch(text)) if text else False
        parts.append(text)
    return "".join(parts)
