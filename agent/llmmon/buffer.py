"""Where calling threads leave their events: deques that take an append and nothing else.

A lane never blocks its callers: ``deque.append``, ``deque.popleft`` and ``next(count)`` are
atomic, so no lock is needed, and a signal handler or a fork can come at any instruction.
"""

from __future__ import annotations

from collections import deque
from itertools import count, repeat, starmap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Gate(Protocol):
        """What a lane asks of the monitor that owns it."""

        closed: bool

        def wake(self, urgent: bool) -> None:
            """See to it that the sender looks at the lanes; soon if ``urgent``."""

    class Rows(Protocol):
        """What callers append their rows to."""

        def append(self, row: Any, /) -> object:
            """Record ``row``."""

        def __len__(self) -> int: ...


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
    or at least ``HIGH`` rows in it. ``rows`` is the queue, or what stands for it while every event
    goes to disk first.
    """

    __slots__ = ("_gate", "capacity", "discarded", "dropped", "queue", "rows", "taken")

    def __init__(self, gate: Gate, capacity: int) -> None:
        self._gate = gate
        self.queue: deque[Any] = deque()
        self.rows: Rows = self.queue
        self.capacity = capacity
        self.reset()

    def reset(self) -> None:
        """Forget all rows and counts. The queue stays the same object: recorders hold it."""
        self.queue.clear()
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
        if len(self.queue) > self.capacity:
            self._shed(self.capacity, self.dropped)
        self._gate.wake(len(self.queue) >= HIGH)

    def discard(self) -> None:
        """Throw away all rows and count them as discarded."""
        self._shed(0, self.discarded)

    def _shed(self, keep: int, tally: Tally) -> None:
        try:
            while len(self.queue) > keep:
                self.queue.popleft()
                tally.bump()
        except IndexError:
            return

    def take(self, limit: int) -> list[Any]:
        """Up to ``limit`` of the oldest rows. For one thread only, the sender's."""
        taken: list[Any] = []
        try:
            # extend keeps what it got before a caller, making room, took the last one away
            taken.extend(starmap(self.queue.popleft, repeat((), min(limit, len(self.queue)))))
        except IndexError:
            self.taken += len(taken)
            return taken
        self.taken += len(taken)
        return taken

    @property
    def emitted(self) -> int:
        """Rows ever appended to the queue, or thrown away."""
        return self.taken + self.dropped.value + self.discarded.value + len(self.queue)
