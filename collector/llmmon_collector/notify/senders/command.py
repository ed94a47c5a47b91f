"""Runs a program and gives it the notifications on standard input."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping, Sequence
from typing import Final, cast

from llmmon_collector.notify.model import CommandChannel
from llmmon_collector.notify.notification import Delivery
from llmmon_collector.notify.payload import webhook_body
from llmmon_collector.notify.result import Failed, Result, Retry, Sent
from llmmon_collector.scrub import scrub

TRY_AGAIN: Final = 75
"""``EX_TEMPFAIL`` of sysexits.h."""
_MAX_SAID: Final = 200
"""Bytes of what it says that are kept to say why it failed."""
_LAST_WORDS_S: Final = 1.0
"""How long it is listened to after it exited: what it left running may keep its standard error."""
_STDERR: Final = 2


class CommandSender:
    """See :class:`~llmmon_collector.notify.senders.sender.Sender`.

    The program leads a process group of its own, which is killed when it takes too long or the
    collector ends.
    """

    batch_size = 100

    def __init__(self, spec: CommandChannel, environ: Mapping[str, str]) -> None:
        self._spec = spec
        self._environ = dict(environ)

    async def send(self, batch: Sequence[Delivery], now_ns: int) -> Result:
        """One run: 0 took it, 75 or a signal will take it later, any other status never."""
        data = webhook_body(batch, now_ns, self._spec.wording)
        try:
            run = await self._start()
        except OSError as error:
            return Retry(f"{self._spec.command[0]} cannot be started: {error.strerror}")
        try:
            async with asyncio.timeout(self._spec.timeout_s):
                run.feed(data)
                await run.exited.wait()
        except TimeoutError:
            return Retry(f"it did not end within {self._spec.timeout_s:g} s and was killed")
        finally:
            await run.end()
        return _judge(run.status, run.said)

    async def close(self) -> None:
        """Nothing is held."""

    async def _start(self) -> _Run:
        _, run = await asyncio.get_running_loop().subprocess_exec(
            _Run,
            *self._spec.command,
            stdin=PIPE,
            stdout=DEVNULL,
            stderr=PIPE,
            env=self._environ,
            start_new_session=True,
        )
        return run


class _Run(asyncio.SubprocessProtocol):
    """A program while it runs. It has ended when it has exited, whoever it leaves running."""

    def __init__(self) -> None:
        self.exited = asyncio.Event()
        self.said = b""
        """The beginning of what it says on standard error."""
        self._silent = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See :class:`asyncio.SubprocessProtocol`."""
        self._transport = cast(asyncio.SubprocessTransport, transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """See :class:`asyncio.SubprocessProtocol`."""
        self.said = (self.said + data)[:_MAX_SAID]

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """See :class:`asyncio.SubprocessProtocol`."""
        if fd == _STDERR:
            self._silent.set()

    def process_exited(self) -> None:
        """See :class:`asyncio.SubprocessProtocol`."""
        self.exited.set()

    @property
    def status(self) -> int:
        """Its exit status once it has exited; minus a signal that killed it."""
        return self._transport.get_returncode() or 0

    def feed(self, data: bytes) -> None:
        """Give it ``data``, as much as it will read."""
        stdin = cast(asyncio.WriteTransport, self._transport.get_pipe_transport(0))
        stdin.write(data)
        stdin.write_eof()

    async def end(self) -> None:
        """Kill what is left of its group, and hear its last words."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._transport.get_pid(), signal.SIGKILL)
        await self.exited.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS_S):
                await self._silent.wait()
        self._transport.close()


def _judge(status: int, said: bytes) -> Result:
    if status == 0:
        return Sent()
    how = f"killed by signal {-status}" if status < 0 else f"exit status {status}"
    text = " ".join(scrub(said.decode(errors="replace")).split())
    reason = f"{how}: {text}" if text else how
    return Retry(reason) if status < 0 or status == TRY_AGAIN else Failed(reason)
