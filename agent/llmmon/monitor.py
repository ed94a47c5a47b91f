"""The one object of a process that everything is recorded into."""

from __future__ import annotations

import os
from _thread import allocate_lock
from _weakref import ref
from itertools import count
from time import time, time_ns

from llmmon import deferred
from llmmon.buffer import Lane

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmmon.config import Config
    from llmmon.results import FlushResult, Stats
    from llmmon.sending.durable import Durable
    from llmmon.sending.sender import Sender
    from llmmon.tracking import Request

REQUESTS_MAX = 10_000
"""Requests that wait to be packed."""
OTHERS_MAX = 10_000
"""Spans and scores that wait."""
LOGS_MAX = 5_000
"""Log lines that wait."""
_FORK_S = 2.0
CHANGE_S = 2.0
"""How long ``init`` may take to flush what was recorded in another way."""


class Monitor:
    """Lanes that callers append to, and the sender that empties them.

    The sender's thread starts at the first record. Nothing here takes a lock that a caller, a
    signal handler or a forked child could wait for.
    """

    __slots__ = (
        "__weakref__",
        "_chosen",
        "_paused",
        "_starting",
        "agent_id",
        "capturing",
        "closed",
        "durable",
        "epoch",
        "logs",
        "next_number",
        "open",
        "others",
        "prefix",
        "requests",
        "resting",
        "sender",
        "warned",
    )

    def __init__(self) -> None:
        self._chosen: Config | None = None
        self.sender: Sender | None = None
        """What empties the lanes; None before the epoch's first record."""
        self._starting = allocate_lock()
        self._paused = False
        self.warned: set[str] = set()
        """What the host was warned of: each thing once in this process and its forks."""
        self.agent_id = os.urandom(16)
        """The same for this process and its forks."""
        self.epoch = 0
        self.durable: Durable | None = None
        """What writes every event to disk first, where the settings ask for that."""
        self.capturing = False
        """Whether a test reads the lanes in the sender's place."""
        self.closed = False
        """Whether ``shutdown`` was called: what comes now is counted and thrown away."""
        self.next_number = count(1).__next__
        self.open: dict[int, Request] = {}
        """Requests entered and not ended, by number."""
        self.requests = Lane(self, REQUESTS_MAX)
        self.others = Lane(self, OTHERS_MAX)
        self.logs = Lane(self, LOGS_MAX)
        self.resting = True
        """Whether an opened request must wake the sender for its heartbeats to begin."""
        self.prefix = ""
        self._begin_process()
        itself = ref(self)
        os.register_at_fork(
            before=lambda: _forking(itself()),
            after_in_parent=lambda: _went_on(itself()),
            after_in_child=lambda: _forked(itself()),
        )

    def _begin_process(self) -> None:
        # seconds first, so that ids sort by the time their process began
        self.prefix = f"{int(time()):08x}{os.urandom(4).hex()}"
        self._begin_epoch()

    def _begin_epoch(self) -> None:
        # milliseconds and process id: no two processes share one, and later ones are greater
        fresh = (time_ns() // 1_000_000) << 22 | os.getpid() & 0x3FFFFF
        self.epoch = max(fresh, self.epoch + (1 << 22))
        for lane in self.lanes:
            lane.reset()
        self.sender = None
        self.resting = True
        self._choose_rows()

    def _choose_rows(self) -> None:
        # of the settings given to init only: those of the environment are read when work begins
        wanted = self._chosen is not None and self._chosen.durable
        self.durable = None
        for lane in self.lanes:
            lane.rows = lane.queue
        if wanted:
            self.durable = deferred.make_durable(self)

    @property
    def lanes(self) -> tuple[Lane, Lane, Lane]:
        """Logs, others, requests: in the order in which they go when memory is short."""
        return self.logs, self.others, self.requests

    @property
    def emitted(self) -> int:
        """Events recorded in this epoch."""
        direct = 0 if self.durable is None else self.durable.direct
        return direct + sum(lane.emitted for lane in self.lanes)

    @property
    def config(self) -> Config:
        """The settings given to ``init``, else those of the environment."""
        if self._chosen is None:
            self._chosen = deferred.environment_config()
        return self._chosen

    def configure(self, config: Config) -> None:
        """Use ``config`` from now on. After a shutdown, begin anew.

        So do durable recording, any change of it, and a change to another collector once one has
        been sent something: what was recorded before is flushed, or left in the spool.
        """
        anew = self._begins_anew(config)
        if anew and self.sender is not None and not self.closed:
            self.shutdown(CHANGE_S)
        self._chosen = config
        if self.closed:
            self._begin_epoch()
            self.closed = False
        elif anew:
            self._choose_rows()
        deferred.install_exits(self)

    def _begins_anew(self, config: Config) -> bool:
        if self.durable is not None or config.durable:
            return self.durable is None or config != self._chosen
        # two collectors' books of one epoch would each miss what the other has
        delivery = None if self.sender is None else self.sender.delivery
        return delivery is not None and delivery.begun and config.address != self.config.address

    def before_fork(self) -> None:
        """Let callers and the sender finish their imports: a child would find the locks held."""
        self._paused = self._starting.acquire(timeout=_FORK_S)
        if self.sender is not None:
            self.sender.before_fork()

    def after_fork_in_parent(self) -> None:
        """Let callers start a sender again."""
        if self._paused:
            self._starting.release()

    def after_fork(self) -> None:
        """In a forked child: the parent keeps what was recorded, the child begins with nothing."""
        if self.sender is not None:
            self.sender.disown()
        if self.durable is not None:
            self.durable.spool.disown()
        self._starting = allocate_lock()
        self.open.clear()
        self._begin_process()

    def wake(self, urgent: bool) -> None:
        """See to it that the sender looks at the lanes: soon if it rests, or if ``urgent``."""
        if self.capturing or self.closed:
            return
        try:
            sender = self.sender or self._start()
            if sender is not None:
                sender.call(urgent)
        except Exception:
            # no thread at interpreter shutdown, no file descriptors: what was recorded waits
            return

    def _start(self) -> Sender | None:
        if not self._starting.acquire(blocking=False):
            return None
        try:
            if self.sender is None:
                self._begin_sending(deferred.new_sender(self))
                deferred.install_exits(self)
            return self.sender
        finally:
            self._starting.release()

    def _begin_sending(self, sender: Sender) -> None:
        # before its thread runs: a signal that ends the process meanwhile must find it
        self.sender = sender
        try:
            sender.start()
        except BaseException:
            self.sender = None
            raise

    def open_requests(self) -> list[Request]:
        """Requests entered and not ended."""
        return list(self.open.values())

    def warn_once(self, about: str, message: str, *args: object) -> None:
        """Warn through ``logging``, the first time in this process and its forks."""
        if about not in self.warned:
            self.warned.add(about)
            deferred.warn(message, *args)

    def score(self, request_id: str, name: str, value: float, comment: str | None) -> None:
        """Record a late score of a request."""
        row = {
            "request_id": request_id,
            "name": name,
            "value": value,
            "time_ns": time_ns(),
            "comment": comment,
        }
        self.others.put(("score", row))

    def stats(self) -> Stats:
        """Counts of this epoch."""
        return deferred.read_stats(self)

    def flush(self, timeout_s: float) -> FlushResult:
        """Wait until everything recorded before is acknowledged or lost, ``timeout_s`` at most."""
        before = self.stats()
        if before.buffered and not self.closed:
            self.wake(urgent=False)
            if self.sender is not None:
                self.sender.flush(timeout_s)
        return deferred.flush_result(before, self.stats())

    def shutdown(self, timeout_s: float) -> FlushResult:
        """Flush, spool what is left, stop the thread. What is recorded afterwards is lost."""
        result = self.flush(timeout_s)
        self.closed = True
        if self.sender is not None:
            self.sender.stop()
        for lane in self.lanes:
            lane.discard()
        return result


def _forking(monitor: Monitor | None) -> None:
    if monitor is not None:
        monitor.before_fork()


def _went_on(monitor: Monitor | None) -> None:
    if monitor is not None:
        monitor.after_fork_in_parent()


def _forked(monitor: Monitor | None) -> None:
    if monitor is not None:
        monitor.after_fork()


default = Monitor()
"""The process's monitor."""
