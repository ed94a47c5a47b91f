"""A minimal collector on real sockets, and agents that talk to it."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

import llmmon
from llmmon.protocol.codec import decode_map, encode_map
from llmmon.protocol.endpoint import parse_address
from llmmon.protocol.event import Heartbeat, Kind, request_id
from llmmon.protocol.wire import (
    Header,
    Message,
    decode_batch,
    decode_heartbeat,
    decode_message,
    encode_message,
)

DEADLINE_S = 20.0


class Collector:
    """Speaks the protocol, keeps everything in memory, can go away and come back."""

    def __init__(self, directory: Path) -> None:
        self.endpoint = f"ipc://{directory}"
        self._ingest = parse_address(self.endpoint).ingest
        self._context = zmq.Context()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.committed: dict[tuple[bytes, int], int] = {}
        self.next_event: dict[tuple[bytes, int], int] = {}
        self.rows: dict[Kind, list[dict[str, Any]]] = {kind: [] for kind in Kind}
        self.lost = 0
        self.batches = 0
        self.heartbeats: list[Heartbeat] = []
        self.byes: list[tuple[Header, dict[str, Any]]] = []
        self.forget_acks = 0
        """Acknowledgements to swallow, as a network would."""
        self.hung = False
        """Whether it leaves in its socket what comes."""
        self.refusal: dict[str, Any] = {}
        """What it answers to everything; empty where it takes what comes."""

    def start(self) -> None:
        """Listen."""
        self._stop.clear()
        socket = self._context.socket(zmq.ROUTER)
        socket.setsockopt(zmq.LINGER, 0)
        socket.bind(self._ingest)
        self._thread = threading.Thread(target=self._serve, args=(socket,))
        self._thread.start()

    def stop(self) -> None:
        """Close the socket; what was committed stays."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def close(self) -> None:
        """Stop for good."""
        self.stop()
        self._context.term()

    def _serve(self, socket: "zmq.Socket[bytes]") -> None:
        while not self._stop.is_set():
            if not socket.poll(20) or self.hung:
                self._stop.wait(0.01)
                continue
            peer, *frames = socket.recv_multipart()
            answer = self._answer(frames)
            if answer is not None and self.forget_acks and answer[0] == Message.ACK.value:
                self.forget_acks -= 1
            elif answer is not None:
                socket.send_multipart([peer, *answer])
        socket.close(linger=0)

    def _answer(self, frames: list[bytes]) -> list[bytes] | None:
        message, header, payload = decode_message(frames)
        if self.refusal:
            refused = Header(header.agent_id, header.epoch, seq=header.seq)
            return encode_message(Message.NACK, refused, encode_map(self.refusal))
        match message:
            case Message.HELLO:
                return self._state(Message.WELCOME, header)
            case Message.BATCH:
                self._take(header, payload)
                return self._state(Message.ACK, header)
            case Message.HEARTBEAT:
                self.heartbeats.append(decode_heartbeat(payload))
                return self._state(Message.PONG, header)
            case Message.BYE:
                self.byes.append((header, decode_map(payload)))
        return None

    def _take(self, header: Header, payload: bytes) -> None:
        stream = header.agent_id, header.epoch
        last = self.committed.get(stream, 0)
        if header.seq <= last:
            return
        if header.seq > last + 1 and header.base_seq != header.seq:
            return
        batch = decode_batch(payload, header.events)
        self.committed[stream] = header.seq
        self.lost += header.first_event - self.next_event.get(stream, 0)
        self.next_event[stream] = header.first_event + header.events
        self.batches += 1
        for kind, table in batch.tables.items():
            for row in table.rows():
                told = row | {"epoch": header.epoch}
                if kind is Kind.REQUEST:
                    told.setdefault("id", request_id(batch.id_prefix, row["counter"]))
                self.rows[kind].append(told)

    def _state(self, message: Message, header: Header) -> list[bytes]:
        stream = header.agent_id, header.epoch
        reply = Header(*stream, seq=self.committed.get(stream, 0))
        return encode_message(message, reply, encode_map({"credit": 64}))

    @property
    def requests(self) -> list[dict[str, Any]]:
        """All requests taken."""
        return self.rows[Kind.REQUEST]


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    """A collector's double, not yet listening."""
    double = Collector(tmp_path)
    yield double
    double.close()


@pytest.fixture
def service(collector: Collector) -> Iterator[Collector]:
    """The process's agent, pointed at ``collector``, fast; shut down afterwards."""
    llmmon.init(
        service="shop",
        environment="test",
        endpoint=collector.endpoint,
        flush_interval_s=0.02,
        handle_sigterm=False,
    )
    yield collector
    llmmon.shutdown(timeout_s=0.0)


@pytest.fixture
def until() -> Callable[[Callable[[], object]], None]:
    """Wait for a condition, or fail after twenty seconds."""

    def wait(condition: Callable[[], object]) -> None:
        deadline_s = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < deadline_s, "waited in vain"
            time.sleep(0.01)

    return wait
