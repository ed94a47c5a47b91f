"""Threads and locks of the operating system, also where gevent has put greenlets in their place.

A greenlet that waits in libzmq would stop every other one; the sender needs a thread of its own.
"""

from __future__ import annotations

import _thread
import sys
import threading
from _thread import LockType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any, Protocol

    class Thread(Protocol):
        """What a sender asks of its thread."""

        def start(self) -> None:
            """Begin."""

        def join(self, timeout: float | None = None) -> None:
            """Wait for its end."""

        def is_alive(self) -> bool:
            """Whether it runs."""


def allocate_lock() -> LockType:
    """A lock that blocks the thread."""
    lock: LockType = original(_thread, "allocate_lock")()
    return lock


def new_thread(target: Callable[[], None], name: str) -> Thread:
    """A daemon thread, not started."""
    if patched():
        return _UnpatchedThread(target)
    return threading.Thread(target=target, name=name, daemon=True)


def patched() -> bool:
    """Whether new threads would be greenlets."""
    return original(_thread, "start_new_thread") is not _thread.start_new_thread


def original(module: ModuleType, name: str) -> Any:
    """What ``module`` has of ``name`` where gevent has put something of its own in its place.

    In the sender's thread that would begin another hub, which may wait for ever.
    """
    monkey = sys.modules.get("gevent.monkey")
    return getattr(module, name) if monkey is None else monkey.get_original(module.__name__, name)


class _UnpatchedThread:
    """As much of ``threading.Thread`` as a sender needs, on the primitives that gevent saved."""

    def __init__(self, target: Callable[[], None]) -> None:
        self._target = target
        self._running = allocate_lock()

    def start(self) -> None:
        """Begin.

        Raises:
            RuntimeError: the system or the interpreter gives no more threads.
        """
        self._running.acquire()
        try:
            original(_thread, "start_new_thread")(self._run, ())
        except RuntimeError:
            self._running.release()
            raise

    def _run(self) -> None:
        try:
            self._target()
        finally:
            self._running.release()

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end."""
        if self._running.acquire(timeout=-1 if timeout is None else timeout):
            self._running.release()

    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._running.locked()
