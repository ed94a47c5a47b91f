"""Calls that block, one at a time, given up on when they take too long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from llmmon_collector.threads import start_in_thread

T = TypeVar("T")


class Blocking:
    """Each call has a thread of its own, which does not keep the collector from ending."""

    def __init__(self, name: str, timeout_s: float) -> None:
        self._name = name
        self._timeout_s = timeout_s
        self._ended: asyncio.Task[None] | None = None

    async def call(self, work: Callable[[], T]) -> T:
        """What ``work`` returns or raises.

        Raises:
            TimeoutError: it is not done, or the call before it still is not.
        """
        async with asyncio.timeout(self._timeout_s):
            if self._ended is not None:
                await asyncio.wait({self._ended})
            answer = start_in_thread(work, self._name)
            self._ended = asyncio.create_task(_end_of(answer))
            return await asyncio.shield(answer)


async def _end_of(answer: asyncio.Future[T]) -> None:
    await asyncio.wait({answer})
    answer.exception()  # whoever asked may have given up on it
