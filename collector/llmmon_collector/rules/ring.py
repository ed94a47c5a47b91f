"""Past values of one expression: a row a step of wall time, a column a group. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from llmmon_collector.rules.operations import Column
from llmmon_collector.rules.rows import LabelKey, RowIndex

Block = NDArray[np.float64]
"""Past values: a row a step, a column a group, the last column unknown throughout."""


class Ring:
    """The last ``slots`` steps. Slot ``n`` is the step that begins at wall time ``n * step``.

    A group gets its column with its first value. The last column is nobody's, and unknown: it
    stands for the groups without one.
    """

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.newest: int | None = None
        """The slot that the ring has come to."""
        self.recorded: int | None = None
        """The newest slot that was recorded."""
        self.began: int | None = None
        """The first slot that was recorded."""
        self.refused = 0
        """Groups that found no room when last recorded."""
        self.version = 0
        """Changes with everything that changes a value or a column."""
        self._values: Block = np.full((slots, 1), np.nan)
        self._columns: dict[LabelKey, int] = {}
        self._mapped: tuple[RowIndex, NDArray[np.intp]] | None = None

    @property
    def points(self) -> int:
        """Values that there is memory for."""
        return self._values.size

    def advance(self, slot: int) -> None:
        """Come to ``slot``. Going back drops what was recorded after it."""
        newest = self.newest
        if newest == slot:
            return
        if newest is not None:
            low, high = min(newest, slot) + 1, max(newest, slot)
            stale = np.arange(max(low, high - self.slots + 1), high + 1)
            self._values[stale % self.slots] = np.nan
            if self.recorded is not None:
                self.recorded = min(self.recorded, slot)
        self.newest = slot
        self.version += 1

    def shift(self, slots: int) -> None:
        """The clock was set by ``slots`` steps: what was recorded keeps its age."""
        if slots == 0 or self.newest is None:
            return
        self._values = np.roll(self._values, slots % self.slots, axis=0)
        self.newest += slots
        self.recorded = None if self.recorded is None else self.recorded + slots
        self.began = None if self.began is None else self.began + slots
        self.version += 1

    def is_due(self, slot: int) -> bool:
        """Whether ``slot`` has yet to be recorded."""
        return self.recorded is None or slot > self.recorded

    def record(self, slot: int, index: RowIndex, column: Column, room: int) -> None:
        """Note the values of ``column`` for ``slot``, taking up at most ``room`` more points."""
        self.advance(slot)
        columns = self._with_columns(index, column, room)
        self._values[slot % self.slots, columns] = column
        self._values[slot % self.slots, -1] = np.nan
        self.recorded = slot
        self.began = slot if self.began is None else self.began
        self.version += 1

    def fill(self, slot: int, index: RowIndex, column: Column, room: int) -> None:
        """Note past values where there are none yet."""
        newest = self.newest
        if newest is None or not newest - self.slots < slot <= newest:
            return
        columns = self._with_columns(index, column, room)
        row = self._values[slot % self.slots]
        row[columns] = np.where(np.isnan(row[columns]), column, row[columns])
        row[-1] = np.nan
        self.version += 1

    def resize(self, slots: int) -> None:
        """Keep ``slots`` steps from now on."""
        newest = self.newest
        resized = np.full((slots, self._values.shape[1]), np.nan)
        if newest is not None:
            kept = np.arange(newest - min(slots, self.slots) + 1, newest + 1)
            resized[kept % slots] = self._values[kept % self.slots]
        self._values, self.slots = resized, slots
        self.version += 1

    def block(self, first: int, last: int) -> Block:
        """The values of the slots from ``first`` to ``last``, all within the ring's reach.

        To be read only, and at once.
        """
        low, high = first % self.slots, last % self.slots
        if low <= high:
            return self._values[low : high + 1]
        return np.concatenate([self._values[low:], self._values[: high + 1]])

    def columns(self, index: RowIndex) -> NDArray[np.intp]:
        """The column of each row of ``index``, -1 where it has none."""
        if self._mapped is None or self._mapped[0] is not index:
            found = [self._columns.get(key, -1) for key in index.keys]
            self._mapped = index, np.array(found, np.intp)
        return self._mapped[1]

    def _with_columns(self, index: RowIndex, column: Column, room: int) -> NDArray[np.intp]:
        """As :meth:`columns`, with one for each row that has a value, as far as there is room."""
        lacking = np.flatnonzero((self.columns(index) < 0) & ~np.isnan(column))
        self.refused = 0
        if len(lacking):
            self._make_room(len(lacking), room)
            free = self._values.shape[1] - 1 - len(self._columns)
            for row in lacking[:free].tolist():
                self._columns[index.keys[row]] = len(self._columns)
            self.refused = max(0, len(lacking) - free)
            self._mapped = None
        return self.columns(index)

    def _make_room(self, wanted: int, room: int) -> None:
        width = self._values.shape[1] - 1
        if len(self._columns) + wanted <= width:
            return
        self._forget_unknown()
        needed = len(self._columns) + wanted
        allowed = min(max(needed, 2 * width), width + room // self.slots)
        if needed > width and allowed > width:
            wider = np.full((self.slots, allowed + 1), np.nan)
            wider[:, :width] = self._values[:, :width]
            self._values = wider

    def _forget_unknown(self) -> None:
        """Give up the columns of groups that have no value left."""
        known = set(np.flatnonzero(~np.isnan(self._values).all(axis=0)).tolist())
        kept = {key: i for key, i in self._columns.items() if i in known}
        packed = np.full_like(self._values, np.nan)
        packed[:, : len(kept)] = self._values[:, list(kept.values())]
        self._values = packed
        self._columns = {key: i for i, key in enumerate(kept)}
        self._mapped = None
        self.version += 1
