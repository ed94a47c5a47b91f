"""A collector in a process of its own, as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

PYTHON = Path(sys.executable)
START_S = 30.0


class CollectorProcess:
    """Started on demand, killed or stopped on demand, always on the same directories."""

    def __init__(
        self, directory: Path, config: str = "", program: Sequence[str] = ("-m", "llmmon_collector")
    ) -> None:
        """``program`` is what Python runs: something else to sabotage the collector first."""
        self.directory = directory
        self.program = program
        self.address = f"ipc://{directory}/run"
        self.config = directory / "llmmon.toml"
        self.config.write_text(config)
        self._log = (directory / "collector.log").open("ab")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, http: str | None = "") -> None:
        """Start and wait until it answers; ``http`` None leaves that to the configuration."""
        command = [PYTHON, *self.program, "--config", self.config]
        command += ["--listen", self.address, "--state", self.directory / "state"]
        command += [] if http is None else ["--http", http]
        self.process = subprocess.Popen(command, stdout=self._log, stderr=self._log)
        eventually(self._answers, START_S, f"no answer; see {self.log_text()}")

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        return self._end(signal.SIGTERM)

    def close(self) -> None:
        """Whatever runs is gone."""
        if self.process is not None:
            self.kill()
        self._log.close()

    def client(self, *arguments: str, status: int = 0) -> str:
        """What ``llmmon`` prints for ``arguments``; its exit status must be ``status``."""
        done = subprocess.run(
            [PYTHON, "-m", "llmmon.cli.main", *arguments, "--connect", self.address],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
        return done.stdout

    def snapshot(self, *arguments: str) -> dict[str, Any]:
        """``llmmon snapshot --json``."""
        return json.loads(self.client("snapshot", "--json", *arguments))

    def query(self, sql: str) -> list[dict[str, Any]]:
        """``llmmon query --format json``."""
        return json.loads(self.client("query", sql, "--format", "json"))

    def log_text(self) -> str:
        """Everything it has logged."""
        return (self.directory / "collector.log").read_text()

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log_text()
        done = subprocess.run(
            [PYTHON, "-m", "llmmon.cli.main", "status", "--json", "--connect", self.address],
            capture_output=True,
            timeout=60,
            check=False,
        )
        return done.returncode == 0

    def _end(self, number: int) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            os.kill(self.process.pid, number)
        status = self.process.wait(timeout=30)
        self.process = None
        return status


def eventually(fine: Callable[[], bool], within_s: float, otherwise: str) -> None:
    """Wait until ``fine()``."""
    deadline = time.monotonic() + within_s
    while not fine():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.02)
