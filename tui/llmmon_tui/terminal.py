"""The terminal under the application: how far it is behind, and whether it is still there."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

POLL_S = 0.5
"""How often to look whether the terminal is there: until then the reader of keys spins."""
_SIGNALS = (signal.SIGHUP, signal.SIGTERM)


def backlog(driver: Any) -> int:
    """Writes and changed lines that wait for the terminal; 0 for a driver that does not know."""
    return int(getattr(driver, "waiting", 0))


def is_gone() -> bool:
    """Whether what the process was started on has been closed: a terminal, or a web server's pipe
    that stands for one."""
    stdin = sys.__stdin__
    if stdin is None:
        return False
    with suppress(ValueError, OSError):
        descriptor = stdin.fileno()
        return not os.isatty(descriptor) and not _is_fed(descriptor)
    return True


def _is_fed(descriptor: int) -> bool:
    """Whether it is a pipe or a socket with somebody at its other end."""
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISFIFO(mode) and not stat.S_ISSOCK(mode):
        return False
    poll = select.poll()
    poll.register(descriptor, 0)
    return not poll.poll(0)


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
