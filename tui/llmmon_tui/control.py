"""Questions to the collector, several at a time, each with a time limit."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import Any, Final

import zmq
import zmq.asyncio

from llmmon.errors import ControlError, SchemaError, UnreachableError
from llmmon.protocol.control import Request, decode_reply, encode_request
from llmmon.protocol.curve import HANDSHAKE_EVENTS, CurveKeys, decode_handshake
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


def use_keys(socket: zmq.asyncio.Socket, endpoint: str, keys: CurveKeys | None) -> None:
    """Give `socket` its keys before it connects; a collector at `ipc://` asks for none."""
    if keys is not None and endpoint.startswith("tcp://"):
        socket.curve_serverkey = keys.server_key.encode()
        socket.curve_publickey = keys.public_key.encode()
        socket.curve_secretkey = keys.secret_key.encode()


class ControlClient:
    """A DEALER socket that opens at the first question; belongs to one event loop."""

    def __init__(
        self, context: zmq.asyncio.Context, address: Address, keys: CurveKeys | None = None
    ) -> None:
        self._context = context
        self._address = address
        self.keys = keys
        self._refusal = ""
        self._ids = count(1)
        self._socket: zmq.asyncio.Socket | None = None
        self._events: zmq.asyncio.Socket | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._waiting: dict[int, asyncio.Future[Any]] = {}

    async def call(self, method: str, timeout_s: float = TIMEOUT_S, /, **params: Any) -> Any:
        """The result of `method`, one of `control.METHODS`.

        Raises:
            UnreachableError: no answer within `timeout_s`, or the collector does not take the
                key; the question is withdrawn, so a collector that comes back later will not act
                on it.
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
            refusal = self._refusal
            self._drop()
            raise UnreachableError(self._address.text, timeout_s, refusal) from None
        finally:
            self._waiting.pop(request_id, None)

    async def close(self) -> None:
        """Let the socket go; what still waits fails as unreachable."""
        tasks = self._tasks
        self._drop()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _open(self) -> zmq.asyncio.Socket:
        if self._socket is None:
            socket = self._context.socket(zmq.DEALER)
            for option, value in SOCKET_OPTIONS.items():
                socket.setsockopt(option, value)
            endpoint = self._address.control
            use_keys(socket, endpoint, self.keys)
            self._socket = socket
            work = [self._read(socket)]
            if endpoint.startswith("tcp://"):
                self._events = socket.get_monitor_socket(HANDSHAKE_EVENTS)
                work.append(self._hear(self._events))
            socket.connect(endpoint)
            self._tasks = [asyncio.create_task(each, name="llmmon-control") for each in work]
        return self._socket

    def _drop(self) -> None:
        """Close the socket with whatever is queued in it."""
        for task in self._tasks:
            task.cancel()
        if self._socket is not None:
            if self._events is not None:
                self._socket.disable_monitor()
                self._events.close(0)
            self._socket.close(0)
        self._socket, self._events, self._tasks = None, None, []
        refusal, self._refusal = self._refusal, ""
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(UnreachableError(self._address.text, TIMEOUT_S, refusal))
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

    async def _hear(self, events: zmq.asyncio.Socket) -> None:
        """Why the collector lets nobody in; once that is final, no answer can come."""
        given_up = False
        while not given_up:
            frame, *_ = await events.recv_multipart()
            handshake = decode_handshake(frame, self.keys is not None)
            if handshake is not None:
                self._refusal, given_up = handshake
        self._drop()

    def _settle(self, request_id: int, result: Any = None, error: Exception | None = None) -> None:
        answer = self._waiting.get(request_id)
        if answer is None or answer.done():
            return
        if error is None:
            answer.set_result(result)
        else:
            answer.set_exception(error)
