"""The collector's three sockets: intake on a thread, pictures and questions on the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping
from itertools import chain
from pathlib import Path
from typing import Final

import zmq
import zmq.asyncio

from llmmon.errors import ConfigError
from llmmon.protocol.endpoint import Address
from llmmon.protocol.snapshot import GROUPINGS, TOPIC
from llmmon.protocol.wire import Batch
from llmmon_collector.control.server import ControlServer, Method
from llmmon_collector.directory import DirectoryLock, private_directory
from llmmon_collector.intake.receiver import Receiver
from llmmon_collector.intake.session import Session
from llmmon_collector.publisher import Publisher
from llmmon_collector.security.guard import Guard
from llmmon_collector.security.plan import open_to_others
from llmmon_collector.tail import TAILS

GROUPS_WAITING: Final = 16
"""Groups of batches that may wait for the event loop before intake waits for it."""
TOGETHER: Final = 64
"""Batches worth waking the event loop for: a call costs as much as thirty of them."""
SOON_S: Final = 0.05
"""Fewer wait no longer than this."""
TOPICS: Final = (*(TOPIC + by for by in GROUPINGS), *TAILS)
"""All that is ever published."""
LOOK_S: Final = 0.25
"""Between two looks at the allowed keys."""


class Handover:
    """Carries batches from the intake thread to the event loop, several groups at once.

    Whoever reads on the loop calls ``deliver`` first: what is acknowledged has been put in before.
    Full, it makes the intake thread wait.
    """

    def __init__(self, take: Callable[[list[Batch]], None]) -> None:
        self._take = take
        self._loop = asyncio.get_running_loop()
        self._room = threading.Semaphore(GROUPS_WAITING)
        self._lock = threading.Lock()
        self._groups: list[list[Batch]] = []
        self._called = False
        """Whether the loop was asked to deliver what waits, at once."""
        self._timer: asyncio.TimerHandle | None = None

    def put(self, batches: list[Batch]) -> None:
        """Hand ``batches`` over; called on the intake thread.

        Once the loop is closed nobody takes them: they are in the journal for the next start.
        """
        while not self._room.acquire(timeout=1.0):
            if self._loop.is_closed():
                return
        with self._lock:
            first = not self._groups
            self._groups.append(batches)
            call = not self._called and self._are_enough()
            self._called |= call
        with contextlib.suppress(RuntimeError):
            if call:
                self._loop.call_soon_threadsafe(self.deliver)
            elif first:
                self._loop.call_soon_threadsafe(self._deliver_soon)

    def deliver(self) -> None:
        """Have everything taken that was put in; called on the event loop."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        with self._lock:
            groups, self._groups = self._groups, []
            self._called = False
        if not groups:
            return
        try:
            self._take(list(chain.from_iterable(groups)))
        except Exception as error:  # whoever reads next, and the ticks, must go on
            told = {"message": "batches could not be counted", "exception": error}
            self._loop.call_exception_handler(told)
        finally:
            self._room.release(len(groups))

    def _are_enough(self) -> bool:
        return 2 * len(self._groups) >= GROUPS_WAITING or sum(map(len, self._groups)) >= TOGETHER

    def _deliver_soon(self) -> None:
        if self._timer is None and self._groups:
            self._timer = self._loop.call_later(SOON_S, self.deliver)


class Sockets:
    """Bound together, served together, closed together."""

    def __init__(
        self,
        address: Address,
        session: Session,
        methods: Mapping[str, Method],
        on_failure: Callable[[str, BaseException], None],
        guard: Guard,
    ) -> None:
        """Bind all three, guarded.

        Raises:
            ConfigError: the address is taken or not ours, or others can reach it without a key.
        """
        self._guard = guard
        self._on_failure = on_failure
        self._lock = _claim(address, guard)
        self._plain = zmq.Context[zmq.Socket[bytes]]()
        self._async = zmq.asyncio.Context()
        self._watch: asyncio.Task[None] | None = None
        guard.start((self._plain, self._async))
        try:
            self.receiver = Receiver(
                self._plain,
                address.ingest,
                session,
                lambda error: on_failure("intake", error),
                guard.agents,
            )
            self.publisher = Publisher(
                self._async, address.snapshots, TOPICS, guard.protect_snapshots
            )
            self._control = ControlServer(
                self._async, address.control, methods, on_failure, guard.desk
            )
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
        if self._guard.asks_for_keys:
            self._watch = asyncio.create_task(self._watch_keys(), name="llmmon-keys")

    async def stop_intake(self) -> None:
        """Commit what has arrived, put it into the handover, and take nothing more."""
        await asyncio.to_thread(self.receiver.stop)

    async def stop(self) -> None:
        """Close the other two; intake must have been stopped."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        await self._control.stop()
        await self.publisher.stop()
        self._release()

    async def _watch_keys(self) -> None:
        """A look now and then needs no notice from the system, which can fail to come."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                if await asyncio.to_thread(self._guard.look):
                    await self.publisher.cut_off()
            except Exception as error:  # keys must go on being looked at
                self._on_failure("keys", error)

    def _release(self) -> None:
        self._guard.stop()
        self._plain.destroy(linger=0)
        self._async.destroy(linger=0)
        if self._lock is not None:
            self._lock.release()


def _claim(address: Address, guard: Guard) -> DirectoryLock | None:
    if not (address.is_local or guard.asks_for_keys):
        raise open_to_others(address)
    if address.directory is None:
        return None
    return DirectoryLock(private_directory(Path(address.directory), "listen"), "listen")
