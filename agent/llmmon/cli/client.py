"""The viewer's two sockets: questions to a collector, and what it publishes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, Self

import zmq

from llmmon.errors import UnreachableError
from llmmon.protocol.control import Request, decode_reply, encode_request
from llmmon.protocol.endpoint import Address

TIMEOUT_S: Final = 3.0


class ControlClient:
    """Asks one collector, one question at a time. Use as a context manager."""

    def __init__(self, address: Address, timeout_s: float = TIMEOUT_S) -> None:
        self._address = address
        self._timeout_s = timeout_s
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket: zmq.Socket[bytes] | None = None
        self._last_id = 0

    def call(self, method: str, params: dict[str, Any] | None = None, more_s: float = 0.0) -> Any:
        """The result of ``method``, one of ``control.METHODS``.

        ``more_s`` is what the collector may take over the usual time.

        Raises:
            UnreachableError: no answer in time.
            ControlError: the collector refused.
            SchemaError: the answer is no reply.
        """
        self._last_id += 1
        self._open().send(encode_request(Request(self._last_id, method, params or {})))
        deadline_s = time.monotonic() + self._timeout_s + more_s
        while (left_s := deadline_s - time.monotonic()) > 0:
            if not self._open().poll(int(left_s * 1000) + 1):
                break
            reply_id, result = decode_reply(self._open().recv())
            if reply_id == self._last_id:
                return result
        self._drop()
        raise UnreachableError(self._address.text, self._timeout_s + more_s)

    def _open(self) -> zmq.Socket[bytes]:
        if self._socket is None:
            self._socket = self._context.socket(zmq.DEALER)
            self._socket.linger = 0
            self._socket.connect(self._address.control)
        return self._socket

    def _drop(self) -> None:
        """A late answer to an abandoned question must not reach the next one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def close(self) -> None:
        """Let the socket go; harmless twice."""
        self._drop()
        self._context.term()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Subscriber:
    """Receives what a collector publishes under ``topics``. Use as a context manager."""

    def __init__(self, address: Address, topics: Sequence[str]) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.linger = 0
        for topic in topics:
            self._socket.subscribe(topic)
        self._socket.connect(address.snapshots)

    def receive(self, timeout_s: float) -> tuple[str, bytes] | None:
        """The next topic and payload, or None when nothing came within ``timeout_s``."""
        if not self._socket.poll(int(timeout_s * 1000)):
            return None
        topic, payload = self._socket.recv_multipart()[:2]
        return topic.decode(errors="replace"), payload

    def close(self) -> None:
        """Let the socket go; harmless twice."""
        self._socket.close()
        self._context.term()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
