"""The time slots of one length, and the windows that are made of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from llmmon_collector.windows.delta import Delta, Packed, merge, pack, unpack
from llmmon_collector.windows.totals import Totals
from llmmon_collector.windows.whole import WholeRing

Integers = NDArray[np.int64]

SLOT_LENGTHS_S: Final = (1, 5, 20, 60, 300, 600, 1800, 3600, 7200, 14_400, 43_200, 86_400)
"""Each divides the next, so that a slot of one level lies in one slot of any coarser level."""
FINE_WINDOW_S: Final = 300
"""Windows up to this are kept by the second."""
_SLOTS_A_WINDOW: Final = 180
_LOOSE: Final = 8
"""Deltas of one slot that are kept apart before they are merged."""


def slot_length_s(window_s: int) -> int:
    """The slot length of a window: what it forgets at a time, and how far its edge may be off."""
    if window_s <= FINE_WINDOW_S:
        return SLOT_LENGTHS_S[0]
    fit = (length for length in SLOT_LENGTHS_S if length * _SLOTS_A_WINDOW >= window_s)
    return next(fit, SLOT_LENGTHS_S[-1])


class Level:
    """Slots of ``slot_s`` seconds: packed, so that windows can take them away when they expire.

    Those that much comes to while they are current gather it in dense totals until then.
    """

    def __init__(self, slot_s: int, windows_s: Sequence[int], gathers: bool) -> None:
        self.slot_ns = slot_s * 1_000_000_000
        self.totals = {window_s: Totals() for window_s in windows_s}
        self._lengths = {window_s: -(-window_s // slot_s) for window_s in windows_s}
        self._reach = max(self._lengths.values())
        self.whole = WholeRing(2 * self._reach)
        self._open = Totals() if gathers else None
        self._slots: dict[int, list[Packed]] = {}
        self.slot = 0
        """The current slot."""

    def length(self, window_s: int) -> int:
        """How many slots ``window_s`` covers, the current one included."""
        return self._lengths[window_s]

    @property
    def oldest_slot(self) -> int:
        """The oldest slot that is still kept by series."""
        return self.slot - self._reach + 1

    @property
    def oldest_whole_slot(self) -> int:
        """The oldest slot that is still kept for the whole."""
        return self.slot - len(self.whole) + 1

    def now(self, window_s: int) -> tuple[Integers, Integers]:
        """The whole over the window: ``int64[1, COLUMNS]`` and ``int64[1, ROW]``."""
        return self.whole.recent(self.slot, self._lengths[window_s] - 1, 0)

    def before(self, window_s: int) -> tuple[Integers, Integers]:
        """The same over the window just before."""
        length = self._lengths[window_s]
        return self.whole.recent(self.slot, 2 * length - 1, length)

    def is_known_before(self, window_s: int, since_ns: int) -> bool:
        """Whether who watches since ``since_ns`` saw all of the window just before."""
        return since_ns <= (self.slot - 2 * self._lengths[window_s] + 1) * self.slot_ns

    def advance(self, now_ns: int) -> None:
        """Move on: expired slots leave their windows."""
        slot = now_ns // self.slot_ns
        if slot <= self.slot:
            return
        self._close()
        for window_s, length in self._lengths.items():
            self._expire(self.totals[window_s], self.slot - length, slot - length)
        self.whole.clear(self.slot + 1, slot)
        self.slot = slot
        for expired in [kept for kept in self._slots if kept < self.oldest_slot]:
            del self._slots[expired]

    def set_clock(self, now_ns: int) -> None:
        """Go on at ``now_ns``, before or after: the current slot is the one of then."""
        moved = now_ns // self.slot_ns - self.slot
        self.whole.move(moved)
        self._slots = {slot + moved: kept for slot, kept in self._slots.items()}
        self.slot += moved

    def add(self, slot: int, delta: Delta) -> None:
        """Put ``delta`` into ``slot`` and into the windows that still cover it."""
        if slot >= self.oldest_whole_slot:
            self.whole.add(slot, delta)
        if slot < self.oldest_slot:
            return
        for window_s, length in self._lengths.items():
            if slot > self.slot - length:
                self.totals[window_s].add(delta)
        if self._open is not None and slot == self.slot:
            self._open.add(delta)
        else:
            self._keep(slot, delta)

    def deltas(self) -> Iterator[tuple[int, Delta]]:
        """All that is kept by series, with its slot; a slot may come more than once."""
        for slot, kept in self._slots.items():
            for packed in kept:
                yield slot, unpack(packed)
        if self._open is not None:
            yield self.slot, self._open.content()

    def _keep(self, slot: int, delta: Delta) -> None:
        kept = self._slots.setdefault(slot, [])
        kept.append(pack(delta))
        if len(kept) > _LOOSE:
            self._slots[slot] = [pack(merge([unpack(packed) for packed in kept]))]

    def _close(self) -> None:
        if self._open is not None:
            content = self._open.content()
            if len(content.series):
                self._keep(self.slot, content)
                self._open.clear()

    def _expire(self, totals: Totals, last: int, new_last: int) -> None:
        """Take the slots after ``last``, up to ``new_last``, out of ``totals``."""
        for slot in [kept for kept in self._slots if last < kept <= new_last]:
            for packed in self._slots[slot]:
                totals.subtract(unpack(packed))


def build_levels(windows_s: Sequence[int], least_slot_s: int = SLOT_LENGTHS_S[0]) -> list[Level]:
    """The levels that windows of these lengths need, the finest first.

    No slot is shorter than ``least_slot_s``, which is one of ``SLOT_LENGTHS_S``.
    """
    by_slot: dict[int, list[int]] = {}
    for window_s in windows_s:
        slot_s = max(slot_length_s(window_s), least_slot_s)
        by_slot.setdefault(slot_s, []).append(window_s)
    return [
        Level(slot_s, by_slot[slot_s], gathers=slot_s > least_slot_s) for slot_s in sorted(by_slot)
    ]
