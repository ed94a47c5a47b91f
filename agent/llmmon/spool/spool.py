"""This process's own spool: batches on disk, bounded, for when no collector acknowledges them.

Nothing is made before the first write. A write that fails is told by its answer, warned of once,
and tried again with the next: what could not be written stays in memory. Written is what the
kernel has: it survives the process, not the machine.
"""

from __future__ import annotations

import os
from _thread import RLock
from collections.abc import Callable
from typing import Final

from llmmon.delivery.numbered import Place
from llmmon.protocol.segment import FILE_HEADER_SIZE, RECORD_OVERHEAD, encode_body
from llmmon.protocol.wire import Envelope
from llmmon.spool.home import make_private, own_lock, remove, size_of_others, spool_name
from llmmon.spool.segments import SEGMENT_BYTES, Segments

_FAREWELL_RANK: Final = 255
_LEAST_SEGMENTS: Final = 16


class Spool:
    """Written by any thread, and by a signal handler in the middle of another write."""

    def __init__(
        self, home: str, agent_id: bytes, epoch: int, max_bytes: int, warn: Callable[[object], None]
    ) -> None:
        """``home``: the service's directory; ``max_bytes`` for all spools in it together."""
        self._home = home
        self._name = spool_name(agent_id, epoch)
        self._directory = os.path.join(home, self._name)
        self._max_bytes = max_bytes
        self._warn = warn
        self.lock = RLock()
        """Whoever must do more than one thing at once holds it; re-entrant."""
        self._depth = 0
        self._lock_fd: int | None = None
        self._segments = Segments(self._directory, min(SEGMENT_BYTES, max_bytes // _LEAST_SEGMENTS))
        self._others_bytes = 0
        self.closed = False
        self.failing = False
        """Whether the last write failed."""

    @property
    def size(self) -> int:
        """Bytes in use by this process."""
        return self._segments.size

    @property
    def begun(self) -> bool:
        """Whether there is anything of it on disk, its lock at least."""
        return self._lock_fd is not None

    @property
    def capacity(self) -> int:
        """Bytes that the service's other processes leave to this one."""
        return max(0, self._max_bytes - self._others_bytes)

    def measure(self) -> None:
        """Look how much the service's other processes have spooled."""
        self._others_bytes = size_of_others(self._home, but=self._name)

    def has_room(self, record: bytes) -> bool:
        """Whether ``record`` fits within the bound."""
        return self.size + FILE_HEADER_SIZE + RECORD_OVERHEAD + len(record) <= self.capacity

    def append(self, rank: int, record: bytes) -> Place | None:
        """Write ``record`` to a segment of its rank; None if that cannot be done now."""
        with self.lock:
            # a handler that interrupts this writes to other files, so that neither is torn
            depth = self._depth
            self._depth = depth + 1
            try:
                if self.closed:
                    return None
                if self._lock_fd is None:
                    self._begin()
                place = self._segments.append((depth, rank), record)
            except (OSError, ValueError) as error:
                # ValueError: a fork closed the files under a write
                self.failing = True
                self._warn(error)
                return None
            finally:
                self._depth = depth
            self.failing = False
            if place.offset == FILE_HEADER_SIZE:
                self.measure()
            return place

    def _begin(self) -> None:
        make_private(os.path.dirname(self._home))
        make_private(self._home)
        make_private(self._directory)
        self._lock_fd = own_lock(self._directory)

    def read(self, place: Place) -> Envelope | None:
        """The message at ``place``; None if it cannot be read."""
        return self._segments.read(place)

    def release(self, segments: list[int]) -> None:
        """Records of ``segments``, one for each mention, are needed no more."""
        with self.lock:
            for segment in segments:
                self._segments.release(segment)

    def close(self, farewell: bytes) -> None:
        """End: remove the spool if it holds nothing, else leave it with ``farewell``, a record."""
        with self.lock:
            self.closed = True
            descriptor, self._lock_fd = self._lock_fd, None
            if descriptor is None:
                return
            try:
                self._leave(descriptor, farewell)
            except OSError as error:
                self._warn(error)

    def _leave(self, descriptor: int, farewell: bytes) -> None:
        if not self._segments.records:
            self._segments.close()
            remove(self._directory, descriptor)
            return
        try:
            self._segments.append((0, _FAREWELL_RANK), farewell)
        finally:
            self._segments.close()
            os.close(descriptor)

    def disown(self) -> None:
        """In a forked child: close this copy of the files. The parent's lock stays taken."""
        self.closed = True
        self._segments.close()
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None


def record_of(written_ns: int, frames: list[bytes]) -> bytes:
    """What a segment's record says of a message; ``written_ns`` is the wall clock."""
    return encode_body(written_ns, frames)
