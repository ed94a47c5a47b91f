"""One epoch's batches on their way: a Delivery decides, files keep, a transport carries."""

from __future__ import annotations

import time
from typing import Final, Protocol

from llmmon.delivery.delivery import Delivery, Outgoing
from llmmon.delivery.numbered import Place
from llmmon.protocol.wire import Envelope, Header, Message, encode_message
from llmmon.spool.spool import Spool, record_of

_RETRY_S: Final = 1.0


class Carrier(Protocol):
    """What takes messages; the transport is one."""

    def send(self, frames: list[bytes]) -> bool:
        """Hand a message over; False if there is no peer to take it now."""
        ...


class Shelf(Protocol):
    """What keeps batches on disk: an own spool or an orphan's."""

    def read(self, place: Place) -> Envelope | None:
        """The message at ``place``; None if it cannot be read."""
        ...

    def release(self, segments: list[int]) -> None:
        """Records of ``segments``, one for each mention, are needed no more."""
        ...


class Stream:
    """Who speaks, what it has to deliver, and where that is kept."""

    def __init__(
        self, agent_id: bytes, epoch: int, delivery: Delivery, shelf: Shelf | None
    ) -> None:
        self.agent_id = agent_id
        self.epoch = epoch
        self.delivery = delivery
        self._shelf = shelf

    def is_of(self, header: Header) -> bool:
        """Whether an answer with ``header`` is for this stream."""
        return (header.agent_id, header.epoch) == (self.agent_id, self.epoch)

    def header(
        self, seq: int = 0, base_seq: int = 0, first_event: int = 0, events: int = 0
    ) -> Header:
        """A header in this stream's name, of now."""
        times = time.time_ns(), time.monotonic_ns()
        return Header(self.agent_id, self.epoch, seq, base_seq, first_event, events, *times)

    def frames(self, batch: Outgoing, payload: bytes) -> list[bytes]:
        """``batch``, or a HELLO, as a message."""
        header = self.header(batch.seq, batch.base_seq, batch.first_event, batch.events)
        return encode_message(batch.message, header, payload)

    def send(self, carrier: Carrier, now_s: float) -> bool:
        """Send what there is to send; False if there is no peer."""
        while (outgoing := self.delivery.next(now_s)) is not None:
            payload = self._payload(outgoing)
            if payload is None:
                self.delivery.unreadable(outgoing.seq)
                continue
            if not carrier.send(self.frames(outgoing, payload)):
                self.delivery.blocked()
                return False
            self.delivery.sent(outgoing, now_s)
        return True

    def _payload(self, outgoing: Outgoing) -> bytes | None:
        if outgoing.place is None or self._shelf is None:
            return outgoing.payload
        envelope = self._shelf.read(outgoing.place)
        if envelope is None or envelope.header.seq != outgoing.seq:
            return None
        return envelope.payload

    def release(self) -> None:
        """Let go of what is on disk and held no more."""
        released = self.delivery.released()
        if released and self._shelf is not None:
            self._shelf.release(released)

    def bye(self, emitted: int, lost: bytes) -> list[bytes]:
        """The message that ends the stream: all events emitted, and losses by reason, packed."""
        header = self.header(base_seq=self.delivery.base_seq, first_event=emitted)
        return encode_message(Message.BYE, header, lost)


class OwnStream(Stream):
    """This process's stream, which also writes."""

    def __init__(
        self, agent_id: bytes, epoch: int, delivery: Delivery, spool: Spool | None
    ) -> None:
        super().__init__(agent_id, epoch, delivery, spool)
        self.keep_in(spool)

    def keep_in(self, spool: Spool | None) -> None:
        """Write to ``spool`` from now on; nothing may lie in the one before."""
        self.spool = self._shelf = spool
        self._retry_at_s = 0.0

    @property
    def pressure(self) -> float:
        """Share in use: of the memory, or of the spool with what may wait in memory beside it."""
        delivery, spool = self.delivery, self.spool
        in_memory = delivery.memory_bytes / delivery.max_bytes
        if spool is None or not spool.capacity:
            return in_memory
        in_use = spool.size + delivery.memory_bytes
        return max(in_memory, in_use / (spool.capacity + delivery.max_bytes // 2))

    def spill(self, now_s: float, everything: bool = False) -> None:
        """Write to the spool what must not wait in memory."""
        if self.spool is None or (now_s < self._retry_at_s and not everything):
            return
        while (found := self.delivery.spill(now_s, everything)) is not None:
            batch, rank = found
            record = record_of(time.time_ns(), self.frames(batch, batch.payload))
            if not self.spool.has_room(record):
                # nothing on disk goes while there is memory for what is new
                last_resort = everything or self.delivery.crowded
                if not (last_resort and self.delivery.make_room(batch, rank)):
                    break
                self.release()
                continue
            place = self.spool.append(rank, record)
            if place is None:
                break
            self.delivery.spilled(batch, place)
        else:
            return
        self._retry_at_s = now_s + _RETRY_S

    def spill_at(self) -> float | None:
        """When ``spill`` has something to do, at the latest."""
        due_s = None if self.spool is None else self.delivery.spill_at()
        return None if due_s is None else max(due_s, self._retry_at_s)

    def record(self, frames: list[bytes]) -> bytes:
        """A message of this stream as the spool's record, of now."""
        return record_of(time.time_ns(), frames)
