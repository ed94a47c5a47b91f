"""Runs blocking work where it can hang without holding anybody up.

A pool has a bounded number of threads, which calls that never return would use up, and joins
them at exit. Here each call has a daemon thread of its own; the caller bounds how many.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def start_in_thread(work: Callable[[], T], name: str) -> asyncio.Future[T]:
    """A future of what ``work`` returns or raises; it stays pending while the thread is at work.

    Must be called on a running event loop.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def deliver(setter: Callable[[Any], None], value: Any) -> None:
        if not answer.done():
            setter(value)

    def run() -> None:
        setter: Callable[[Any], None] = answer.set_result
        value: Any
        try:
            value = work()
        except BaseException as error:  # it may raise anything, SystemExit too
            setter, value = answer.set_exception, _deliverable(error)
        with contextlib.suppress(RuntimeError):  # the loop closed while the thread was at work
            loop.call_soon_threadsafe(deliver, setter, value)

    threading.Thread(target=run, name=name, daemon=True).start()
    return answer


def _deliverable(error: BaseException) -> Exception:
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    return RuntimeError(f"{type(error).__name__}: {error}")
