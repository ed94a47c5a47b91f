"""The viewers' socket: publishes what somebody has subscribed to, and knows what that is."""

from __future__ import annotations

import asyncio
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


class Publisher:
    """An XPUB socket. A subscriber that does not read loses messages and costs nobody else."""

    def __init__(self, context: zmq.asyncio.Context, endpoint: str) -> None:
        """Bind.

        Raises:
            zmq.ZMQError: the endpoint cannot be bound.
        """
        self._wanted: set[bytes] = set()
        self._socket = context.socket(zmq.XPUB)
        for option, value in _OPTIONS.items():
            self._socket.setsockopt(option, value)
        self._socket.bind(endpoint)
        self._listener: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to follow subscriptions; needs a running event loop."""
        self._listener = asyncio.create_task(self._listen(), name="llmmon-subscriptions")

    def wants(self, topic: str) -> bool:
        """Whether anybody has subscribed to ``topic``."""
        encoded = topic.encode()
        return any(encoded.startswith(prefix) for prefix in self._wanted)

    async def publish(self, topic: str, payload: bytes) -> None:
        """Send ``payload`` to whoever has subscribed to ``topic``."""
        await self._socket.send_multipart([topic.encode(), payload])

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
            if first[:1] == _SUBSCRIBE:
                self._wanted.add(first[1:])
            elif first[:1] == _UNSUBSCRIBE:
                self._wanted.discard(first[1:])
