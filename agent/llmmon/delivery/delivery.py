"""What to send, keep and send again: the agent's half of delivery, without a socket or a clock.

Batches wait unsent, get their sequence number when they are first sent or written to the spool,
are in flight until the collector has them on disk, and are sent again, in order, from the first
one that it lacks. Only what was never sent is ever dropped, so a loss is never in doubt:
``emitted == acknowledged + lost + held``, to the event. What follows a gap in the numbers waits
until all before it is acknowledged: only then does its ``base_seq`` tell the collector of the gap.
Times are monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from llmmon.delivery.backlog import RANKS, Sealed
from llmmon.delivery.held import Held
from llmmon.delivery.hold import Hold
from llmmon.delivery.numbered import Entry, Place
from llmmon.delivery.retransmit import RetransmitTimer
from llmmon.protocol.wire import Message

WINDOW: Final = 64
"""Batches in flight at most."""
MAX_BYTES: Final = 32 << 20
"""Memory for batches, in flight and unsent."""
SPILL_S: Final = 2.0
"""How long nothing may be acknowledged before what is held goes to the spool."""

_DOUBTED: Final = 2
_REOPENED: Final = 3


class Outgoing(NamedTuple):
    """One HELLO or BATCH to send now."""

    message: Message
    seq: int
    base_seq: int
    first_event: int
    events: int
    payload: bytes
    """Empty when the batch is on disk."""
    place: Place | None = None


class Delivery:
    """One epoch's batches. The shell asks ``next``, sends, and says ``sent`` or ``blocked``."""

    def __init__(self, window: int = WINDOW, max_bytes: int = MAX_BYTES) -> None:
        self._max_window = window
        self._window = window
        self.max_bytes = max_bytes
        self.acknowledged = 0
        """Events that the collector has on disk."""
        self.lost: dict[str, int] = {}
        """Events lost, by reason."""
        self.offset = 0
        """Events emitted and no longer waiting in a lane: sealed or lost."""
        self.connected = False
        """Whether the collector has answered since the last sign that it was away."""
        self._held = Held()
        self._sent = 0
        self._stalled_since_s: float | None = None
        self._cursor = 1
        self._hello_due = True
        self._timer = RetransmitTimer()
        self._hold = Hold()

    def seal(self, payload: bytes, events: int, rank: int) -> None:
        """Take a batch of the next ``events`` events. When memory is full, unsent ones go.

        They go by ``rank``, 0 first and 2 last; among equals the oldest.
        """
        self._held.unsent.append(Sealed(payload, events, rank, self.offset))
        self.offset += events
        self._bound_memory()

    def take(self, entry: Entry, payload: bytes) -> None:
        """Take a batch that has a number, a greater one each time; without payload if on disk."""
        self._held.take(entry, payload)
        self.offset = entry.first_event + entry.events
        self._bound_memory()

    def _bound_memory(self) -> None:
        while self._held.memory_bytes > self.max_bytes:
            dropped = self._held.drop_from_memory(self._sent)
            if not dropped:
                return
            self._count_lost(dropped, "memory_full")

    def lose(self, events: int, reason: str) -> None:
        """Book the next ``events`` events as lost before they were sealed."""
        self.offset += events
        self._count_lost(events, reason)

    def abandon(self, reason: str) -> None:
        """Book everything that was never sent and is not on disk as lost."""
        while dropped := self._held.drop_from_memory(self._sent):
            self._count_lost(dropped, reason)

    def _count_lost(self, events: int, reason: str) -> None:
        if events:
            self.lost = {**self.lost, reason: self.lost.get(reason, 0) + events}

    @property
    def refused(self) -> str:
        """Why the collector takes nothing from this agent; empty when it does."""
        return self._hold.refused

    @property
    def held(self) -> int:
        """Events sealed and neither acknowledged nor lost."""
        return self._held.events

    @property
    def spooled(self) -> int:
        """Events held on disk."""
        return self._held.numbered.spooled

    @property
    def memory_bytes(self) -> int:
        """Memory in use, of ``max_bytes``."""
        return self._held.memory_bytes

    @property
    def settled(self) -> int:
        """Offset of the oldest event still held: all before it are acknowledged or lost."""
        oldest = self._held.first_event
        return self.offset if oldest is None else oldest

    @property
    def base_seq(self) -> int:
        """The oldest sequence number still held, or the next one."""
        return self._held.base_seq

    def next(self, now_s: float) -> Outgoing | None:
        """What to send now, if anything. Changes nothing."""
        if self._hold.holds(now_s):
            return None
        if self._hello_due:
            return Outgoing(Message.HELLO, 0, self.base_seq, 0, 0, b"")
        return self._next_batch() if self.connected else None

    def _next_batch(self) -> Outgoing | None:
        found = self._held.at_or_after(self._cursor)
        if found is None:
            return None
        seq = found[0].seq
        if seq > self._sent and self._in_flight >= self._window:
            return None
        follows = seq == self.base_seq or self._held.numbered.holds(seq - 1)
        return self._outgoing(*found) if follows else None

    @property
    def _in_flight(self) -> int:
        return self._held.numbered.up_to(self._sent)

    def _outgoing(self, entry: Entry, payload: bytes) -> Outgoing:
        numbers = entry.seq, self.base_seq, entry.first_event, entry.events
        return Outgoing(Message.BATCH, *numbers, payload, entry.place)

    def sent(self, outgoing: Outgoing, now_s: float) -> None:
        """``outgoing``, which ``next`` gave, has gone out."""
        if outgoing.message is Message.HELLO:
            self._hello_due = False
            self._timer.sent(now_s)
            return
        self._cursor = outgoing.seq + 1
        if outgoing.seq <= self._sent:
            self._timer.sent(now_s)
            return
        if outgoing.seq == self._held.next_seq:
            self._held.number()
        self._sent = outgoing.seq
        self._timer.sent(now_s, outgoing.seq)

    @property
    def crowded(self) -> bool:
        """Whether memory is half full."""
        return self.memory_bytes * 2 >= self.max_bytes

    @property
    def begun(self) -> bool:
        """Whether a batch was ever sent."""
        return self._sent > 0

    def spill(self, now_s: float, everything: bool = False) -> tuple[Outgoing, int] | None:
        """What to write to the spool now: the oldest that is in memory alone, and its rank.

        Due when nothing was acknowledged for ``SPILL_S``, when memory is half full, or always
        with ``everything``. Changes nothing: say ``spilled`` when it is written.
        """
        due_s = self.spill_at()
        everything |= self.crowded
        if not everything and (due_s is None or now_s < due_s):
            return None
        oldest = self._held.oldest_in_memory()
        return None if oldest is None else (self._outgoing(*oldest), oldest[0].rank)

    def spill_at(self) -> float | None:
        """When what is in memory has waited too long; None when nothing is."""
        if self._held.oldest_in_memory() is None or self._stalled_since_s is None:
            return None
        return self._stalled_since_s + SPILL_S

    def spilled(self, outgoing: Outgoing, place: Place) -> None:
        """``outgoing``, which ``spill`` gave, is at ``place``."""
        if outgoing.seq == self._held.next_seq:
            self._held.number(place)
        else:
            self._held.move(outgoing.seq, place)

    def make_room(self, outgoing: Outgoing, rank: int) -> bool:
        """The spool is full: drop the oldest segment of the lowest rank; False if none may go.

        None goes of which a batch was sent, nor, unless ``outgoing`` was, of a higher rank.
        """
        highest = RANKS if outgoing.seq <= self._sent else rank
        dropped = self._held.drop_segment(self._sent, highest)
        self._count_lost(dropped, "spool_full")
        return dropped > 0

    def unreadable(self, seq: int) -> None:
        """The batch ``seq`` cannot be read from the spool."""
        self._count_lost(self._held.settle(seq), "spool_damaged")

    def released(self) -> list[int]:
        """Segments of batches that are held no more since the last call, one for each batch."""
        gone, self._held.released = self._held.released, []
        return gone

    def blocked(self) -> None:
        """The transport has no peer to take a message: greet again when it has."""
        self.connected = False
        self._hello_due = True
        self._timer.stop()

    def tick(self, now_s: float) -> bool:
        """Act on a timeout that is due. True when the transport should be opened anew."""
        self._hold.expire(now_s)
        if self._stalled_since_s is None or not self.held:
            self._stalled_since_s = now_s if self.held else None
        if not self._timer.expire(now_s):
            return False
        self._cursor = self.base_seq
        # it may only be slow: it is greeted first, and the socket kept for one timeout more
        self.connected = self.connected and self._timer.silences < _DOUBTED
        self._hello_due = self._hello_due or not self.connected
        if self._timer.silences < _REOPENED:
            return False
        self._timer.heard()
        self.blocked()
        return True

    def wake_at(self) -> float | None:
        """When to call ``tick`` if nothing is heard; None when there is nothing to wait for."""
        return self._timer.deadline_s if self._hold.until_s is None else self._hold.until_s

    def received(self, message: Message, seq: int, values: Mapping[str, Any], now_s: float) -> None:
        """Take in WELCOME, ACK, PONG or NACK: its header's ``seq`` and its payload's map."""
        self._timer.heard()
        if message is Message.NACK:
            self._refuse(values, now_s)
            return
        credit = values.get("credit")
        if isinstance(credit, int):
            self._window = max(1, min(self._max_window, credit))
        if message is Message.WELCOME:
            self.connected = True
            self._hold.lift()
            self._timer.greeted()
        self._acknowledge(seq, now_s)
        if message is Message.WELCOME:
            self._cursor = self.base_seq

    def _acknowledge(self, seq: int, now_s: float) -> None:
        base_seq = self.base_seq
        while (oldest := self._held.numbered.oldest) is not None and oldest.seq <= seq:
            self.acknowledged += self._held.settle(oldest.seq)
        if self.base_seq > base_seq:
            self._stalled_since_s = now_s if self.held else None
            self._timer.progress(seq, now_s)
        if not self._in_flight and self.connected:
            self._timer.stop()

    def _refuse(self, values: Mapping[str, Any], now_s: float) -> None:
        self._hold.begin(values, now_s)
        self.connected = self.connected and not self.refused
        # also where the greeting itself is what was refused
        self._hello_due = self._hello_due or not self.connected
        self._cursor = self.base_seq
        self._timer.stop()
