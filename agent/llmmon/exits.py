"""What to do when the process ends: flush, for two seconds at most, whichever way it ends."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import weakref
from types import FrameType
from typing import Final

from llmmon.monitor import Monitor

DEADLINE_S: Final = 2.0


class _Exits:
    """The hooks of one monitor, each installed once a process."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = weakref.ref(monitor)
        self._child_pid = 0
        atexit.register(self._leave)

    def cover(self, handle_sigterm: bool) -> None:
        """Install what this process still lacks."""
        if handle_sigterm and threading.current_thread() is threading.main_thread():
            self._chain_sigterm()
        self._cover_multiprocessing()

    def _chain_sigterm(self) -> None:
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, self._terminated)

    def _cover_multiprocessing(self) -> None:
        # such children leave by os._exit, past atexit; they run their own finalizers before
        multiprocessing = sys.modules.get("multiprocessing")
        util = sys.modules.get("multiprocessing.util")
        if multiprocessing is None or util is None or self._child_pid == os.getpid():
            return
        if multiprocessing.parent_process() is not None:
            self._child_pid = os.getpid()
            util.Finalize(None, self._leave, exitpriority=0)

    def _terminated(self, number: int, frame: FrameType | None) -> None:
        self._leave()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)

    def _leave(self) -> None:
        monitor = self._monitor()
        if monitor is not None and not monitor.closed:
            monitor.shutdown(DEADLINE_S)


_installed: Final[weakref.WeakKeyDictionary[Monitor, _Exits]] = weakref.WeakKeyDictionary()


def install(monitor: Monitor) -> None:
    """See to it that the monitor is flushed when the process ends. Harmless when repeated.

    Covers ``atexit``, SIGTERM (only where nobody else handles it, and if the settings allow), and
    the children of ``multiprocessing``.
    """
    if monitor not in _installed:
        _installed[monitor] = _Exits(monitor)
    _installed[monitor].cover(monitor.config.handle_sigterm)
