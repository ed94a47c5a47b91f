"""The sender thread's work: empty the lanes, deliver, spill, adopt, say how things stand."""

from __future__ import annotations

import time
from importlib.metadata import PackageNotFoundError, version
from time import perf_counter
from typing import Final

from llmmon.accounts import lost_by_reason
from llmmon.buffer import HIGH
from llmmon.config import Config
from llmmon.delivery.delivery import Delivery
from llmmon.errors import ProtocolError, VersionError
from llmmon.native import original
from llmmon.protocol.codec import decode_map, encode_map
from llmmon.protocol.wire import Message, decode_message, encode_heartbeat, encode_message
from llmmon.sending import heartbeat
from llmmon.sending.complaints import Complaints
from llmmon.sending.durable import open_spool
from llmmon.sending.orphans import Orphans
from llmmon.sending.sealing import Sealing
from llmmon.sending.sender import FlushRequest, Sender
from llmmon.sending.stream import OwnStream
from llmmon.sending.transport import Transport
from llmmon.spool.home import service_home

_GOODBYE_S: Final = 0.2
_AFTER_FAILURE_S: Final = 1.0
_MEASURE_S: Final = 30.0


class Courier:
    """All state of the sender thread. Times are ``perf_counter`` seconds."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._monitor = sender.monitor
        self._config = self._monitor.config
        self.delivery = Delivery()
        now_s = perf_counter()
        durable = self._monitor.durable
        self._spool = open_spool(self._monitor) if durable is None else durable.spool
        identity = self._monitor.agent_id, self._monitor.epoch
        self._stream = OwnStream(*identity, self.delivery, self._spool)
        self._orphans = self._new_orphans()
        self._adopted_before = 0
        self._sealing = Sealing(self._monitor, self._stream, self._config, now_s)
        self._transport = Transport(self._config.address.ingest, self._config.keys, sender.wake_fd)
        self._complaints = Complaints(self._monitor, now_s)
        self._next_drain_s = now_s
        self._next_beat_s = now_s + heartbeat.ACTIVE_S
        self._beaten = 0
        self._next_measure_s = now_s + _MEASURE_S
        self._blocked = False
        self._flushes: list[FlushRequest] = []

    def _new_orphans(self) -> Orphans | None:
        home = service_home(self._config)
        if home is None:
            return None

        def warn(error: object) -> None:
            self._monitor.warn_once("orphans", "delivering what ended processes left: %s", error)

        return Orphans(home, warn)

    @property
    def adopted(self) -> int:
        """Events of ended processes that were delivered for them."""
        return self._adopted_before + (0 if self._orphans is None else self._orphans.adopted)

    def disown(self) -> None:
        """In a forked child: close this copy of the files. What is locked stays locked."""
        if self._spool is not None:
            self._spool.disown()
        if self._orphans is not None:
            self._orphans.let_go()

    def run(self) -> None:
        """Work until told to stop."""
        try:
            while not self._sender.stopping:
                self._work_safely()
            self._say_goodbye()
        finally:
            if self._orphans is not None:
                self._orphans.let_go()
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
            original(time, "sleep")(_AFTER_FAILURE_S)

    def _turn(self, now_s: float) -> None:
        self._follow_config(now_s)
        self._receive(now_s)
        self._empty_lanes(now_s)
        if self.delivery.tick(now_s):
            self._reopen()
        elif self._transport.mend(now_s):
            self._greet_anew()
        self._blocked = False
        self._send(now_s)
        self._keep(now_s)
        self._adopt(now_s)
        self._beat(now_s)
        self._complete_flushes()
        self._complaints.mention(self.delivery, self._transport.refusal, now_s)

    def _follow_config(self, now_s: float) -> None:
        config, old = self._monitor.config, self._config
        if config is old:
            return
        self._config = config
        self._sealing.configure(config, now_s)
        self._follow_home(old)
        if (config.address, config.keys) != (old.address, old.keys):
            self._reopen()

    def _follow_home(self, old: Config) -> None:
        if self._monitor.durable is not None:
            # its spool stays its epoch's: other settings begin another
            return
        if service_home(self._config) != service_home(old):
            self._adopted_before = self.adopted
            if self._orphans is not None:
                self._orphans.let_go()
            self._orphans = self._new_orphans()
        if self._spool is None or not self._spool.begun:
            self._spool = open_spool(self._monitor)
            self._stream.keep_in(self._spool)

    def _reopen(self) -> None:
        self._transport.reopen(self._config.address.ingest, self._config.keys)
        self._greet_anew()

    def _greet_anew(self) -> None:
        self.delivery.blocked()
        if self._orphans is not None:
            self._orphans.blocked()

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
        if self._stream.is_of(header) or values.get("reason") == "bad_version":
            self.delivery.received(message, header.seq, values, now_s)
        elif self._orphans is not None:
            self._orphans.received(message, header, values, now_s)

    # from the lanes to delivery

    def _empty_lanes(self, now_s: float) -> None:
        if self._monitor.capturing:
            return
        while self._sender.flushes:
            self._flushes.append(self._sender.flushes.popleft())
        fresh = [request for request in self._flushes if request.target is None]
        if fresh or now_s >= self._next_drain_s or self._sealing.waiting >= HIGH:
            self._drain(now_s)
            self._next_drain_s = now_s + self._config.flush_interval_s
        for request in fresh:
            request.target = self.delivery.offset

    def _drain(self, now_s: float) -> None:
        def between() -> None:
            self._send(now_s)
            self._keep(now_s)

        if self._sealing.drain(now_s, between):
            self._next_beat_s = min(self._next_beat_s, now_s + heartbeat.ACTIVE_S)

    # what goes out

    def _send(self, now_s: float) -> None:
        if not self._stream.send(self._transport, now_s):
            self._blocked = True

    def _keep(self, now_s: float) -> None:
        self._stream.release()
        self._stream.spill(now_s)
        if self._spool is not None and now_s >= self._next_measure_s:
            self._next_measure_s = now_s + _MEASURE_S
            self._spool.measure()

    def _adopt(self, now_s: float) -> None:
        # of a collector that does not even take what is this process's own, ask nothing more
        willing = self.delivery.connected and not self._blocked
        if self._orphans is not None and willing:
            self._blocked = not self._orphans.turn(self._transport, now_s)

    def _beat(self, now_s: float) -> None:
        if self._monitor.open:
            self._next_beat_s = min(self._next_beat_s, now_s + heartbeat.ACTIVE_S)
        if now_s < self._next_beat_s:
            return
        emitted = self._monitor.emitted
        active = emitted != self._beaten or self._monitor.open or self.delivery.held
        self._beaten = emitted
        interval_s = heartbeat.ACTIVE_S if active else heartbeat.IDLE_S
        self._next_beat_s = now_s + interval_s
        if self.delivery.connected:
            told = heartbeat.compose(self._monitor, interval_s, now_s, _version())
            header = self._stream.header(base_seq=self.delivery.base_seq)
            self._transport.send(encode_message(Message.HEARTBEAT, header, encode_heartbeat(told)))

    def _complete_flushes(self) -> None:
        settled = self.delivery.settled
        for request in list(self._flushes):
            if request.target is not None and request.target <= settled:
                self._flushes.remove(request)
                request.complete()

    # rest and end

    def _rest(self, now_s: float) -> None:
        sender, monitor = self._sender, self._monitor
        # say so first and look again after: whoever comes in between either is seen or calls
        sender.idle = now_s >= self._next_drain_s
        monitor.resting = self._next_beat_s > now_s + heartbeat.ACTIVE_S
        if sender.idle and self._sealing.waiting:
            sender.idle = False
        if monitor.resting and monitor.open:
            monitor.resting = False
        if not (sender.stopping or sender.flushes):
            self._transport.wait(max(0.0, self._wake_at() - now_s), self._blocked)
        sender.idle = monitor.resting = sender.called = False

    def _wake_at(self) -> float:
        orphans = self._orphans if self.delivery.connected else None
        if orphans is not None and orphans.busy and not self._blocked:
            return 0.0
        deadlines_s = [self._next_beat_s]
        if not self._sender.idle:
            deadlines_s.append(self._next_drain_s)
        awaited_s = [
            self.delivery.wake_at(),
            self._stream.spill_at(),
            self._complaints.wake_at(),
            None if orphans is None else orphans.wake_at(),
        ]
        deadlines_s += [due_s for due_s in awaited_s if due_s is not None]
        return min(deadlines_s)

    def _say_goodbye(self) -> None:
        now_s = perf_counter()
        if self._spool is not None:
            self._sealing.drain(now_s, lambda: self._stream.spill(now_s, everything=True))
            self._stream.release()
            self._stream.spill(now_s, everything=True)
        self._sealing.book_drops()
        self.delivery.abandon("shutdown")
        for lane in self._monitor.lanes:
            lane.discard()
        emitted = self._monitor.emitted
        goodbye = self._stream.bye(emitted, encode_map(lost_by_reason(self._monitor)))
        if self._spool is not None:
            self._spool.close(self._stream.record(goodbye))
        # what lies in the spool is still to come: whoever brings it says goodbye then
        if self.delivery.connected and not self.delivery.spooled:
            self._transport.send(goodbye)


def _version() -> str:
    try:
        return version("llmmon")
    except PackageNotFoundError:
        return "unknown"
