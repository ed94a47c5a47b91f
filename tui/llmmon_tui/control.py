"""Questions to the collector, several at a time, each with a time limit."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from itertools import count
from typing import Any, Final

import zmq
import zmq.asyncio

from llmmon.errors import ControlError, SchemaError, UnreachableError
from llmmon.protocol.control import Request, decode_reply, encode_request
from llmmon.protocol.endpoint import Address

TIMEOUT_S: Final = 2.0
SOCKET_OPTIONS: Final = {
    zmq.LINGER: 0,
    zmq.RCVHWM: 200,
    zmq.RECONNECT_IVL: 200,
    zmq.RECONNECT_IVL_MAX: 2000,
    zmq.HEARTBEAT_IVL: 2000,
    zmq.HEARTBEAT_TIMEOUT: 6000,
    zmq.TCP_KEEPALIVE: 1,
}


class ControlClient:
    """A DEALER socket that opens at the first question; belongs to one event loop."""

    def __init__(self, context: zmq.asyncio.Context, address: Address) -> None:
        self._context = context
        self._address = address
        self._ids = count(1)
        self._socket: zmq.asyncio.Socket | None = None
        self._reader: asyncio.Task[None] | None = None
        self._waiting: dict[int, asyncio.Future[Any]] = {}

    async def call(self, method: str, timeout_s: float = TIMEOUT_S, **params: Any) -> Any:
        """The result of `method`, one of `control.METHODS`.

        Raises:
            UnreachableError: no answer within `timeout_s`; the question is withdrawn, so a
                collector that comes back later will not act on it.
            ControlError: the collector refused.
        """
        request_id = next(self._ids)
        answer = asyncio.get_running_loop().create_future()
        self._waiting[request_id] = answer
        frame = encode_request(Request(request_id, method, params))
        try:
            async with asyncio.timeout(timeout_s):
                await self._open().send(frame)
                return await answer
        except TimeoutError:
            self._drop()
            raise UnreachableError(self._address.text, timeout_s) from None
        finally:
            self._waiting.pop(request_id, None)

    async def close(self) -> None:
        """Let the socket go; what still waits fails as unreachable."""
        reader = self._reader
        self._drop()
        if reader is not None:
            with suppress(asyncio.CancelledError):
                await reader

    def _open(self) -> zmq.asyncio.Socket:
        if self._socket is None:
            socket = self._context.socket(zmq.DEALER)
            for option, value in SOCKET_OPTIONS.items():
                socket.setsockopt(option, value)
            socket.connect(self._address.control)
            self._socket = socket
            self._reader = asyncio.create_task(self._read(socket), name="llmmon-control")
        return self._socket

    def _drop(self) -> None:
        """Close the socket with whatever is queued in it."""
        if self._reader is not None:
            self._reader.cancel()
        if self._socket is not None:
            self._socket.close(0)
        self._socket = self._reader = None
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(UnreachableError(self._address.text, TIMEOUT_S))
                # its caller may have been cancelled: then nobody else will look at it
                answer.exception()

    async def _read(self, socket: zmq.asyncio.Socket) -> None:
        while True:
            frames = await socket.recv_multipart()
            try:
                request_id, result = decode_reply(frames[-1])
            except ControlError as error:
                self._settle(error.request_id, error=error)
            except SchemaError:
                continue
            else:
                self._settle(request_id, result)

    def _settle(self, request_id: int, result: Any = None, error: Exception | None = None) -> None:
        answer = self._waiting.get(request_id)
        if answer is None or answer.done():
            return
        if error is None:
            answer.set_result(result)
        else:
            answer.set_exception(error)
