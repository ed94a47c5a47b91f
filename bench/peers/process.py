"""A server's process: started on free ports of the loopback, its CPU read, ended."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import psutil

START_S: Final = 90.0
STOP_S: Final = 10.0


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """Whether somebody does."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
        return True
    return False


@contextmanager
def running(
    command: Sequence[str | Path],
    log: Path,
    ready: Callable[[], bool],
    environ: Mapping[str, str] | None = None,
) -> Iterator[psutil.Process]:
    """The process of ``command`` from when it is ``ready``; ended with its children.

    Raises:
        RuntimeError: it ended, or was not ready in ``START_S``; with the end of its log.
    """
    with log.open("wb") as out:
        process = psutil.Popen(command, stdout=out, stderr=out, env=environ)
        try:
            deadline_s = time.monotonic() + START_S
            while not ready():
                if process.poll() is not None or time.monotonic() > deadline_s:
                    raise RuntimeError(f"{command[0]} does not start: {log.read_text()[-2000:]}")
                time.sleep(0.05)
            yield process
        finally:
            _end(process)


def cpu_s(process: psutil.Process) -> float:
    """CPU seconds of ``process`` and all of its children so far."""
    spent_s = 0.0
    for one in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = one.cpu_times()
            spent_s += times.user + times.system
    return spent_s


def _end(process: psutil.Popen) -> None:
    with suppress(psutil.NoSuchProcess):
        children = process.children(recursive=True)
        process.terminate()
        _, alive = psutil.wait_procs([process, *children], timeout=STOP_S)
        for one in alive:
            one.kill()
