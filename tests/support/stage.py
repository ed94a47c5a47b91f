"""A collector and the processes beside it, which end together."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.collector import CollectorProcess


class Stage:
    """A collector and whoever is started beside it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.collector: CollectorProcess | None = None
        self._running: list[subprocess.Popen[str]] = []

    def start(self, *program: str) -> CollectorProcess:
        self.collector = CollectorProcess(
            self.directory, program=program or ("-m", "llmmon_collector")
        )
        self.collector.start()
        return self.collector

    def popen(self, *command: str) -> subprocess.Popen[str]:
        assert self.collector is not None
        own = {
            "LLMMON_ENDPOINT": self.collector.address,
            "LLMMON_SPOOL_DIR": str(self.directory / "spool"),
        }
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        process = subprocess.Popen(
            [sys.executable, *command], env={**os.environ, **own}, text=True, **pipes
        )
        self._running.append(process)
        return process

    def close(self) -> None:
        for process in self._running:
            process.kill()
            process.communicate()
        if self.collector is not None:
            self.collector.close()


@contextmanager
def new_stage() -> Iterator[Stage]:
    """One on a directory of its own, gone afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="llmmon-"))
    stage = Stage(directory)
    try:
        yield stage
    finally:
        stage.close()
        shutil.rmtree(directory)
