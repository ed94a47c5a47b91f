"""The viewers' socket: publishes what somebody has subscribed to, and knows what that is."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection
from typing import Final

import zmq
import zmq.asyncio

_UNSUBSCRIBE, _SUBSCRIBE = b"\x00", b"\x01"
_OPTIONS: Final = {
    zmq.LINGER: 0,
    zmq.SNDHWM: 1000,
    zmq.MAXMSGSIZE: 1024,
    zmq.HANDSHAKE_IVL: 3000,
    zmq.HEARTBEAT_IVL: 2000,
    zmq.HEARTBEAT_TIMEOUT: 6000,
    zmq.HEARTBEAT_TTL: 6000,
    zmq.TCP_KEEPALIVE: 1,
}
_BIND_TRIES: Final = 100
_BIND_STEP_S: Final = 0.01


class Publisher:
    """An XPUB socket. A subscriber that does not read loses messages and costs nobody else."""

    def __init__(
        self,
        context: zmq.asyncio.Context,
        endpoint: str,
        topics: Collection[str],
        protect: Callable[[zmq.asyncio.Socket], None] | None = None,
    ) -> None:
        """Bind. Subscriptions to other than ``topics`` mean nothing: a peer can send any number.

        ``protect`` makes the socket ask for keys.

        Raises:
            zmq.ZMQError: the endpoint cannot be bound.
        """
        self._context = context
        self._endpoint = endpoint
        self._topics = tuple(topic.encode() for topic in topics)
        self._protect = protect
        self._wanted: set[bytes] = set()
        self._listener: asyncio.Task[None] | None = None
        self._socket = self._bound()

    def _bound(self) -> zmq.asyncio.Socket:
        socket = self._context.socket(zmq.XPUB)
        try:
            for option, value in _OPTIONS.items():
                socket.setsockopt(option, value)
            if self._protect is not None:
                self._protect(socket)
            socket.bind(self._endpoint)
        except zmq.ZMQError:
            socket.close()
            raise
        return socket

    def start(self) -> None:
        """Begin to follow subscriptions; needs a running event loop."""
        self._listener = asyncio.create_task(self._listen(), name="llmmon-subscriptions")

    def wants(self, topic: str) -> bool:
        """Whether anybody has subscribed to ``topic``."""
        encoded = topic.encode()
        return any(encoded.startswith(prefix) for prefix in self._wanted)

    @property
    def subscriptions(self) -> int:
        """Different ones that mean something."""
        return len(self._wanted)

    async def publish(self, topic: str, payload: bytes) -> None:
        """Send ``payload`` to whoever has subscribed to ``topic``."""
        with contextlib.suppress(zmq.ZMQError):  # closed just now: whoever comes back fetches
            await self._socket.send_multipart([topic.encode(), payload])

    async def cut_off(self) -> None:
        """Disconnect every subscriber; those who may will be back in a moment.

        ZeroMQ lets one peer not be disconnected, so the socket is closed and bound anew.

        Raises:
            zmq.ZMQError: the endpoint cannot be bound any more.
        """
        await self.stop()
        self._wanted.clear()
        for _ in range(_BIND_TRIES):
            # the old socket lets go of the endpoint in the background
            with contextlib.suppress(zmq.ZMQError):
                self._socket = self._bound()
                break
            await asyncio.sleep(_BIND_STEP_S)
        else:
            self._socket = self._bound()
        self.start()

    async def stop(self) -> None:
        """Close the socket."""
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
        self._socket.close()

    async def _listen(self) -> None:
        while True:
            # a peer can send anything up an XPUB: frames that are no subscription mean nothing
            first, *more = await self._socket.recv_multipart()
            if more:
                continue
            kind, prefix = first[:1], first[1:]
            if kind == _UNSUBSCRIBE:
                self._wanted.discard(prefix)
            elif kind == _SUBSCRIBE and any(topic.startswith(prefix) for topic in self._topics):
                self._wanted.add(prefix)
