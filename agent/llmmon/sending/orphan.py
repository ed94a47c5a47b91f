"""A spool whose process has ended, delivered in its name by another process of the service."""

from __future__ import annotations

import os
from typing import Final

from llmmon.delivery.delivery import Delivery
from llmmon.delivery.numbered import Entry, Place
from llmmon.protocol.segment import Damage
from llmmon.protocol.wire import Envelope, Message
from llmmon.sending.stream import Carrier, Stream
from llmmon.spool.home import remove
from llmmon.spool.segments import Segments

WINDOW: Final = 16
"""Batches of an orphan in flight: fewer than of the adopter's own."""


class Orphan:
    """Read a segment at a time, then delivered, then removed. Its lock is held throughout."""

    def __init__(self, directory: str, lock_fd: int, who: tuple[bytes, int]) -> None:
        """Take over ``directory``, whose lock is held by ``lock_fd``.

        Raises:
            OSError: the directory cannot be read.
        """
        self._directory = directory
        self._lock_fd: int | None = lock_fd
        self._segments = Segments(directory)
        self._unread = self._segments.numbers()
        self._found: dict[int, tuple[Entry, Place]] = {}
        self._farewell: Envelope | None = None
        self.damaged = 0
        """Records, or runs of bytes between records, that could not be read."""
        self.delivery = Delivery(window=WINDOW)
        self.stream = Stream(*who, self.delivery, self)
        if not self._unread:
            self._begin()

    def load(self) -> None:
        """Read the next segment, if one is left to read.

        Raises:
            OSError: it cannot be read.
        """
        if not self._unread:
            return
        for item in self._segments.load(self._unread.pop(0)):
            if isinstance(item, Damage):
                self.damaged += 1
            else:
                self._sort(*item)
        if not self._unread:
            self._begin()

    def _sort(self, place: Place, envelope: Envelope) -> None:
        header = envelope.header
        if not self.stream.is_of(header):
            self.damaged += 1
        elif envelope.message is Message.BYE:
            self._farewell = envelope
        elif envelope.message is Message.BATCH and header.seq not in self._found:
            entry = Entry(header.seq, header.first_event, header.events, 0, place)
            self._found[header.seq] = entry, place

    def _begin(self) -> None:
        for seq in sorted(self._found):
            entry, place = self._found[seq]
            self._segments.need(place.segment)
            self.delivery.take(entry, b"")
        self._found.clear()

    @property
    def loading(self) -> bool:
        """Whether segments are left to read."""
        return bool(self._unread)

    def send(self, carrier: Carrier, now_s: float) -> bool:
        """Send what there is to send; False if there is no peer."""
        return self.loading or self.stream.send(carrier, now_s)

    def end(self, carrier: Carrier) -> bool:
        """When everything is acknowledged: say its goodbye, remove it. Whether it is over.

        Raises:
            OSError: a file cannot be removed; it is let go of all the same.
        """
        if self.loading or self.delivery.held or self._lock_fd is None:
            return False
        if self._farewell is not None and not carrier.send(self._goodbye(self._farewell)):
            return False
        descriptor, self._lock_fd = self._lock_fd, None
        remove(self._directory, descriptor)
        return True

    def _goodbye(self, told: Envelope) -> list[bytes]:
        return self.stream.bye(told.header.first_event, told.payload)

    def read(self, place: Place) -> Envelope | None:
        """The message at ``place``; None if it cannot be read."""
        return self._segments.read(place)

    def release(self, segments: list[int]) -> None:
        """Records of ``segments``, one for each mention, are needed no more."""
        for segment in segments:
            self._segments.release(segment)

    def let_go(self) -> None:
        """Leave it to whoever comes next; in a forked child, to the parent."""
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None
