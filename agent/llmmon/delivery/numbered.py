"""Batches that have a sequence number and are still held, oldest first, as columns.

A service can go on for hours without a collector: what is on disk costs some 40 bytes here.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from typing import Final, NamedTuple

_COMPACT: Final = 1024


class Place(NamedTuple):
    """Where a batch's record lies in a spool."""

    segment: int
    """Number of the segment, from 1."""
    offset: int
    length: int


class Entry(NamedTuple):
    """One numbered batch."""

    seq: int
    first_event: int
    events: int
    rank: int
    place: Place | None
    """None while it is in memory alone."""


class Numbered:
    """A sorted table of entries: ends and searches are O(1) or O(log n), dropping is O(n)."""

    def __init__(self) -> None:
        self._seqs = array("Q")
        self._firsts = array("Q")
        self._events = array("I")
        self._ranks = array("B")
        self._segments = array("I")
        self._offsets = array("Q")
        self._lengths = array("I")
        self._start = 0
        self._segment_ranks: dict[int, int] = {}
        self._segment_sizes: dict[int, int] = {}
        self.events = 0
        """Events in all entries."""
        self.spooled = 0
        """Events in entries that are on disk."""

    @property
    def _columns(self) -> tuple[array[int], ...]:
        places = self._segments, self._offsets, self._lengths
        return (self._seqs, self._firsts, self._events, self._ranks, *places)

    def __len__(self) -> int:
        return len(self._seqs) - self._start

    @property
    def oldest(self) -> Entry | None:
        """The entry with the lowest number."""
        return self._entry(self._start) if len(self) else None

    def holds(self, seq: int) -> bool:
        """Whether the batch of that number is held."""
        return self._find(seq) is not None

    def at_or_after(self, seq: int) -> Entry | None:
        """The first entry whose number is ``seq`` or greater."""
        index = bisect_left(self._seqs, seq, self._start)
        return self._entry(index) if index < len(self._seqs) else None

    def up_to(self, seq: int) -> int:
        """How many entries have a number of at most ``seq``."""
        return bisect_right(self._seqs, seq, self._start) - self._start

    def append(self, entry: Entry) -> None:
        """Add ``entry``, whose number is the greatest of all."""
        place = entry.place or Place(0, 0, 0)
        for column, value in zip(self._columns, (*entry[:4], *place), strict=True):
            column.append(value)
        self.events += entry.events
        if entry.place is not None:
            self._count_in(entry.place.segment, entry.rank, entry.events)

    def locate(self, seq: int, place: Place) -> None:
        """The batch ``seq``, held in memory until now, is on disk at ``place``."""
        index = self._find(seq)
        if index is not None:
            self._segments[index], self._offsets[index], self._lengths[index] = place
            self._count_in(place.segment, self._ranks[index], self._events[index])

    def remove(self, seq: int) -> Entry | None:
        """Take out the batch ``seq``; None if it is not held."""
        index = self._find(seq)
        if index is None:
            return None
        entry = self._entry(index)
        if index == self._start:
            self._start += 1
            self._compact()
        else:
            for column in self._columns:
                del column[index]
        self._count_out(entry)
        return entry

    def segment_to_drop(self, sent: int, rank: int) -> int | None:
        """The oldest segment of the lowest rank up to ``rank`` with no batch up to ``sent``."""
        end = bisect_right(self._seqs, sent, self._start)
        touched = set(self._segments[self._start : end])
        found = [
            (its_rank, segment)
            for segment, its_rank in self._segment_ranks.items()
            if its_rank <= rank and segment not in touched
        ]
        return min(found)[1] if found else None

    def remove_segment(self, segment: int) -> list[Entry]:
        """Take out everything that lies in ``segment``."""
        size = len(self._seqs)
        inside = [i for i in range(self._start, size) if self._segments[i] == segment]
        gone = [self._entry(i) for i in inside]
        leave = set(inside)
        kept = [i for i in range(self._start, size) if i not in leave]
        for column in self._columns:
            column[:] = array(column.typecode, [column[i] for i in kept])
        self._start = 0
        for entry in gone:
            self._count_out(entry)
        return gone

    def _find(self, seq: int) -> int | None:
        index = bisect_left(self._seqs, seq, self._start)
        return index if index < len(self._seqs) and self._seqs[index] == seq else None

    def _entry(self, index: int) -> Entry:
        seq, first_event, events, rank, *place = [column[index] for column in self._columns]
        return Entry(seq, first_event, events, rank, Place(*place) if place[0] else None)

    def _compact(self) -> None:
        if self._start >= _COMPACT and self._start * 2 >= len(self._seqs):
            for column in self._columns:
                del column[: self._start]
            self._start = 0

    def _count_in(self, segment: int, rank: int, events: int) -> None:
        self._segment_ranks[segment] = rank
        self._segment_sizes[segment] = self._segment_sizes.get(segment, 0) + 1
        self.spooled += events

    def _count_out(self, entry: Entry) -> None:
        self.events -= entry.events
        if entry.place is None:
            return
        self.spooled -= entry.events
        segment = entry.place.segment
        self._segment_sizes[segment] -= 1
        if not self._segment_sizes[segment]:
            del self._segment_sizes[segment], self._segment_ranks[segment]
