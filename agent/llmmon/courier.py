"""The sender thread's work: empty the lanes, pack, deliver, and say how things stand."""

from __future__ import annotations

import time
from importlib.metadata import PackageNotFoundError, version
from time import perf_counter
from typing import Any, Final

from llmmon import heartbeat
from llmmon.accounts import lost_by_reason
from llmmon.buffer import HIGH, Lane
from llmmon.delivery import Delivery, Outgoing
from llmmon.errors import ProtocolError, VersionError
from llmmon.packing import CHUNK, Packed, Packer
from llmmon.protocol.wire import (
    Header,
    Message,
    decode_map,
    decode_message,
    encode_heartbeat,
    encode_map,
    encode_message,
)
from llmmon.sender import FlushRequest, Sender
from llmmon.transport import Transport

ALONE_S: Final = 5.0
"""How long a collector may be away before it is mentioned."""

_GOODBYE_S: Final = 0.2
_AFTER_FAILURE_S: Final = 1.0


class Courier:
    """All state of the sender thread. Times are ``perf_counter`` seconds."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._monitor = sender.monitor
        self._config = self._monitor.config
        self.delivery = Delivery()
        now_s = perf_counter()
        self._packer = Packer(self._config, self._monitor.prefix, now_s)
        self._transport = Transport(self._config.address.ingest, self._config.keys, sender.wake_fd)
        self._alone_since_s: float | None = now_s
        self._next_drain_s = now_s
        self._next_beat_s = now_s + heartbeat.ACTIVE_S
        self._beaten = 0
        self._booked_drops = 0
        self._blocked = False
        self._flushes: list[FlushRequest] = []

    def run(self) -> None:
        """Work until told to stop."""
        try:
            while not self._sender.stopping:
                self._work_safely()
            self._say_goodbye()
        finally:
            for request in self._flushes:
                request.complete()
            self._transport.close(_GOODBYE_S if self.delivery.connected else 0.0)

    def _work_safely(self) -> None:
        try:
            self._turn(perf_counter())
            self._rest(perf_counter())
        except Exception as error:
            # the host must not notice; its events wait, bounded, and the loss is counted
            self._monitor.warn_once("failed", "sending failed: %r", error)
            time.sleep(_AFTER_FAILURE_S)

    def _turn(self, now_s: float) -> None:
        self._follow_config(now_s)
        self._receive(now_s)
        self._empty_lanes(now_s)
        if self.delivery.tick(now_s):
            self._transport.reopen(self._config.address.ingest, self._config.keys)
        self._blocked = False
        self._send(now_s)
        self._beat(now_s)
        self._complete_flushes()
        self._mention_trouble(now_s)

    def _follow_config(self, now_s: float) -> None:
        config, old = self._monitor.config, self._config
        if config is old:
            return
        self._config = config
        self._packer = Packer(config, self._monitor.prefix, now_s)
        if (config.address, config.keys) != (old.address, old.keys):
            self._transport.reopen(config.address.ingest, config.keys)
            self.delivery.blocked()

    # what comes in

    def _receive(self, now_s: float) -> None:
        for frames in self._transport.receive():
            was_connected = self.delivery.connected
            self._take_in(frames, now_s)
            if self.delivery.connected and not was_connected:
                self._next_beat_s = now_s

    def _take_in(self, frames: list[bytes], now_s: float) -> None:
        try:
            message, header, payload = decode_message(frames)
            values = decode_map(payload)
        except VersionError as error:
            refusal = {"reason": "bad_version", "detail": str(error)}
            self.delivery.received(Message.NACK, 0, refusal, now_s)
            return
        except ProtocolError:
            return
        mine = (header.agent_id, header.epoch) == (self._monitor.agent_id, self._monitor.epoch)
        if mine or values.get("reason") == "bad_version":
            self.delivery.received(message, header.seq, values, now_s)

    # from the lanes to delivery

    def _empty_lanes(self, now_s: float) -> None:
        if self._monitor.capturing:
            return
        while self._sender.flushes:
            self._flushes.append(self._sender.flushes.popleft())
        fresh = [request for request in self._flushes if request.target is None]
        waiting = max(len(lane.rows) for lane in self._monitor.lanes)
        if fresh or now_s >= self._next_drain_s or waiting >= HIGH:
            self._drain(now_s)
            self._next_drain_s = now_s + self._config.flush_interval_s
        for request in fresh:
            request.target = self.delivery.offset

    def _drain(self, now_s: float) -> None:
        left = {lane: len(lane.rows) for lane in self._monitor.lanes}
        while any(left.values()):
            for lane, waiting in list(left.items()):
                rows = lane.take(min(CHUNK, waiting))
                left[lane] = waiting - len(rows) if rows else 0
                self._book_drops()
                self._seal(lane, rows, now_s)
            if any(left.values()):
                self._send(now_s)
                # a backlog: let the host's threads run in between
                time.sleep(0)
        self._book_drops()

    def _book_drops(self) -> None:
        dropped = sum(lane.dropped.value for lane in self._monitor.lanes)
        self.delivery.lose(dropped - self._booked_drops, "queue_full")
        self._booked_drops = dropped

    def _seal(self, lane: Lane, rows: list[Any], now_s: float) -> None:
        if not rows:
            return
        self._next_beat_s = min(self._next_beat_s, now_s + heartbeat.ACTIVE_S)
        lost = lost_by_reason(self._monitor)
        rank = self._monitor.lanes.index(lane)
        for packed in self._pack(lane, rows, lost, now_s):
            if packed.payload is None:
                self.delivery.lose(packed.events, packed.problem)
            else:
                self.delivery.seal(packed.payload, packed.events, rank)

    def _pack(
        self, lane: Lane, rows: list[Any], lost: dict[str, int], now_s: float
    ) -> list[Packed]:
        if lane is self._monitor.requests:
            return self._packer.requests(rows, lost, now_s)
        return self._packer.events(rows, lost)

    # what goes out

    def _send(self, now_s: float) -> None:
        while (outgoing := self.delivery.next(now_s)) is not None:
            if not self._transport.send(self._frames(outgoing)):
                self.delivery.blocked()
                self._blocked = True
                return
            self.delivery.sent(outgoing, now_s)

    def _frames(self, outgoing: Outgoing) -> list[bytes]:
        message, seq, base_seq, first_event, events, payload = outgoing
        return encode_message(message, self._header(seq, base_seq, first_event, events), payload)

    def _header(
        self, seq: int = 0, base_seq: int = 0, first_event: int = 0, events: int = 0
    ) -> Header:
        identity = self._monitor.agent_id, self._monitor.epoch
        times = time.time_ns(), time.monotonic_ns()
        return Header(*identity, seq, base_seq, first_event, events, *times)

    def _beat(self, now_s: float) -> None:
        if self._monitor.open:
            self._next_beat_s = min(self._next_beat_s, now_s + heartbeat.ACTIVE_S)
        if now_s < self._next_beat_s:
            return
        emitted = sum(lane.emitted for lane in self._monitor.lanes)
        active = emitted != self._beaten or self._monitor.open or self.delivery.held
        self._beaten = emitted
        interval_s = heartbeat.ACTIVE_S if active else heartbeat.IDLE_S
        self._next_beat_s = now_s + interval_s
        if self.delivery.connected:
            told = heartbeat.compose(self._monitor, interval_s, now_s, _version())
            header = self._header(base_seq=self.delivery.base_seq)
            self._transport.send(encode_message(Message.HEARTBEAT, header, encode_heartbeat(told)))

    def _complete_flushes(self) -> None:
        settled = self.delivery.settled
        for request in list(self._flushes):
            if request.target is not None and request.target <= settled:
                self._flushes.remove(request)
                request.complete()

    def _mention_trouble(self, now_s: float) -> None:
        if self.delivery.connected:
            self._alone_since_s = None
            return
        if self._alone_since_s is None:
            self._alone_since_s = now_s
        if self.delivery.refused:
            self._monitor.warn_once("refused", "the collector refuses: %s", self.delivery.refused)
        elif now_s - self._alone_since_s >= ALONE_S:
            self._monitor.warn_once(
                "alone",
                "no collector answers at %s: what is recorded waits in memory, the oldest goes "
                "first when that is full. Start one with `llmmon-collector`, or name another in "
                "LLMMON_ENDPOINT",
                self._config.address,
            )

    # rest and end

    def _rest(self, now_s: float) -> None:
        lanes, sender, monitor = self._monitor.lanes, self._sender, self._monitor
        # say so first and look again after: whoever comes in between either is seen or calls
        sender.idle = now_s >= self._next_drain_s
        monitor.resting = self._next_beat_s > now_s + heartbeat.ACTIVE_S
        if sender.idle and any(lane.rows for lane in lanes):
            sender.idle = False
        if monitor.resting and monitor.open:
            monitor.resting = False
        if not (sender.stopping or sender.flushes):
            self._transport.wait(max(0.0, self._wake_at() - now_s), self._blocked)
        sender.idle = monitor.resting = sender.called = False

    def _wake_at(self) -> float:
        deadlines_s = [self._next_beat_s]
        if not self._sender.idle:
            deadlines_s.append(self._next_drain_s)
        if (answer_s := self.delivery.wake_at()) is not None:
            deadlines_s.append(answer_s)
        if self._alone_since_s is not None and not self._monitor.warned:
            deadlines_s.append(self._alone_since_s + ALONE_S)
        return min(deadlines_s)

    def _say_goodbye(self) -> None:
        self._book_drops()
        self.delivery.abandon("shutdown")
        for lane in self._monitor.lanes:
            lane.discard()
        if self.delivery.connected:
            emitted = sum(lane.emitted for lane in self._monitor.lanes)
            lost = encode_map(lost_by_reason(self._monitor))
            header = self._header(base_seq=self.delivery.base_seq, first_event=emitted)
            self._transport.send(encode_message(Message.BYE, header, lost))


def _version() -> str:
    try:
        return version("llmmon")
    except PackageNotFoundError:
        return "unknown"
