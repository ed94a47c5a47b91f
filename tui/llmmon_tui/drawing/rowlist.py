"""Rows of a long table, each made when it is first looked at: a screen shows few of a thousand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import overload

from llmmon_tui.drawing.table import Row


class LazyRows(Sequence[Row]):
    """Rows by their keys, in order; `build` makes the one at a place, at most once."""

    def __init__(self, keys: Sequence[str], build: Callable[[int], Row]) -> None:
        self._keys = keys
        self._build = build
        self._rows: dict[int, Row] = {}

    @property
    def keys(self) -> Sequence[str]:
        """The keys of all rows, none of which this makes."""
        return self._keys

    @property
    def built(self) -> int:
        """How many rows have been made so far."""
        return len(self._rows)

    def __len__(self) -> int:
        return len(self._keys)

    @overload
    def __getitem__(self, place: int) -> Row: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[Row, ...]: ...

    def __getitem__(self, place: int | slice) -> Row | tuple[Row, ...]:
        if isinstance(place, slice):
            return tuple(self[at] for at in range(*place.indices(len(self))))
        at = range(len(self._keys))[place]
        row = self._rows.get(at)
        if row is None:
            row = self._rows[at] = self._build(at)
        return row


def place_of(rows: Sequence[Row], key: str) -> int | None:
    """Where the row with this key is; None when there is no such row."""
    if not isinstance(rows, LazyRows):
        return next((place for place, row in enumerate(rows) if row.key == key), None)
    try:
        return rows.keys.index(key)
    except ValueError:
        return None
