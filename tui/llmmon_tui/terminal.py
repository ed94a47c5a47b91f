"""The terminal under the application: how far it is behind, and whether it is still there."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

POLL_S = 5.0
_SIGNALS = (signal.SIGHUP, signal.SIGTERM)


def backlog(driver: Any) -> int:
    """Writes that wait for the terminal. Reads a private queue of Textual's; 0 where it is gone."""
    queue = getattr(getattr(driver, "_writer_thread", None), "_queue", None)
    return queue.qsize() if queue is not None else 0


def is_gone() -> bool:
    """Whether the terminal that the process was started on has been closed."""
    stdin = sys.__stdin__
    if stdin is None:
        return False
    with suppress(ValueError, OSError):
        return not os.isatty(stdin.fileno())
    return True


@contextmanager
def ending_signals(end: Callable[[], object]) -> Iterator[None]:
    """Call `end` on SIGHUP and SIGTERM: by default the process would leave a broken terminal, and
    where SIGHUP is ignored it would live on without one."""
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, end)
    try:
        yield
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
