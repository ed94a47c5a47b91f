"""A local HTTP server in place of a service that takes notifications.

Its answers follow the service's contract, see :mod:`support.contracts`, unless the test has planned
others: errors, rate limits, silence.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

HANG_S = 100.0
"""How long a planned silence lasts at most."""


class Received(NamedTuple):
    """One request."""

    path: str
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes
    method: str = "POST"

    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


class Answer(NamedTuple):
    """One answer."""

    status: int
    body: str = ""
    headers: Mapping[str, str] = {}


Contract = Callable[[Received], Answer]


def take_all(received: Received) -> Answer:
    """The contract of who takes everything."""
    return Answer(200)


class Receiver:
    """A server on a port of its own, for one service."""

    def __init__(self, contract: Contract = take_all) -> None:
        self.contract = contract
        self.received: list[Received] = []
        """Every request, whatever the answer."""
        self.accepted: list[Received] = []
        """Requests that were answered with a success."""
        self.refused: list[str] = []
        """What was said to requests that broke the contract."""
        self._planned: deque[Answer | threading.Event] = deque()
        self._silences: list[threading.Event] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def url(self, path: str = "/") -> str:
        """The address of ``path``."""
        return f"http://127.0.0.1:{self._server.server_address[1]}{path}"

    def plan(self, status: int, body: str = "", **headers: str) -> None:
        """Answer the next request that nothing is planned for yet with this."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._planned.append(Answer(status, body, named))

    def plan_silence(self) -> threading.Event:
        """Do not answer the next one until the event is set, then as the contract says."""
        event = threading.Event()
        self._silences.append(event)
        self._planned.append(event)
        return event

    def forget_plans(self) -> None:
        """Answer as the contract says from now on."""
        self._planned.clear()

    def close(self) -> None:
        """Let everything go."""
        for silence in self._silences:
            silence.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, received: Received) -> Answer:
        """For the server's threads."""
        with self._lock:
            self.received.append(received)
            planned = self._planned.popleft() if self._planned else None
        if isinstance(planned, Answer):
            return planned
        if planned is not None:
            planned.wait(HANG_S)
        with self._lock:
            answer = self.contract(received)
            if answer.status < 300:
                self.accepted.append(received)
            else:
                self.refused.append(answer.body)
        return answer


@contextmanager
def receiving(contract: Contract = take_all) -> Iterator[Receiver]:
    """A receiver, closed afterwards."""
    receiver = Receiver(contract)
    try:
        yield receiver
    finally:
        receiver.close()


def _handler_of(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = receiver.answer(Received(self.path, headers, body, self.command))
            content = answer.body.encode()
            try:
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except OSError:
                self.close_connection = True

        do_PUT = do_POST

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler
