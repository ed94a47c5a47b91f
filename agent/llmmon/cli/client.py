"""The viewer's two sockets: questions to a collector, and what it publishes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, Self

import zmq

from llmmon.errors import UnreachableError
from llmmon.protocol.control import Request, decode_reply, encode_request
from llmmon.protocol.curve import HANDSHAKE_EVENTS, CurveKeys, Handshake, decode_handshake
from llmmon.protocol.endpoint import Address

TIMEOUT_S: Final = 3.0
_FINE: Final = Handshake("", final=False)


class Link:
    """A socket to one of a collector's endpoints, with what is known of its handshake."""

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        kind: int,
        endpoint: str,
        keys: CurveKeys | None,
    ) -> None:
        """Open. Keys are for TCP: a collector at ``ipc://`` asks for none."""
        self.socket = context.socket(kind)
        self.socket.linger = 0
        self._has_keys = keys is not None
        self._handshake = _FINE
        self._events: zmq.Socket[bytes] | None = None
        self._poller = zmq.Poller()
        self._poller.register(self.socket, zmq.POLLIN)
        if endpoint.startswith("tcp://"):
            self._watch(keys)
        self.socket.connect(endpoint)

    def _watch(self, keys: CurveKeys | None) -> None:
        if keys is not None:
            self.socket.curve_serverkey = keys.server_key.encode()
            self.socket.curve_publickey = keys.public_key.encode()
            self.socket.curve_secretkey = keys.secret_key.encode()
        self._events = self.socket.get_monitor_socket(HANDSHAKE_EVENTS)
        self._poller.register(self._events, zmq.POLLIN)

    @property
    def refusal(self) -> str:
        """Why the last handshake failed; empty where none has."""
        return self._handshake.trouble

    def wait(self, timeout_s: float) -> bool:
        """Whether a message is there within ``timeout_s``; ends early where none can come."""
        deadline_s = time.monotonic() + timeout_s
        while not self._handshake.final:
            left_s = deadline_s - time.monotonic()
            ready = dict(self._poller.poll(max(0, int(left_s * 1000) + 1)))
            if self.socket in ready:
                return True
            if not ready or left_s <= 0:
                return False
            self._hear()
        return False

    def _hear(self) -> None:
        if self._events is not None:
            frame = self._events.recv_multipart()[0]
            self._handshake = decode_handshake(frame, self._has_keys) or self._handshake

    def close(self) -> None:
        """Let the socket go; harmless twice."""
        if self._events is not None:
            self.socket.disable_monitor()
            self._events.close()
            self._events = None
        self.socket.close()


class ControlClient:
    """Asks one collector, one question at a time. Use as a context manager."""

    def __init__(
        self, address: Address, timeout_s: float = TIMEOUT_S, keys: CurveKeys | None = None
    ) -> None:
        self._address = address
        self._timeout_s = timeout_s
        self._keys = keys
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._link: Link | None = None
        self._last_id = 0

    def call(self, method: str, params: dict[str, Any] | None = None, more_s: float = 0.0) -> Any:
        """The result of ``method``, one of ``control.METHODS``.

        ``more_s`` is what the collector may take over the usual time.

        Raises:
            UnreachableError: no answer in time, or the collector does not take the key.
            ControlError: the collector refused.
            SchemaError: the answer is no reply.
        """
        self._last_id += 1
        link = self._open()
        link.socket.send(encode_request(Request(self._last_id, method, params or {})))
        deadline_s = time.monotonic() + self._timeout_s + more_s
        while (left_s := deadline_s - time.monotonic()) > 0 and link.wait(left_s):
            reply_id, result = decode_reply(link.socket.recv())
            if reply_id == self._last_id:
                return result
        self._drop()
        raise UnreachableError(self._address.text, self._timeout_s + more_s, link.refusal)

    def _open(self) -> Link:
        if self._link is None:
            self._link = Link(self._context, zmq.DEALER, self._address.control, self._keys)
        return self._link

    def _drop(self) -> None:
        """A late answer to an abandoned question must not reach the next one."""
        if self._link is not None:
            self._link.close()
            self._link = None

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

    def __init__(
        self, address: Address, topics: Sequence[str], keys: CurveKeys | None = None
    ) -> None:
        self._address = address
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._link = Link(self._context, zmq.SUB, address.snapshots, keys)
        for topic in topics:
            self._link.socket.subscribe(topic)

    def receive(self, timeout_s: float) -> tuple[str, bytes] | None:
        """The next topic and payload, or None when nothing came within ``timeout_s``.

        Raises:
            UnreachableError: the collector does not take the key.
        """
        if not self._link.wait(timeout_s):
            if self._link.refusal:
                raise UnreachableError(self._address.text, timeout_s, self._link.refusal)
            return None
        topic, payload = self._link.socket.recv_multipart()[:2]
        return topic.decode(errors="replace"), payload

    def close(self) -> None:
        """Let the socket go; harmless twice."""
        self._link.close()
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
