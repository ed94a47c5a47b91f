"""The thread that owns the agents' socket: receive a group, have it worked on, answer."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Final

import zmq

from llmmon.protocol.wire import MAX_PAYLOAD
from llmmon_collector.intake.listener import Listener
from llmmon_collector.intake.session import Incoming, Session
from llmmon_collector.security.agentcheck import AgentCheck, nack

GROUP: Final = 64
"""Messages committed with one sync at the most."""

_LAST_GROUPS: Final = 16
"""Groups served once the end is asked for: agents that never pause must not put it off."""
_POLL_MS: Final = 50
_MOST_PARTS: Final = 6
"""Kept of one message: the peer, four frames, and one that shows that there were more."""
_OPTIONS: Final = {
    zmq.LINGER: 0,
    zmq.RCVHWM: 256,
    zmq.SNDHWM: 1000,
    zmq.MAXMSGSIZE: MAX_PAYLOAD + 4096,
    zmq.HANDSHAKE_IVL: 3000,
    zmq.HEARTBEAT_IVL: 2000,
    zmq.HEARTBEAT_TIMEOUT: 6000,
    zmq.HEARTBEAT_TTL: 6000,
    zmq.TCP_KEEPALIVE: 1,
}


def receive(socket: zmq.Socket[bytes]) -> list[zmq.Frame]:
    """The first frames of the next message; the others are read and dropped.

    Raises:
        zmq.Again: there is none.
    """
    part = socket.recv(zmq.NOBLOCK, copy=False)
    parts = [part]
    # a frame knows whether more follow: asking the socket each time costs as much as receiving
    while part.more:
        part = socket.recv(zmq.NOBLOCK, copy=False)
        if len(parts) < _MOST_PARTS:
            parts.append(part)
    return parts


class Receiver:
    """Binds the ingest endpoint and serves it on a thread of its own."""

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        endpoint: str,
        session: Session,
        on_crash: Callable[[BaseException], None],
        check: AgentCheck | None = None,
    ) -> None:
        """Bind. With a ``check``, agents need keys, and every message is asked about.

        Raises:
            zmq.ZMQError: the endpoint cannot be bound.
        """
        self._session = session
        self._on_crash = on_crash
        self._check = check
        self._stop = threading.Event()
        self._context = context
        self._endpoint = endpoint
        self._listener = Listener(self._bind)
        self._thread = threading.Thread(target=self._run, name="llmmon-intake", daemon=True)

    @property
    def problem(self) -> str:
        """What people should know of the socket; empty where there is nothing."""
        return self._listener.problem

    def start(self) -> None:
        """Begin to receive."""
        self._thread.start()

    def stop(self) -> None:
        """Work through what has arrived, within bounds, answer it, and close the socket."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._listener.socket.close()

    def _bind(self) -> zmq.Socket[bytes]:
        socket = self._context.socket(zmq.ROUTER)
        for option, value in _OPTIONS.items():
            socket.setsockopt(option, value)
        if self._check is not None:
            self._check.door.protect(socket)
        try:
            socket.bind(self._endpoint)
        except zmq.ZMQError:
            socket.close()
            raise
        return socket

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._listener.tend()
                # with or without messages: time passes for the session too
                self._listener.socket.poll(_POLL_MS)
                self._serve(self._drain())
            for _ in range(_LAST_GROUPS):
                self._serve(self._drain())
        except Exception as error:
            self._on_crash(error)

    def _drain(self) -> list[Incoming]:
        incoming: list[Incoming] = []
        with contextlib.suppress(zmq.Again):
            for _ in range(GROUP):
                peer, *frames = receive(self._listener.socket)
                if not self._is_refused(peer, frames):
                    incoming.append(Incoming(peer.bytes, [frame.bytes for frame in frames]))
        return incoming

    def _is_refused(self, peer: zmq.Frame, frames: list[zmq.Frame]) -> bool:
        """Whether the sender may not send this; then it is told so."""
        if self._check is None or not (reason := self._check.refusal(frames)):
            return False
        if (answer := nack(frames, reason)) is not None:
            self._send(peer.bytes, answer)
        return True

    def _serve(self, incoming: list[Incoming]) -> None:
        for peer, frames in self._session.work(incoming):
            self._send(peer, frames)

    def _send(self, peer: bytes, frames: list[bytes]) -> None:
        # who does not read loses the answer and asks again
        with contextlib.suppress(zmq.ZMQError):
            self._listener.socket.send_multipart([peer, *frames], zmq.NOBLOCK)
