"""The thread that owns the agents' socket: receive a group, have it worked on, answer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

import zmq

from llmmon.protocol.wire import MAX_PAYLOAD
from llmmon_collector.intake.session import Incoming, Session

GROUP: Final = 64
"""Messages committed with one sync at the most."""

_LAST_GROUPS: Final = 16
"""Groups served once the end is asked for: agents that never pause must not put it off."""
_POLL_MS: Final = 50
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


class Receiver:
    """Binds the ingest endpoint and serves it on a thread of its own."""

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        endpoint: str,
        session: Session,
        on_crash: Callable[[BaseException], None],
    ) -> None:
        """Bind.

        Raises:
            zmq.ZMQError: the endpoint cannot be bound.
        """
        self._session = session
        self._on_crash = on_crash
        self._stop = threading.Event()
        self._socket = context.socket(zmq.ROUTER)
        for option, value in _OPTIONS.items():
            self._socket.setsockopt(option, value)
        self._socket.bind(endpoint)
        self._thread = threading.Thread(target=self._run, name="llmmon-intake", daemon=True)

    def start(self) -> None:
        """Begin to receive."""
        self._thread.start()

    def stop(self) -> None:
        """Work through what has arrived, within bounds, answer it, and close the socket."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                if self._socket.poll(_POLL_MS):
                    self._serve(self._drain())
            for _ in range(_LAST_GROUPS):
                self._serve(self._drain())
        except Exception as error:
            self._on_crash(error)

    def _drain(self) -> list[Incoming]:
        incoming: list[Incoming] = []
        try:
            while len(incoming) < GROUP:
                peer, *frames = self._socket.recv_multipart(zmq.NOBLOCK)
                incoming.append(Incoming(peer, frames))
        except zmq.Again:
            pass
        return incoming

    def _serve(self, incoming: list[Incoming]) -> None:
        for peer, frames in self._session.work(incoming):
            try:
                self._socket.send_multipart([peer, *frames], zmq.NOBLOCK)
            except zmq.ZMQError:
                continue
