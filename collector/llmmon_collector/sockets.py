"""The collector's three sockets: intake on a thread, pictures and questions on the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import zmq
import zmq.asyncio

from llmmon.errors import ConfigError
from llmmon.protocol.endpoint import Address
from llmmon.protocol.wire import Batch
from llmmon_collector.control.server import ControlServer, Method
from llmmon_collector.directory import DirectoryLock, private_directory
from llmmon_collector.intake.receiver import Receiver
from llmmon_collector.intake.session import Session
from llmmon_collector.publisher import Publisher

GROUPS_WAITING: Final = 16
"""Groups of batches that may wait for the event loop before intake waits for it."""


class Handover:
    """Carries batches from the intake thread to the event loop; full, it makes the thread wait."""

    def __init__(self, take: Callable[[list[Batch]], None]) -> None:
        self._take = take
        self._loop = asyncio.get_running_loop()
        self._room = threading.Semaphore(GROUPS_WAITING)

    def put(self, batches: list[Batch]) -> None:
        """Hand ``batches`` over; called on the intake thread.

        Once the loop is closed nobody takes them: they are in the journal for the next start.
        """
        while not self._room.acquire(timeout=1.0):
            if self._loop.is_closed():
                return
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._deliver, batches)

    def _deliver(self, batches: list[Batch]) -> None:
        try:
            self._take(batches)
        finally:
            self._room.release()


class Sockets:
    """Bound together, served together, closed together."""

    def __init__(
        self,
        address: Address,
        session: Session,
        methods: Mapping[str, Method],
        on_failure: Callable[[str, BaseException], None],
    ) -> None:
        """Bind all three.

        Raises:
            ConfigError: the address is taken, not ours, or reachable from elsewhere.
        """
        self._lock = _claim(address)
        self._plain = zmq.Context[zmq.Socket[bytes]]()
        self._async = zmq.asyncio.Context()
        try:
            self.receiver = Receiver(
                self._plain, address.ingest, session, lambda error: on_failure("intake", error)
            )
            self.publisher = Publisher(self._async, address.snapshots)
            self._control = ControlServer(self._async, address.control, methods, on_failure)
        except zmq.ZMQError as error:
            self._release()
            raise ConfigError(
                f"cannot listen at {address}: {error.strerror}; choose another --listen",
                key="listen",
            ) from None

    def start(self) -> None:
        """Serve."""
        self.publisher.start()
        self._control.start()
        self.receiver.start()

    async def stop_intake(self) -> None:
        """Commit and hand over what has arrived, and take nothing more."""
        await asyncio.to_thread(self.receiver.stop)
        await asyncio.sleep(0)

    async def stop(self) -> None:
        """Close the other two; intake must have been stopped."""
        await self._control.stop()
        await self.publisher.stop()
        self._release()

    def _release(self) -> None:
        self._plain.destroy(linger=0)
        self._async.destroy(linger=0)
        if self._lock is not None:
            self._lock.release()


def check_local(address: Address) -> None:
    """See that only this machine can reach ``address``.

    Raises:
        ConfigError: others can.
    """
    if not address.is_local:
        raise ConfigError(
            f"{address} can be reached from other machines: listen on ipc://DIR or "
            "tcp://127.0.0.1:PORT, and tunnel with ssh -L where viewers are elsewhere",
            key="listen",
        )


def _claim(address: Address) -> DirectoryLock | None:
    check_local(address)
    if address.directory is None:
        return None
    return DirectoryLock(private_directory(Path(address.directory), "listen"), "listen")
