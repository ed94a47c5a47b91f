"""Durable recording: every event is in the spool before the call that records it returns.

It then survives the process, SIGKILL included, though not the machine: nothing is synced. The
calling thread packs its event, gives it a number and appends it; the sender's thread only
delivers. Every event takes a number, the lost ones too, so that number n is sequence number n + 1
and the offset n.
"""

from __future__ import annotations

from collections import deque
from time import time_ns
from typing import Any, Final, NamedTuple

from llmmon.accounts import lost_by_reason
from llmmon.buffer import HIGH, Lane, Tally
from llmmon.config import Config
from llmmon.delivery.delivery import Delivery
from llmmon.delivery.numbered import Entry, Place
from llmmon.monitor import Monitor
from llmmon.packing.packer import Packed, Packer
from llmmon.protocol.wire import Header, Message, encode_message
from llmmon.spool.home import service_home
from llmmon.spool.spool import Spool, record_of

_BROKEN_OFF: Final = "unencodable"


class Written(NamedTuple):
    """What became of one event."""

    number: int
    rank: int = 0
    place: Place | None = None
    payload: bytes = b""
    """The event, where the disk failed."""
    lost: str = ""
    """Why it is lost; empty when it is not."""


class Durable:
    """One epoch's events on their way to its spool. Called by any thread and signal handler."""

    def __init__(self, monitor: Monitor, spool: Spool, config: Config) -> None:
        self.spool = spool
        self._monitor = monitor
        self._identity = monitor.agent_id, monitor.epoch
        self._packer = Packer(config._replace(scorers="none"), monitor.prefix, 0.0)
        self._numbers = Tally()
        self._written: deque[Written] = deque()
        self._handed_over = 0
        self._fed = 0

    @property
    def direct(self) -> int:
        """Events that came here past the lanes' queues."""
        return self._numbers.value - self._fed

    @property
    def waiting(self) -> int:
        """Events that the sender has not taken."""
        return len(self._written)

    def record(self, lane: Lane, row: Any) -> None:
        """Put a caller's event on disk. Raises nothing."""
        self._put(lane, row)
        waiting = len(self._written)
        if not 1 < waiting < HIGH:
            self._monitor.wake(urgent=waiting >= HIGH)

    def write(self, lane: Lane, row: Any) -> None:
        """Put an event that came through the lane's queue on disk. For the sender's thread."""
        self._fed += self._put(lane, row)

    def _put(self, lane: Lane, row: Any) -> bool:
        packed = self._pack(lane, row)
        rank = self._monitor.lanes.index(lane)
        # a number is taken, written and handed over as one: the sender never sees half of it
        with self.spool.lock:
            if self.spool.closed:
                lane.discarded.bump()
                return False
            number = self._numbers.bump()
            self._written.append(self._write(number, rank, packed))
            return True

    def _pack(self, lane: Lane, row: Any) -> Packed:
        lost = lost_by_reason(self._monitor)
        if lane is self._monitor.requests:
            (packed,) = self._packer.requests([row], lost, 0.0)
        else:
            (packed,) = self._packer.events([row], lost)
        return packed

    def _write(self, number: int, rank: int, packed: Packed) -> Written:
        payload = packed.payload
        if payload is None:
            return Written(number, lost=packed.problem)
        wall_ns = time_ns()
        header = Header(*self._identity, number + 1, 0, number, 1, wall_ns)
        record = record_of(wall_ns, encode_message(Message.BATCH, header, payload))
        if not self.spool.has_room(record):
            return Written(number, lost="spool_full")
        place = self.spool.append(rank, record)
        return Written(number, rank, place, payload if place is None else b"")

    def lose(self, events: int, reason: str) -> None:
        """Book ``events`` events of the lanes' queues as lost before they were packed."""
        self._fed += events
        with self.spool.lock:
            for _ in range(events):
                self._written.append(Written(self._numbers.bump(), lost=reason))

    def hand_over(self, delivery: Delivery) -> bool:
        """Tell ``delivery`` of all events since the last call; whether there were any."""
        with self.spool.lock:
            written = {event.number: event for event in self._written}
            self._written.clear()
            numbers = range(self._handed_over, self._numbers.value)
        for number in numbers:
            # an exception of a signal handler can break a call off between two steps
            event = written.get(number, Written(number, lost=_BROKEN_OFF))
            if event.lost:
                delivery.lose(1, event.lost)
            else:
                delivery.take(Entry(number + 1, number, 1, event.rank, event.place), event.payload)
        self._handed_over = numbers.stop
        return bool(numbers)


def make_durable(monitor: Monitor) -> Durable | None:
    """Have the monitor's lanes write to disk from now on; None where there is no spool."""
    spool = open_spool(monitor)
    if spool is None:
        return None
    for lane in monitor.lanes:
        lane.rows = DurableRows(monitor, lane)
    return Durable(monitor, spool, monitor.config)


def open_spool(monitor: Monitor) -> Spool | None:
    """The spool of the monitor's epoch, None where the settings turn it off."""
    home = service_home(monitor.config)
    if home is None:
        return None

    def warn(error: object) -> None:
        monitor.warn_once("spool", "the spool fails, events wait in memory alone: %s", error)

    return Spool(home, monitor.agent_id, monitor.epoch, monitor.config.spool_max_bytes, warn)


class DurableRows:
    """Stands where a lane's queue stands: callers append to it."""

    def __init__(self, monitor: Monitor, lane: Lane) -> None:
        self._monitor = monitor
        self._lane = lane

    def __len__(self) -> int:
        # neither empty nor full: callers need not look after the queue
        return 1

    def append(self, row: Any) -> None:
        """Record ``row``."""
        monitor, lane = self._monitor, self._lane
        durable = monitor.durable
        if monitor.closed:
            lane.discarded.bump()
        elif durable is None or monitor.capturing:
            # bound while events were durable, called when they no longer are
            lane.queue.append(row)
            lane.edge()
        else:
            durable.record(lane, row)
