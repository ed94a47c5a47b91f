"""What to send, keep and send again: the agent's half of delivery, without a socket or a clock.

Batches wait unsent, get their sequence number when they are first sent, are in flight until the
collector has them on disk, and are sent again, in order, from the first one that it lacks. Only
what was never sent is ever dropped, so a loss is never in doubt:
``emitted == acknowledged + lost + held``, to the event. Times are monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from llmmon.backlog import Backlog, Sealed
from llmmon.protocol.wire import Message
from llmmon.retransmit import RetransmitTimer

WINDOW: Final = 64
"""Batches in flight at most."""
MAX_BYTES: Final = 32 << 20
"""Memory for batches, in flight and unsent."""

_SILENT_TIMEOUTS: Final = 3
_REFUSED_HOLD_S: Final = 60.0
_GIVEN_UP: Final = {"too_big": "oversize", "poison": "poison"}


class Outgoing(NamedTuple):
    """One HELLO or BATCH to send now."""

    message: Message
    seq: int
    base_seq: int
    first_event: int
    events: int
    payload: bytes


class Delivery:
    """One epoch's batches. The shell asks ``next``, sends, and says ``sent`` or ``blocked``."""

    def __init__(self, window: int = WINDOW, max_bytes: int = MAX_BYTES) -> None:
        self._max_window = window
        self._window = window
        self._max_bytes = max_bytes
        self.acknowledged = 0
        """Events that the collector has on disk."""
        self.lost: dict[str, int] = {}
        """Events lost, by reason."""
        self.offset = 0
        """Events emitted and no longer waiting in a lane: sealed or lost."""
        self.refused = ""
        """Why the collector takes nothing from this agent; empty when it does."""
        self.connected = False
        """Whether the collector has answered since the last sign that it was away."""
        self._unsent = Backlog()
        self._flight: dict[int, Sealed] = {}
        self._flight_bytes = 0
        self._next_seq = 1
        self._cursor = 1
        self._hello_due = True
        self._timer = RetransmitTimer()
        self._hold_until_s: float | None = None

    def seal(self, payload: bytes, events: int, rank: int) -> None:
        """Take a batch of the next ``events`` events. When memory is full, unsent ones go.

        Args:
            payload: what ``encode_batch`` made.
            events: events in it.
            rank: which batches go first when memory is full (0) and which last (2); among equals
                the oldest goes.
        """
        self._unsent.append(Sealed(payload, events, rank, self.offset))
        self.offset += events
        while self._flight_bytes + self._unsent.bytes > self._max_bytes:
            dropped = self._unsent.drop()
            if dropped is None:
                return
            self._count_lost(dropped.events, "memory_full")

    def lose(self, events: int, reason: str) -> None:
        """Book the next ``events`` events as lost before they were sealed."""
        if events:
            self.offset += events
            self._count_lost(events, reason)

    def abandon(self, reason: str) -> None:
        """Book everything that was never sent as lost."""
        while (sealed := self._unsent.drop()) is not None:
            self._count_lost(sealed.events, reason)

    def _count_lost(self, events: int, reason: str) -> None:
        self.lost = {**self.lost, reason: self.lost.get(reason, 0) + events}

    @property
    def held(self) -> int:
        """Events sealed and neither acknowledged nor lost."""
        return sum(s.events for s in self._flight.values()) + self._unsent.events

    @property
    def settled(self) -> int:
        """Offset of the oldest event still held: all before it are acknowledged or lost."""
        oldest = next(iter(self._flight.values()), None) or self._unsent.oldest
        return self.offset if oldest is None else oldest.first_event

    @property
    def base_seq(self) -> int:
        """The oldest sequence number still held, or the next one."""
        return next(iter(self._flight), self._next_seq)

    def next(self, now_s: float) -> Outgoing | None:
        """What to send now, if anything. Changes nothing."""
        if self._hold_until_s is not None and now_s < self._hold_until_s:
            return None
        if self._hello_due:
            return Outgoing(Message.HELLO, 0, self.base_seq, 0, 0, b"")
        if not self.connected:
            return None
        resend = next(
            (seq for seq in range(self._cursor, self._next_seq) if seq in self._flight), 0
        )
        if resend:
            return self._outgoing(resend, self._flight[resend])
        oldest = self._unsent.oldest
        if oldest is not None and len(self._flight) < self._window:
            return self._outgoing(self._next_seq, oldest)
        return None

    def _outgoing(self, seq: int, sealed: Sealed) -> Outgoing:
        first, events, payload = sealed.first_event, sealed.events, sealed.payload
        return Outgoing(Message.BATCH, seq, self.base_seq, first, events, payload)

    def sent(self, outgoing: Outgoing, now_s: float) -> None:
        """``outgoing``, which ``next`` gave, has gone out."""
        if outgoing.message is Message.HELLO:
            self._hello_due = False
            self._timer.sent(now_s)
            return
        self._cursor = outgoing.seq + 1
        if outgoing.seq < self._next_seq:
            self._timer.sent(now_s)
            return
        sealed = self._unsent.pop()
        self._flight[outgoing.seq] = sealed
        self._flight_bytes += sealed.cost_bytes
        self._next_seq += 1
        self._timer.sent(now_s, outgoing.seq)

    def blocked(self) -> None:
        """The transport has no peer to take a message: greet again when it has."""
        self.connected = False
        self._hello_due = True
        self._timer.stop()

    def tick(self, now_s: float) -> bool:
        """Act on a timeout that is due. True when the transport should be opened anew."""
        if self._hold_until_s is not None and now_s >= self._hold_until_s:
            self._hold_until_s = None
        if not self._timer.expire(now_s):
            return False
        self._cursor = self.base_seq
        self._hello_due = self._hello_due or not self.connected
        if self._timer.silences < _SILENT_TIMEOUTS:
            return False
        self._timer.heard()
        self.blocked()
        return True

    def wake_at(self) -> float | None:
        """When to call ``tick`` if nothing is heard; None when there is nothing to wait for."""
        return self._timer.deadline_s if self._hold_until_s is None else self._hold_until_s

    def received(self, message: Message, seq: int, values: Mapping[str, Any], now_s: float) -> None:
        """Take in WELCOME, ACK, PONG or NACK: its header's ``seq`` and its payload's map."""
        self._timer.heard()
        if message is Message.NACK:
            self._refuse(seq, values, now_s)
            return
        credit = values.get("credit")
        if isinstance(credit, int):
            self._window = max(1, min(self._max_window, credit))
        if message is Message.WELCOME:
            self.connected, self.refused, self._hold_until_s = True, "", None
            self._timer.greeted()
        self._acknowledge(seq, now_s)
        if message is Message.WELCOME:
            self._cursor = self.base_seq

    def _acknowledge(self, seq: int, now_s: float) -> None:
        progress = False
        while self._flight and self.base_seq <= seq:
            sealed = self._take_from_flight(self.base_seq)
            self.acknowledged += sealed.events
            progress = True
        if progress:
            self._timer.progress(seq, now_s)
        if not self._flight and self.connected:
            self._timer.stop()

    def _take_from_flight(self, seq: int) -> Sealed:
        sealed = self._flight.pop(seq)
        self._flight_bytes -= sealed.cost_bytes
        return sealed

    def _refuse(self, seq: int, values: Mapping[str, Any], now_s: float) -> None:
        reason = str(values.get("reason"))
        if reason in _GIVEN_UP:
            # what follows is taken once its base_seq says that this one is gone: send it again
            if seq in self._flight:
                self._count_lost(self._take_from_flight(seq).events, _GIVEN_UP[reason])
            self._cursor = self.base_seq
            return
        wait_s = _REFUSED_HOLD_S
        if reason == "bad_version":
            self.refused = str(values.get("detail", reason))
            self._hello_due, self.connected = True, False
        else:
            retry_ms = values.get("retry_after_ms")
            wait_s = min(wait_s, retry_ms / 1000 if isinstance(retry_ms, int) else 1.0)
        self._hold_until_s = now_s + max(0.0, wait_s)
        self._cursor = self.base_seq
        self._timer.stop()
