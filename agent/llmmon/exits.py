"""What to do when the process ends: flush, for two seconds at most, whichever way it ends."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import weakref
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

from llmmon import hosts
from llmmon.monitor import Monitor

DEADLINE_S: Final = 2.0
CONNECT_S: Final = 0.3
"""How much of it is for finding out whether there is a collector."""


class _Exits:
    """The hooks of one monitor, each installed once a process."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = weakref.ref(monitor)
        self._host_handler: Callable[[int, FrameType | None], Any] | None = None
        self._chained = False
        atexit.register(self._leave)

    def cover(self, handle_sigterm: bool) -> None:
        """Install what this process still lacks."""
        hosts.cover_multiprocessing(self._leave)
        hosts.cover_celery(self._leave)
        handler = signal.getsignal(signal.SIGTERM)
        of_uvicorn = hosts.cover_uvicorn(handler, self._leave, self._flush)
        if handle_sigterm and not of_uvicorn:
            self._chain_sigterm(handler)

    def _chain_sigterm(self, handler: Any) -> None:
        # a handler that came after ours has seen ours: to wrap that one too could go in circles
        if handler is not signal.SIG_DFL and (self._chained or not callable(handler)):
            return
        # not in the main thread: there is a later chance, or none
        with contextlib.suppress(ValueError):
            signal.signal(signal.SIGTERM, self._terminated)
            self._chained = True
            self._host_handler = handler if callable(handler) else None

    def _terminated(self, number: int, frame: FrameType | None) -> None:
        if self._host_handler is not None:
            self._flush()
            self._host_handler(number, frame)
        elif signal.getsignal(signal.SIGTERM) != self._terminated:
            # a handler that came later calls ours: how the process goes on is up to that one
            self._flush()
        else:
            self._leave()
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)

    def _leave(self) -> None:
        self._finish(Monitor.shutdown)

    def _flush(self) -> None:
        self._finish(Monitor.flush)

    def _finish(self, act: Callable[[Monitor, float], object]) -> None:
        monitor = self._monitor()
        if monitor is None or monitor.closed:
            return
        # the host ends: whatever is wrong here, it must not be what it ends of
        with contextlib.suppress(Exception):
            act(monitor, _patience_s(monitor))


def _patience_s(monitor: Monitor) -> float:
    """How long the last flush may take: not long where there is nobody who could answer."""
    sender = monitor.sender
    if sender is None:
        return DEADLINE_S
    sender.before_fork()
    if not monitor.flush(CONNECT_S).pending:
        return DEADLINE_S
    delivery = sender.delivery
    awaited = delivery is not None and delivery.wake_at() is not None and not delivery.refused
    return DEADLINE_S - CONNECT_S if awaited else 0.0


_installed: Final[weakref.WeakKeyDictionary[Monitor, _Exits]] = weakref.WeakKeyDictionary()


def install(monitor: Monitor) -> None:
    """See to it that the monitor is flushed when the process ends. Harmless when repeated.

    Covers ``atexit``, SIGTERM (a handler of the host's is called after the flush), the children of
    ``multiprocessing`` and celery, and uvicorn.
    """
    if monitor not in _installed:
        _installed[monitor] = _Exits(monitor)
    _installed[monitor].cover(monitor.config.handle_sigterm)
