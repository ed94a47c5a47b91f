"""A collector's two viewer sockets with answers that a test decides: real ZeroMQ, in a thread."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Self

import zmq

from llmmon.protocol.codec import pack
from llmmon.protocol.control import Request, decode_request, encode_error, encode_result
from llmmon.protocol.endpoint import Address, parse_address
from llmmon.protocol.snapshot import TAIL_TOPIC, TOPIC, Snapshot, encode_snapshot

Answer = Callable[[dict[str, Any]], Any]
_NUDGE: Final = "inproc://nudge"
PATIENCE_S: Final = 10.0


class Refusal(Exception):
    """Raised by an answer: the collector says no."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class ViewerPeer:
    """Publishes when told to, answers what ``answers`` knows, remembers what it was asked.

    Use as a context manager; all methods may be called from any thread.
    """

    def __init__(self, address: str) -> None:
        self.address: Address = parse_address(address)
        self.answers: dict[str, Answer] = {}
        self.requests: list[Request] = []
        self.topics: set[str] = set()
        self.hold: set[str] = set()
        """Methods that are heard and never answered."""
        self._changed = threading.Condition()
        self._out: deque[list[bytes]] = deque()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._nudge = self._context.socket(zmq.PAIR)
        self._nudge.bind(_NUDGE)
        self._thread: threading.Thread | None = None

    def publish(self, *snapshots: Snapshot) -> None:
        """Send each on the topic of its grouping."""
        for snapshot in snapshots:
            self.send(TOPIC + snapshot.by, encode_snapshot(snapshot))

    def publish_rows(self, rows: Sequence[Mapping[str, Any]], sampled_out: int = 0) -> None:
        """Send requests on the tail."""
        self.send(f"{TAIL_TOPIC}requests", pack({"rows": list(rows), "sampled_out": sampled_out}))

    def send(self, topic: str, payload: bytes) -> None:
        """Send any message."""
        self._out.append([topic.encode(), payload])
        self._nudge.send(b"")

    def serve(self, *snapshots: Snapshot) -> None:
        """Answer the method ``snapshot`` with the one of the grouping asked for."""
        by_grouping = {one.by: encode_snapshot(one) for one in snapshots}
        self.answers["snapshot"] = lambda params: by_grouping[params["by"]]

    def asked(self, method: str) -> list[dict[str, Any]]:
        """The parameters of every request for ``method`` so far."""
        return [one.params for one in list(self.requests) if one.method == method]

    def wait_until(self, condition: Callable[[], bool]) -> bool:
        """Wait for something that a request or a subscription changes."""
        with self._changed:
            return self._changed.wait_for(condition, PATIENCE_S)

    def __enter__(self) -> Self:
        snapshots = self._context.socket(zmq.XPUB)
        control = self._context.socket(zmq.ROUTER)
        inbox = self._context.socket(zmq.PAIR)
        for socket in (snapshots, control, inbox):
            socket.linger = 0
        snapshots.bind(self.address.snapshots)
        control.bind(self.address.control)
        inbox.connect(_NUDGE)
        sockets = (snapshots, control, inbox)
        self._thread = threading.Thread(target=self._run, args=sockets, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *reason: object) -> None:
        self._nudge.send(b"stop")
        if self._thread is not None:
            self._thread.join(PATIENCE_S)
        self._nudge.close(0)
        self._context.term()

    def _run(self, *sockets: zmq.Socket[bytes]) -> None:
        snapshots, control, inbox = sockets
        poller = zmq.Poller()
        for socket in sockets:
            poller.register(socket, zmq.POLLIN)
        running = True
        while running:
            ready = dict(poller.poll())
            if snapshots in ready:
                self._note_subscription(snapshots.recv())
            if control in ready:
                self._answer(control)
            if inbox in ready:
                running = inbox.recv() != b"stop"
                self._flush(snapshots)
        for socket in sockets:
            socket.close(0)

    def _flush(self, snapshots: zmq.Socket[bytes]) -> None:
        while self._out:
            snapshots.send_multipart(self._out.popleft())

    def _note_subscription(self, message: bytes) -> None:
        with self._changed:
            topic = message[1:].decode()
            (self.topics.add if message[:1] == b"\x01" else self.topics.discard)(topic)
            self._changed.notify_all()

    def _answer(self, control: zmq.Socket[bytes]) -> None:
        identity, payload = control.recv_multipart()
        request = decode_request(payload)
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()
        if request.method not in self.hold:
            control.send_multipart([identity, self._reply(request)])

    def _reply(self, request: Request) -> bytes:
        answer = self.answers.get(request.method)
        if answer is None:
            return encode_error(request.id, "unknown_method", request.method)
        try:
            return encode_result(request.id, answer(request.params))
        except Refusal as refusal:
            return encode_error(request.id, refusal.code, refusal.reason)
