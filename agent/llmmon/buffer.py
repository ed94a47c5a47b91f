"""Where calling threads leave their events: deques that take an append and nothing else.

A lane never blocks its callers: ``deque.append``, ``deque.popleft`` and ``next(count)`` are
atomic, so no lock is needed, and a signal handler or a fork can come at any instruction.
"""

from __future__ import annotations

from collections import deque
from itertools import count

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Gate(Protocol):
        """What a lane asks of the monitor that owns it."""

        closed: bool

        def wake(self, urgent: bool) -> None:
            """See to it that the sender looks at the lanes; soon if ``urgent``."""


HIGH = 1024
"""Rows waiting in a lane from which on the sender is called before its time."""


class Tally:
    """A counter that any thread bumps without a lock."""

    __slots__ = ("_count", "bump")

    def __init__(self) -> None:
        self._count = count()
        self.bump = self._count.__next__

    @property
    def value(self) -> int:
        """How often ``bump`` was called."""
        # "count(n)" is the only way to read the next number without taking it
        return int(repr(self._count)[6:-1])


class Lane:
    """Rows of one sort, oldest first, at most ``capacity`` of them: beyond, the oldest goes.

    Callers read ``len(rows)``, append to ``rows``, and call ``edge`` if they found the lane empty
    or at least ``HIGH`` rows in it.
    """

    __slots__ = ("_gate", "capacity", "discarded", "dropped", "rows", "taken")

    def __init__(self, gate: Gate, capacity: int) -> None:
        self._gate = gate
        self.rows: deque[Any] = deque()
        self.capacity = capacity
        self.reset()

    def reset(self) -> None:
        """Forget all rows and counts. ``rows`` stays the same object: recorders are bound to it."""
        self.rows.clear()
        self.taken = 0
        self.dropped = Tally()
        self.discarded = Tally()

    def put(self, row: Any) -> None:
        """Append ``row``, the unhurried way."""
        waiting = len(self.rows)
        self.rows.append(row)
        if not 0 < waiting < HIGH:
            self.edge()

    def edge(self) -> None:
        """Make room, wake the sender, or throw away what comes after shutdown."""
        if self._gate.closed:
            self._shed(0, self.discarded)
            return
        if len(self.rows) > self.capacity:
            self._shed(self.capacity, self.dropped)
        self._gate.wake(len(self.rows) >= HIGH)

    def discard(self) -> None:
        """Throw away all rows and count them as discarded."""
        self._shed(0, self.discarded)

    def _shed(self, keep: int, tally: Tally) -> None:
        try:
            while len(self.rows) > keep:
                self.rows.popleft()
                tally.bump()
        except IndexError:
            return

    def take(self, limit: int) -> list[Any]:
        """Up to ``limit`` of the oldest rows. For one thread only, the sender's."""
        taken: list[Any] = []
        try:
            # extend keeps what it got before a caller, making room, took the last one away
            taken.extend(self.rows.popleft() for _ in range(min(limit, len(self.rows))))
        except IndexError:
            self.taken += len(taken)
            return taken
        self.taken += len(taken)
        return taken

    @property
    def emitted(self) -> int:
        """Rows ever appended."""
        return self.taken + self.dropped.value + self.discarded.value + len(self.rows)
