"""The agents' socket, opened anew when peers fill the memory; see ``ceiling`` for why."""

from __future__ import annotations

import contextlib
import ctypes
import time
from collections.abc import Callable
from typing import Final

import psutil
import zmq

from llmmon_collector.intake.ceiling import Ceiling

_LOOK_NS: Final = 100_000_000
_AGAIN_S: Final = 0.05
_TRIES: Final = 100


def resident_bytes() -> int:
    """What the process has in memory."""
    resident: int = psutil.Process().memory_info().rss
    return resident


def give_back() -> None:
    """Have the allocator return what is free to the system, where it can be told to."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


class Listener:
    """A bound socket. Used by one thread."""

    def __init__(
        self,
        bind: Callable[[], zmq.Socket[bytes]],
        ceiling: Ceiling | None = None,
        resident: Callable[[], int] = resident_bytes,
    ) -> None:
        """``bind`` makes the socket; ``resident`` tells the memory of the process in bytes.

        Raises:
            zmq.ZMQError: it cannot be bound.
        """
        self._bind = bind
        self._ceiling = ceiling or Ceiling()
        self._resident = resident
        self._looked_ns = 0
        self.socket = bind()

    @property
    def problem(self) -> str:
        """What people should know; empty where the socket is the first one."""
        count = self._ceiling.exceeded
        if not count:
            return ""
        times = "once" if count == 1 else f"{count} times"
        return (
            f"memory ran full {times} since the start: all agents were disconnected and come back "
            "by themselves; look for a peer whose messages never end"
        )

    def tend(self) -> None:
        """Look at the memory, a few times a second, and open the socket anew where it is full.

        Raises:
            zmq.ZMQError: the endpoint is no longer to be had.
        """
        now_ns = time.monotonic_ns()
        if now_ns - self._looked_ns < _LOOK_NS:
            return
        self._looked_ns = now_ns
        if self._ceiling.is_exceeded(self._resident(), now_ns):
            self.socket.close()
            self.socket = self._bind_again()
            give_back()

    def _bind_again(self) -> zmq.Socket[bytes]:
        """A closed socket lets go of its endpoint a little later."""
        for _ in range(_TRIES):
            time.sleep(_AGAIN_S)
            try:
                return self._bind()
            except zmq.ZMQError as error:
                if error.errno != zmq.EADDRINUSE:
                    raise
        return self._bind()
