"""Writes what happens seldom, alerts and health, into the store without holding up the loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Final

from llmmon.protocol.snapshot import AlertView, HealthView
from llmmon_collector.store.base import Store, StoreError

MOST_WAITING: Final = 1000


class Scribe:
    """One writer behind a bounded queue; what finds it full is not written, and counted."""

    def __init__(self, store: Store, retry_s: float = 1.0) -> None:
        """What the store refuses for now is tried again every ``retry_s``."""
        self._store = store
        self._retry_s = retry_s
        self._stopping = asyncio.Event()
        self._queue: asyncio.Queue[Callable[[], None]] = asyncio.Queue(MOST_WAITING)
        self._statuses: dict[str, str] = {}
        self._task: asyncio.Task[None] | None = None
        self.left_out = 0
        """Writings that found the queue full."""
        self.problem = ""
        """Why the last writing failed; empty when it went well."""

    def start(self) -> None:
        """Begin to write; needs a running event loop."""
        self._task = asyncio.create_task(self._run(), name="llmmon-scribe")

    async def stop(self) -> None:
        """Write what waits, each once at the most, and end."""
        self._stopping.set()
        if self._task is not None:
            await self._queue.join()
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def alerts(self, at_ns: int, views: Sequence[AlertView]) -> None:
        """Have alerts that changed written down."""
        self._put(lambda: self._store.append_alerts(at_ns, views))

    def health(self, at_ns: int, views: Sequence[HealthView]) -> None:
        """Have the checks written down whose status is another than before."""
        changed = [view for view in views if self._statuses.get(view.name) != view.status]
        if changed:
            self._statuses.update({view.name: view.status for view in changed})
            self._put(lambda: self._store.append_health(at_ns, changed))

    def _put(self, write: Callable[[], None]) -> None:
        try:
            self._queue.put_nowait(write)
        except asyncio.QueueFull:
            self.left_out += 1

    async def _run(self) -> None:
        while True:
            write = await self._queue.get()
            try:
                while not await self._is_done(write):
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._stopping.wait(), self._retry_s)
            finally:
                self._queue.task_done()

    async def _is_done(self, write: Callable[[], None]) -> bool:
        """Try once; False where another try may go well, as when the disk has room again."""
        try:
            await asyncio.to_thread(write)
        except StoreError as error:
            self.problem = str(error)
            return error.poison or self._stopping.is_set()
        except Exception as error:  # what ails one writing must not end the others
            self.problem = f"{type(error).__name__}: {error}"
        else:
            self.problem = ""
        return True
