"""Packed batches that were never sent, in order; when memory is short, by rank and age."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Final, NamedTuple

RANKS: Final = 3
OVERHEAD_BYTES: Final = 512
"""What a batch in memory is charged beside its payload."""


class Sealed(NamedTuple):
    """A packed batch."""

    payload: bytes
    events: int
    rank: int
    """0 goes first when memory is short, 2 last."""
    first_event: int
    """Events emitted before its first."""

    @property
    def cost_bytes(self) -> int:
        """Memory that it is charged for."""
        return len(self.payload) + OVERHEAD_BYTES


class Backlog:
    """A queue from which the oldest of the lowest rank can also be dropped, both in O(1)."""

    def __init__(self) -> None:
        self.bytes = 0
        self.events = 0
        self._batches: OrderedDict[int, Sealed] = OrderedDict()
        self._by_rank = tuple(deque[int]() for _ in range(RANKS))
        self._appended = 0

    def append(self, sealed: Sealed) -> None:
        """Put ``sealed`` at the end."""
        self._batches[self._appended] = sealed
        self._by_rank[sealed.rank].append(self._appended)
        self._appended += 1
        self.bytes += sealed.cost_bytes
        self.events += sealed.events

    @property
    def oldest(self) -> Sealed | None:
        """The batch to send next."""
        return next(iter(self._batches.values()), None)

    def pop(self) -> Sealed:
        """Take the oldest.

        Raises:
            StopIteration: there is none.
        """
        key = next(iter(self._batches))
        # the oldest of all is also the oldest of its rank
        self._by_rank[self._batches[key].rank].popleft()
        return self._take(key)

    def drop(self) -> Sealed | None:
        """Take the oldest of the lowest rank, None when empty."""
        for keys in self._by_rank:
            if keys:
                return self._take(keys.popleft())
        return None

    def _take(self, key: int) -> Sealed:
        sealed = self._batches.pop(key)
        self.bytes -= sealed.cost_bytes
        self.events -= sealed.events
        return sealed
