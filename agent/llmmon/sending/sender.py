"""The thread that works for the callers, seen from their side: start it, call it, wait for it."""

from __future__ import annotations

import os
from _thread import TIMEOUT_MAX
from collections import deque

from llmmon import deferred
from llmmon.native import allocate_lock, new_thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmmon.delivery.delivery import Delivery
    from llmmon.monitor import Monitor
    from llmmon.sending.courier import Courier

_JOIN_S = 1.0
_READY_S = 2.0
_FLUSH_S = 2.0

_disowned: list[object] = []
"""Sockets of a parent process, kept from being closed by the garbage collector of a child."""


class FlushRequest:
    """Somebody waits until all that was recorded before is settled."""

    __slots__ = ("_done", "target")

    def __init__(self) -> None:
        self.target: int | None = None
        """Offset of the last event that it waits for; None until the lanes were emptied."""
        self._done = allocate_lock()
        self._done.acquire()

    def complete(self) -> None:
        """End the wait."""
        self._done.release()

    def wait(self, timeout_s: float) -> None:
        """Until ``complete`` or ``timeout_s``; two seconds where that is no number."""
        try:
            limit_s = float(timeout_s)
        except Exception:
            # any object can come from a caller; no call but init raises
            limit_s = _FLUSH_S
        self._done.acquire(timeout=max(0.0, min(limit_s, TIMEOUT_MAX)))


class Sender:
    """One daemon thread. It is called through a pipe: writing to it takes no lock."""

    def __init__(self, monitor: Monitor) -> None:
        self.monitor = monitor
        self.courier: Courier | None = None
        """Set by the thread once its imports are done."""
        self.flushes: deque[FlushRequest] = deque()
        self.idle = False
        """Whether the thread must be called when a lane gets its first row."""
        self.called = False
        """Whether it was called and has not looked yet."""
        self.stopping = False
        self._ready = allocate_lock()
        self._ready.acquire()
        self.wake_fd, self._call_fd = os.pipe()
        os.set_blocking(self.wake_fd, False)
        os.set_blocking(self._call_fd, False)
        self._thread = new_thread(self._run, "llmmon-sender")

    def start(self) -> None:
        """Start the thread.

        Raises:
            RuntimeError: the interpreter is shutting down.
        """
        self._thread.start()

    def _run(self) -> None:
        try:
            try:
                self.courier = deferred.new_courier(self)
            finally:
                self._ready.release()
            self.courier.run()
        except Exception as error:
            # keys that libzmq refuses, a system without descriptors: the host must not notice
            self.monitor.warn_once("failed", "sending failed: %r", error)
        finally:
            self.stopping = True
            while self.flushes:
                self.flushes.popleft().complete()

    def before_fork(self) -> None:
        """Let the thread finish its imports: a child would find their locks held for ever."""
        if self._ready.acquire(timeout=_READY_S):
            self._ready.release()

    @property
    def delivery(self) -> Delivery | None:
        """The state of delivery, None in the thread's first moments."""
        return None if self.courier is None else self.courier.delivery

    @property
    def adopted(self) -> int:
        """Events of ended processes that were delivered for them."""
        return 0 if self.courier is None else self.courier.adopted

    def call(self, urgent: bool) -> None:
        """Wake the thread if it rests or if ``urgent``, and if nobody has done so already."""
        if not self.called and (urgent or self.idle or self.monitor.resting):
            self.called = True
            self._write()

    def _write(self) -> None:
        try:
            os.write(self._call_fd, b"\0")
        except OSError:
            # the pipe is full of calls, or the thread has ended
            return

    def flush(self, timeout_s: float) -> None:
        """Wait until all that was recorded before is settled, or ``timeout_s``."""
        request = FlushRequest()
        self.flushes.append(request)
        self._write()
        # whoever comes after the thread's end would wait in vain; before it, the thread answers
        if not self.stopping:
            request.wait(timeout_s)

    def stop(self) -> None:
        """End the thread; waits a second at most, once it has its imports."""
        self.stopping = True
        # not before: what was recorded in its first moments would be lost instead of spooled
        self.before_fork()
        self._write()
        self._thread.join(_JOIN_S)
        if self._call_fd >= 0 and not self._thread.is_alive():
            self._close_pipe()

    def _close_pipe(self) -> None:
        call_fd, self._call_fd = self._call_fd, -1
        os.close(call_fd)
        os.close(self.wake_fd)

    def disown(self) -> None:
        """In a forked child: leave the parent's sockets alone, close copies of pipe and files."""
        _disowned.append(self)
        if self.courier is not None:
            self.courier.disown()
        if self._call_fd >= 0:
            self._close_pipe()
