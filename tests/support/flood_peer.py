"""An agent with an agent's own delivery and nothing else: it floods, or sends politely.

``flood_peer.py ADDRESS SERVICE SECONDS BATCHES_PER_S EVENTS``; 0 batches a second are as many as
can be. Prints one JSON line: what became of its events, and how long acknowledgements took.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import deque
from typing import Any

import zmq

from llmmon.delivery.delivery import Delivery, Outgoing
from llmmon.protocol.codec import decode_map, encode_map
from llmmon.protocol.endpoint import parse_address
from llmmon.protocol.event import SERIES_FIELDS, Heartbeat, Kind
from llmmon.protocol.wire import (
    Header,
    Message,
    decode_message,
    encode_batch,
    encode_heartbeat,
    encode_message,
    encode_series,
)

FLOOD_AT_ONCE = 16
MEMORY_BYTES = 16 << 20
WINDOW = 4096
"""More than any credit: the collector alone says how much may be on its way."""
SETTLE_S = 60.0


class Peer:
    def __init__(self, address: str, service: str, events: int) -> None:
        self.delivery = Delivery(window=WINDOW, max_bytes=MEMORY_BYTES)
        self.service = service
        self.events = events
        self.payload = payload(service, events)
        self.identity = os.urandom(16), time.time_ns()
        self.sealed: deque[tuple[int, float]] = deque()
        self.waits_ms: list[float] = []
        self.refusals = 0
        self.socket = zmq.Context().socket(zmq.DEALER)
        self.socket.setsockopt(zmq.IMMEDIATE, 1)
        self.socket.connect(parse_address(address).ingest)

    def seal(self, now_s: float) -> None:
        self.delivery.seal(self.payload, self.events, 2)
        self.sealed.append((self.delivery.offset, now_s))

    def turn(self, timeout_s: float) -> None:
        now_s = time.perf_counter()
        self.delivery.tick(now_s)
        while (out := self.delivery.next(now_s)) is not None:
            try:
                self._send(out.message, out.payload, out)
            except zmq.Again:
                self.delivery.blocked()
                break
            self.delivery.sent(out, now_s)
        self.socket.poll(max(1, int(timeout_s * 1000)))
        self._receive()

    def _send(self, message: Message, body: bytes, out: Outgoing | None = None) -> None:
        numbers = (0, self.delivery.base_seq, self.delivery.offset, 0)
        if out is not None:
            numbers = (out.seq, out.base_seq, out.first_event, out.events)
        header = Header(*self.identity, *numbers)
        self.socket.send_multipart(encode_message(message, header, body), zmq.DONTWAIT)

    def _receive(self) -> None:
        while self.socket.poll(0):
            message, header, body = decode_message(self.socket.recv_multipart())
            now_s = time.perf_counter()
            self.refusals += message is Message.NACK
            self.delivery.received(message, header.seq, decode_map(body), now_s)
            while self.sealed and self.sealed[0][0] <= self.delivery.settled:
                self.waits_ms.append(1000 * (now_s - self.sealed.popleft()[1]))

    def beat(self) -> None:
        delivery = self.delivery
        told = Heartbeat(
            *(self.service, "faults", "host", os.getpid(), "0", delivery.offset),
            *(delivery.lost, delivery.held, 2.0),
        )
        self._send(Message.HEARTBEAT, encode_heartbeat(told))

    def part(self) -> dict[str, Any]:
        self._send(Message.BYE, encode_map(self.delivery.lost))
        self.socket.close(linger=2000)
        waits_ms = sorted(self.waits_ms)
        return {
            "emitted": self.delivery.offset,
            "acknowledged": self.delivery.acknowledged,
            "lost": self.delivery.lost,
            "held": self.delivery.held,
            "refusals": self.refusals,
            "p50_ms": waits_ms[len(waits_ms) // 2],
            "p99_ms": waits_ms[len(waits_ms) * 99 // 100],
            "max_ms": waits_ms[-1],
        }


def payload(service: str, events: int) -> bytes:
    """A batch of requests that differ."""
    key = encode_series([{"service": service, "model": "m"}.get(name) for name in SERIES_FIELDS])
    start_ns = time.time_ns()
    columns = {
        "series": [0] * events,
        "counter": list(range(events)),
        "start_ns": [start_ns + n for n in range(events)],
        "latency_ms": [1.0 + n for n in range(events)],
        "input_tokens": [100 + n for n in range(events)],
        "output_tokens": [10 + n for n in range(events)],
    }
    return encode_batch("host", service, [key], {Kind.REQUEST: (events, columns)}, {})


def main() -> None:
    address, service, *numbers = sys.argv[1:]
    seconds, batches_per_s, events = float(numbers[0]), float(numbers[1]), int(numbers[2])
    peer = Peer(address, service, events)
    while not peer.delivery.connected:
        peer.turn(0.01)
    peer.beat()
    begin_s = due_s = time.perf_counter()
    while (now_s := time.perf_counter()) < begin_s + seconds:
        if batches_per_s:
            while due_s <= now_s:
                peer.seal(due_s)
                due_s += 1 / batches_per_s
        else:
            for _ in range(FLOOD_AT_ONCE):
                peer.seal(now_s)
        peer.turn(max(0.0, due_s - now_s))
    if not batches_per_s:
        peer.delivery.abandon("shutdown")
    while peer.delivery.held and time.perf_counter() < begin_s + seconds + SETTLE_S:
        peer.turn(0.01)
    print(json.dumps(peer.part()), flush=True)


if __name__ == "__main__":
    main()
