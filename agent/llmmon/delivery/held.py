"""Every batch of an epoch that is neither acknowledged nor lost: in memory or on disk.

First come those that have a number, then those that were never sent nor written. No socket, no
disk, no clock: what is on disk is known by its place.
"""

from __future__ import annotations

from llmmon.delivery.backlog import OVERHEAD_BYTES, Backlog, Sealed
from llmmon.delivery.numbered import Entry, Numbered, Place


class Held:
    """Batches in order of their events."""

    def __init__(self) -> None:
        self.numbered = Numbered()
        self.unsent = Backlog()
        self.next_seq = 1
        """The number of the next batch that gets one."""
        self.released: list[int] = []
        """Segments, one entry for each of their batches that is held no more."""
        self._payloads: dict[int, bytes] = {}
        self._payload_bytes = 0

    @property
    def memory_bytes(self) -> int:
        """Memory that payloads are charged for."""
        return self._payload_bytes + self.unsent.bytes

    @property
    def events(self) -> int:
        """Events in all batches."""
        return self.numbered.events + self.unsent.events

    @property
    def base_seq(self) -> int:
        """The oldest number held, or the next one."""
        oldest = self.numbered.oldest
        return self.next_seq if oldest is None else oldest.seq

    @property
    def first_event(self) -> int | None:
        """Offset of the oldest event, None where nothing is held."""
        oldest = self.numbered.oldest or self.unsent.oldest
        return None if oldest is None else oldest.first_event

    def at_or_after(self, seq: int) -> tuple[Entry, bytes] | None:
        """The first batch numbered ``seq`` or greater, else the first unsent one.

        With it its payload, empty when it is on disk.
        """
        entry = self.numbered.at_or_after(seq)
        if entry is not None:
            return entry, self._payloads.get(entry.seq, b"")
        return self._first_unsent()

    def oldest_in_memory(self) -> tuple[Entry, bytes] | None:
        """The oldest batch that is not on disk, with the number that it has or would get."""
        seq = next(iter(self._payloads), None)
        return self._first_unsent() if seq is None else self.at_or_after(seq)

    def _first_unsent(self) -> tuple[Entry, bytes] | None:
        sealed = self.unsent.oldest
        return None if sealed is None else (_numbered(self.next_seq, sealed), sealed.payload)

    def number(self, place: Place | None = None) -> None:
        """Give the oldest unsent batch its number; with ``place`` it leaves memory."""
        sealed = self.unsent.pop()
        entry = _numbered(self.next_seq, sealed)
        self.take(entry._replace(place=place), sealed.payload)

    def take(self, entry: Entry, payload: bytes) -> None:
        """Hold a batch that has a number, greater than any before."""
        self.next_seq = entry.seq + 1
        self.numbered.append(entry)
        if entry.place is None:
            self._payloads[entry.seq] = payload
            self._payload_bytes += len(payload) + OVERHEAD_BYTES

    def move(self, seq: int, place: Place) -> None:
        """The batch ``seq`` is on disk: let its payload go."""
        self.numbered.locate(seq, place)
        self._forget(seq)

    def settle(self, seq: int) -> int:
        """Hold the batch ``seq`` no more; its events, 0 if it was not held."""
        entry = self.numbered.remove(seq)
        if entry is None:
            return 0
        if entry.place is None:
            self._forget(seq)
        else:
            self.released.append(entry.place.segment)
        return entry.events

    def drop_from_memory(self, sent: int) -> int:
        """Drop, in memory, the oldest batch of the lowest rank that was never sent; its events."""
        dropped = self.unsent.drop()
        if dropped is not None:
            return dropped.events
        never_sent = next((seq for seq in self._payloads if seq > sent), None)
        return 0 if never_sent is None else self.settle(never_sent)

    def drop_segment(self, sent: int, rank: int) -> int:
        """Drop the oldest segment of the lowest rank up to ``rank`` that was never sent."""
        segment = self.numbered.segment_to_drop(sent, rank)
        if segment is None:
            return 0
        gone = self.numbered.remove_segment(segment)
        self.released += [segment] * len(gone)
        return sum(entry.events for entry in gone)

    def _forget(self, seq: int) -> None:
        payload = self._payloads.pop(seq, None)
        if payload is not None:
            self._payload_bytes -= len(payload) + OVERHEAD_BYTES


def _numbered(seq: int, sealed: Sealed) -> Entry:
    return Entry(seq, sealed.first_event, sealed.events, sealed.rank, None)
