"""A real Prometheus Alertmanager, as Debian's package ``prometheus-alertmanager`` installs it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support.collector import eventually

PROGRAM = "prometheus-alertmanager"
CONFIG = """
route:
  receiver: hook
  group_by: [alertname]
  group_wait: 1s
  group_interval: 1s
  repeat_interval: 1h
receivers:
  - name: hook
    webhook_configs:
      - url: {url}
        send_resolved: true
"""


class Alertmanager:
    """Asked over its API."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def alerts(self) -> list[dict[str, Any]]:
        """Those that fire, as it knows them."""
        return self.ask("/api/v2/alerts")

    def silence(self, name: str, value: str) -> str:
        """Mute alerts with this label; the silence's id."""
        now = datetime.now(UTC)
        body = {
            "matchers": [{"name": name, "value": value, "isRegex": False, "isEqual": True}],
            "startsAt": now.isoformat(),
            "endsAt": (now + timedelta(hours=1)).isoformat(),
            "createdBy": "anna",
            "comment": "known",
        }
        return self.ask("/api/v2/silences", body)["silenceID"]

    def ask(self, path: str, body: Any = None) -> Any:
        """What it answers to a GET, or to a POST of ``body``."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, data=data, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)

    def answers(self) -> bool:
        """Whether it is up."""
        try:
            self.ask("/api/v2/status")
        except (urllib.error.URLError, ConnectionError):
            return False
        return True


@contextmanager
def alertmanager(directory: Path, webhook: str) -> Iterator[Alertmanager]:
    """One that groups by rule and tells ``webhook``, with its own storage in ``directory``."""
    program = shutil.which(PROGRAM)
    if program is None and "CI" in os.environ:
        pytest.fail(f"{PROGRAM} is not installed")
    if program is None:
        pytest.skip(f"{PROGRAM} is not installed: apt-get install {PROGRAM}")
    config = directory / "alertmanager.yml"
    config.write_text(CONFIG.format(url=webhook))
    port = _free_port()
    command = [program, f"--config.file={config}", f"--storage.path={directory / 'data'}"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]
    with _running(command, directory / "alertmanager.log") as process:
        made = Alertmanager(port)
        log = (directory / "alertmanager.log").read_text
        eventually(lambda: process.poll() is None and made.answers(), 30, f"no answer: {log()}")
        yield made


@contextmanager
def _running(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
