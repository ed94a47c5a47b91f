"""Processes that record, end in some way, and what a real collector then has of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import NamedTuple, Self

from support.collector import CollectorProcess

BEGIN = """
import llmmon, os, signal, sys, threading, time
llmmon.init()
rec = llmmon.recorder("chat", model="m")
rec(0.0)
assert llmmon.flush(timeout_s=10).pending == 0

def record(events):
    for n in range(events):
        rec(float(n))
"""
"""Connected, everything acknowledged, and the next send half a minute away: from here on only the
end of the process delivers."""


class Stored(NamedTuple):
    """What the collector has of one service."""

    events: int
    ids: int


class Lifecycles:
    """A collector for many tests: every process that they start is a service of its own."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="llmmon-"))
        self.collector = CollectorProcess(self.directory)
        self._numbers = count(1)

    def __enter__(self) -> Self:
        try:
            self.collector.start()
        except BaseException:
            self._clear()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._clear()

    def service(self) -> str:
        """A new name."""
        return f"service-{next(self._numbers)}"

    def folder(self, service: str) -> Path:
        """A directory for its files."""
        folder = self.directory / service
        folder.mkdir(exist_ok=True)
        return folder

    def environment(self, service: str, **more: str) -> dict[str, str]:
        """Of its processes."""
        own = {
            "LLMMON_SERVICE": service,
            "LLMMON_ENDPOINT": self.collector.address,
            "LLMMON_FLUSH_INTERVAL_S": "30",
            "LLMMON_SPOOL_DIR": str(self.folder(service) / "spool"),
        }
        return {**os.environ, **own, **more}

    def run(
        self, service: str, script: str, options: Sequence[str] = ("-W", "error"), **more: str
    ) -> subprocess.CompletedProcess[str]:
        """A script of its own until it has ended."""
        path = self.folder(service) / "main.py"
        path.write_text(script)
        return subprocess.run(
            [sys.executable, *options, path],
            env=self.environment(service, **more),
            cwd=path.parent,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    def stored(self, service: str) -> Stored:
        """All that has come of ``service``."""
        (row,) = self.collector.query(
            "SELECT count(*) AS events, count(DISTINCT id) AS ids FROM requests "
            f"WHERE service = '{service}'"
        )
        return Stored(row["events"], row["ids"])

    def _clear(self) -> None:
        self.collector.close()
        shutil.rmtree(self.directory)
