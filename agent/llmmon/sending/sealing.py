"""From the lanes to delivery: rows taken, sampled under pressure, packed, booked."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from llmmon.accounts import lost_by_reason
from llmmon.buffer import Lane
from llmmon.config import Config
from llmmon.delivery.sampling import Sampler
from llmmon.monitor import Monitor
from llmmon.native import original
from llmmon.packing.packer import CHUNK, Packed, Packer
from llmmon.sending.stream import OwnStream


class Sealing:
    """The sender's hand in the lanes. Only its thread calls it."""

    def __init__(self, monitor: Monitor, stream: OwnStream, config: Config, now_s: float) -> None:
        self._monitor = monitor
        self._durable = monitor.durable
        self._stream = stream
        self._delivery = stream.delivery
        self._sampler = Sampler()
        self._booked_drops = 0
        self.configure(config, now_s)

    def configure(self, config: Config, now_s: float) -> None:
        """Pack by ``config`` from now on."""
        self._packer = Packer(config, self._monitor.prefix, now_s)

    @property
    def waiting(self) -> int:
        """Rows in the fullest lane."""
        direct = 0 if self._durable is None else self._durable.waiting
        return max(direct, *(len(lane.queue) for lane in self._monitor.lanes))

    def drain(self, now_s: float, between: Callable[[], None]) -> bool:
        """Take what has been recorded so far; whether that was anything.

        ``between`` is called between two rounds of a backlog.
        """
        left = {lane: len(lane.queue) for lane in self._monitor.lanes}
        found = any(left.values())
        while any(left.values()):
            for lane, waiting in list(left.items()):
                rows = lane.take(min(CHUNK, waiting))
                left[lane] = waiting - len(rows) if rows else 0
                self.book_drops()
                self._seal(lane, rows, now_s)
            if any(left.values()):
                between()
                # a backlog: let the host's threads run in between
                original(time, "sleep")(0)
        self.book_drops()
        if self._durable is not None:
            return self._durable.hand_over(self._delivery) or found
        return found

    def book_drops(self) -> None:
        """Tell delivery of rows that the lanes had no room for."""
        dropped = sum(lane.dropped.value for lane in self._monitor.lanes)
        self._lose(dropped - self._booked_drops, "queue_full")
        self._booked_drops = dropped

    def _lose(self, events: int, reason: str) -> None:
        if self._durable is not None:
            self._durable.lose(events, reason)
        else:
            self._delivery.lose(events, reason)

    def _seal(self, lane: Lane, rows: list[Any], now_s: float) -> None:
        if self._durable is not None:
            for row in rows:
                self._durable.write(lane, row)
            return
        kept = self._sample(lane, rows)
        if not kept:
            return
        rank = self._monitor.lanes.index(lane)
        for packed in self._pack(lane, kept, now_s):
            if packed.payload is None:
                self._delivery.lose(packed.events, packed.problem)
            else:
                self._delivery.seal(packed.payload, packed.events, rank)

    def _sample(self, lane: Lane, rows: list[Any]) -> list[Any]:
        if lane is self._monitor.requests or not rows:
            return rows
        kept = self._sampler.keep(rows, self._stream.pressure)
        self._delivery.lose(len(rows) - len(kept), "sampled")
        return kept

    def _pack(self, lane: Lane, rows: list[Any], now_s: float) -> list[Packed]:
        lost = lost_by_reason(self._monitor)
        if lane is self._monitor.requests:
            return self._packer.requests(rows, lost, now_s)
        return self._packer.events(rows, lost)
