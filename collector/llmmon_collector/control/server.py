"""The control socket: one request, one reply, many at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import zmq
import zmq.asyncio
from pydantic import ValidationError

from llmmon.errors import ControlError, SchemaError
from llmmon.protocol.control import (
    MAX_REPLY,
    MAX_REQUEST,
    Request,
    decode_request,
    encode_error,
    encode_result,
)
from llmmon.protocol.keyfile import Grant
from llmmon_collector.security.desk import Desk

Method = Callable[..., Awaitable[Any]]
"""Takes a request's params as keywords; wrap it in ``pydantic.validate_call`` to have them checked.

Raises ControlError to refuse.
"""

MAX_BUSY: Final = 32
"""Requests worked on at once; more wait. So many answers wait for a caller that does not read."""

_OPTIONS: Final = {
    zmq.LINGER: 0,
    zmq.RCVHWM: 256,
    zmq.SNDHWM: MAX_BUSY,
    zmq.MAXMSGSIZE: MAX_REQUEST + 1024,
    zmq.HANDSHAKE_IVL: 3000,
    zmq.HEARTBEAT_IVL: 2000,
    zmq.HEARTBEAT_TIMEOUT: 6000,
    zmq.HEARTBEAT_TTL: 6000,
    zmq.TCP_KEEPALIVE: 1,
}


class ControlServer:
    """Binds the control endpoint and answers with ``methods``."""

    def __init__(
        self,
        context: zmq.asyncio.Context,
        endpoint: str,
        methods: Mapping[str, Method],
        on_failure: Callable[[str, Exception], None],
        desk: Desk,
    ) -> None:
        """Bind. ``on_failure`` hears of a method that raised what it should not have.

        ``desk`` knows who may call what, and writes down what was changed.

        Raises:
            zmq.ZMQError: the endpoint cannot be bound.
        """
        self._methods = methods
        self._on_failure = on_failure
        self._desk = desk
        self._busy = asyncio.Semaphore(MAX_BUSY)
        self._running: set[asyncio.Task[None]] = set()
        self._socket = context.socket(zmq.ROUTER)
        for option, value in _OPTIONS.items():
            self._socket.setsockopt(option, value)
        desk.protect(self._socket)
        self._socket.bind(endpoint)
        self._listener: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to answer; needs a running event loop."""
        self._listener = asyncio.create_task(self._listen(), name="llmmon-control")

    async def stop(self) -> None:
        """Let the requests in hand finish, for a second, and close the socket."""
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=1)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        self._socket.close()

    async def _listen(self) -> None:
        while True:
            frames = await self._socket.recv_multipart(copy=False)
            if len(frames) != 2:
                continue
            await self._busy.acquire()
            task = asyncio.create_task(self._serve(*frames))
            self._running.add(task)
            task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._busy.release()

    async def _serve(self, peer: zmq.Frame, payload: zmq.Frame) -> None:
        caller = self._desk.caller(payload)
        try:
            request = decode_request(payload.bytes)
        except SchemaError as error:
            reply = encode_error(0, "bad_request", str(error))
        else:
            reply = await self._reply(request, caller)
        await self._socket.send_multipart([peer.bytes, reply])

    async def _reply(self, request: Request, caller: Grant | str) -> bytes:
        try:
            reply = await self._call(request, caller)
        except ControlError as error:
            return encode_error(request.id, error.code, error.reason)
        if len(reply) > MAX_REPLY:
            return encode_error(request.id, "too_big", "the answer is over 64 MiB: ask for less")
        return reply

    async def _call(self, request: Request, caller: Grant | str) -> bytes:
        """The reply, once it is known who asks, that they may, and what came of it is noted."""
        if isinstance(caller, str):
            raise ControlError("forbidden", caller)
        method = self._methods.get(request.method)
        if method is None:
            known = ", ".join(sorted(self._methods))
            reason = f"{request.method[:64]!r} is not one of {known}"
            raise ControlError("unknown_method", reason)
        if reason := self._desk.refusal(caller, request.method, request.params):
            raise ControlError("forbidden", reason)
        try:
            reply = await self._run(request, method)
        except ControlError as error:
            self._desk.record(caller, request.method, request.params, str(error))
            raise
        self._desk.record(caller, request.method, request.params, "ok")
        return reply

    async def _run(self, request: Request, method: Method) -> bytes:
        try:
            return encode_result(request.id, await method(**request.params))
        except ControlError:
            raise
        except ValidationError as error:
            raise ControlError("bad_request", _explain(error)) from None
        except Exception as error:
            self._on_failure(request.method, error)
            raise ControlError("failed", f"{type(error).__name__}: see the log") from None


def _explain(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}"
