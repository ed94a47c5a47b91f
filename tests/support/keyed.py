"""A collector that other machines could reach, in a process of its own, and agents with keys."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from support.collector import START_S, eventually
from support.keys import Keys, free_tcp

MAIN = "from llmmon_collector.main import main; main()"
SERVICE = """
import sys
import llmmon
llmmon.init(service=sys.argv[1], environment="test", flush_interval_s=0.05)
for line in sys.stdin:
    if line.strip() == "end":
        break
    for n in range(int(line)):
        llmmon.record("chat", model="m", latency_ms=1.0)
    llmmon.flush(timeout_s=float(sys.argv[2]))
    print(llmmon.stats().acknowledged, flush=True)
"""


class KeyedCollector:
    """Listens on 127.0.0.2, which counts as another machine's way in; ``code`` is what it runs."""

    def __init__(self, directory: Path, code: str = MAIN) -> None:
        self.directory = directory
        self.keys = Keys(directory / "config" / "llmmon" / "keys")
        self.address = free_tcp("127.0.0.2").text
        self.environ = {
            **{name: value for name, value in os.environ.items() if "LLMMON" not in name},
            "XDG_CONFIG_HOME": str(directory / "config"),
            "XDG_STATE_HOME": str(directory),
        }
        self._code = code
        self._log = (directory / "collector.log").open("ab")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, address: str | None = None) -> None:
        """Start it; ``ready`` or ``client`` tell when it answers."""
        arguments = ["--listen", address or self.address, "--http", "", "--log-level", "info"]
        self.process = subprocess.Popen(
            [sys.executable, "-c", self._code, *arguments],
            stdout=self._log,
            stderr=self._log,
            env=self.environ,
        )
        eventually(self._is_ready, START_S, "not ready")

    def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log_text()
        return "collector ready" in self.log_text()

    def stop(self) -> None:
        """SIGTERM, and wait."""
        if self.process is not None:
            if self.process.poll() is None:
                os.kill(self.process.pid, signal.SIGTERM)
            self.process.wait(30)
            self.process = None

    def close(self) -> None:
        """Whatever runs is gone."""
        self.stop()
        self._log.close()

    def client(
        self, *arguments: str, key: str | None = None, address: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """``llmmon`` with the key file of ``key``."""
        command = [sys.executable, "-m", "llmmon.cli.main", *arguments]
        if arguments[0] != "keys":
            command += ["--connect", address or self.address]
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=self._with_key(key),
        )

    def service(self, name: str, key: str | None, flush_s: float = 10.0) -> Service:
        """An agent with the key file of ``key``."""
        environ = {**self._with_key(key), "LLMMON_ENDPOINT": self.address}
        return Service(name, environ, flush_s)

    def stored(self) -> dict[str, int]:
        """Events by service, from the disk: asked of the same state at an address without keys."""
        self.stop()
        (self.directory / "collector.log").write_text("")
        local = f"ipc://{self.directory}/run"
        code, self._code = self._code, MAIN
        self.start(local)
        sql = "SELECT service, count(*) AS n FROM requests GROUP BY service"
        done = self.client("query", sql, "--format", "json", address=local)
        assert done.returncode == 0, done.stderr
        self._code = code
        return {row["service"]: row["n"] for row in json.loads(done.stdout)}

    def status(self, key: str) -> dict[str, Any]:
        """``llmmon status --json`` asked with ``key``."""
        done = self.client("status", "--json", key=key)
        assert done.returncode == 0, done.stderr
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    def log_text(self) -> str:
        """Everything it has logged."""
        return (self.directory / "collector.log").read_text()

    def _with_key(self, key: str | None) -> dict[str, str]:
        file = {} if key is None else {"LLMMON_KEY_FILE": self.keys.file(key)}
        return {**self.environ, **file}


class Service:
    """A process that records when told to."""

    def __init__(self, name: str, environ: dict[str, str], flush_s: float) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVICE, name, str(flush_s)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environ,
        )

    def record(self, events: int) -> int:
        """Record so many and flush; how many were acknowledged up to now."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{events}\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def end(self) -> str:
        """End it; what it wrote to stderr."""
        if self._process.poll() is None:
            _, told = self._process.communicate("end\n", timeout=60)
            return told
        return ""
