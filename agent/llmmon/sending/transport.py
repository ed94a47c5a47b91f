"""The DEALER socket to a collector. One thread makes, uses and closes it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

import zmq

from llmmon.protocol.curve import HANDSHAKE_EVENTS, CurveKeys, decode_handshake

_OPTIONS: Final = {
    # no silent queue to nobody: a send without a peer says so
    zmq.IMMEDIATE: 1,
    zmq.SNDHWM: 512,
    zmq.RCVHWM: 512,
    zmq.LINGER: 0,
    zmq.RECONNECT_IVL: 100,
    zmq.RECONNECT_IVL_MAX: 2000,
    zmq.MAXMSGSIZE: 1 << 20,
    zmq.HEARTBEAT_IVL: 2000,
    zmq.HEARTBEAT_TIMEOUT: 6000,
    zmq.HEARTBEAT_TTL: 6000,
    zmq.TCP_KEEPALIVE: 1,
}
_RECEIVE_MOST: Final = 1024
_SHUT_OUT_S: Final = 2.0
"""Between two tries where the collector does not take the key: it may be allowed meanwhile."""


class Transport:
    """A socket that never blocks, and a pipe by which other threads end a wait."""

    def __init__(self, endpoint: str, keys: CurveKeys | None, wake_fd: int) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._wake_fd = wake_fd
        self._poller = zmq.Poller()
        self.refusal = ""
        """Why the last handshake failed; empty where none has."""
        self._given_up = False
        self._retry_s: float | None = None
        try:
            self._open(endpoint, keys)
        except zmq.ZMQError:
            self._context.destroy(linger=0)
            raise

    def _open(self, endpoint: str, keys: CurveKeys | None) -> None:
        socket = self._context.socket(zmq.DEALER)
        for option, value in _OPTIONS.items():
            socket.setsockopt(option, value)
        over_tcp = endpoint.startswith("tcp://")
        events: zmq.Socket[bytes] | None = None
        try:
            if keys is not None and over_tcp:
                socket.curve_serverkey = keys.server_key.encode()
                socket.curve_publickey = keys.public_key.encode()
                socket.curve_secretkey = keys.secret_key.encode()
            if over_tcp:
                events = socket.get_monitor_socket(HANDSHAKE_EVENTS)
            socket.connect(endpoint)
        except zmq.ZMQError:
            _close(socket, events, 0)
            raise
        self._endpoint, self._keys = endpoint, keys
        self._socket, self._events = socket, events
        self._given_up, self._retry_s = False, None
        self._poller = zmq.Poller()
        self._poller.register(socket, zmq.POLLIN)
        self._poller.register(self._wake_fd, zmq.POLLIN)
        if events is not None:
            self._poller.register(events, zmq.POLLIN)

    def reopen(self, endpoint: str, keys: CurveKeys | None) -> None:
        """Replace the socket by a new one. What the old one had queued is gone.

        Where that fails, for want of descriptors or for a key that is none, ``refusal`` says why,
        and there is no peer until ``mend`` succeeds.
        """
        _close(self._socket, self._events, 0)
        self._endpoint, self._keys, self._events = endpoint, keys, None
        try:
            self._open(endpoint, keys)
        except zmq.ZMQError as error:
            self.refusal = str(error)
            self._given_up, self._retry_s = True, None
            self._poller = zmq.Poller()
            self._poller.register(self._wake_fd, zmq.POLLIN)

    def mend(self, now_s: float) -> bool:
        """Try again, now and then, where ZeroMQ has given up; whether there is a new socket."""
        if not self._given_up:
            return False
        if self._retry_s is None:
            self._retry_s = now_s + _SHUT_OUT_S
        if now_s < self._retry_s:
            return False
        self.reopen(self._endpoint, self._keys)
        return True

    def send(self, frames: list[bytes]) -> bool:
        """Hand a message to the socket; False if there is no peer to take it now."""
        if self._socket.closed:
            return False
        try:
            self._socket.send_multipart(frames, zmq.DONTWAIT, copy=True)
        except zmq.Again:
            return False
        return True

    def receive(self) -> Iterator[list[bytes]]:
        """The messages that have come, as far as they go without waiting."""
        for _ in range(_RECEIVE_MOST):
            if self._socket.closed:
                return
            try:
                yield self._socket.recv_multipart(zmq.DONTWAIT)
            except zmq.Again:
                return

    def wait(self, timeout_s: float | None, for_peer: bool) -> None:
        """Sleep until a message comes, another thread calls, or ``timeout_s`` is over.

        With ``for_peer`` also until there is a peer to send to.
        """
        if not self._socket.closed:
            self._poller.modify(self._socket, zmq.POLLIN | (zmq.POLLOUT if for_peer else 0))
        # upwards, so that a wait never ends just before its time
        timeout_ms = None if timeout_s is None else max(0, int(timeout_s * 1000) + 1)
        self._poller.poll(timeout_ms)
        self._hear_handshakes()
        try:
            os.read(self._wake_fd, 4096)
        except BlockingIOError:
            return

    def _hear_handshakes(self) -> None:
        if self._events is None:
            return
        try:
            while True:
                frame = self._events.recv_multipart(zmq.DONTWAIT)[0]
                handshake = decode_handshake(frame, self._keys is not None)
                if handshake is not None:
                    self.refusal, self._given_up = handshake
        except zmq.Again:
            return

    def close(self, linger_s: float = 0.0) -> None:
        """Close for good, giving what is queued ``linger_s`` to go out."""
        _close(self._socket, self._events, int(linger_s * 1000))
        self._context.term()


def _close(socket: zmq.Socket[bytes], events: zmq.Socket[bytes] | None, linger_ms: int) -> None:
    if events is not None:
        socket.disable_monitor()
        events.close(linger=0)
    socket.close(linger=linger_ms)
