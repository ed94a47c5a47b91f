"""``llmmon demo`` for real: collector, agent and workload; afterwards nothing is left."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from llmmon.demo.workload import SHARES

PATIENCE_S = 60.0


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A directory for temporary files that is short enough for socket paths."""
    path = Path(tempfile.mkdtemp(prefix="llmmon-"))
    yield path
    shutil.rmtree(path)


def start_demo(temporary: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "llmmon.cli.main", "demo", *arguments],
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_headless_demo_prints_measured_numbers_and_leaves_nothing(temporary: Path) -> None:
    demo = start_demo(temporary, "--headless", "--seconds", "4", "--json")
    output, errors = demo.communicate(timeout=100)
    assert demo.returncode == 0, errors
    view = json.loads(output)
    assert view["total"]["requests"] > 1000
    assert 500 < view["total"]["latency_p50"] < 5000
    assert view["total"]["cost_usd"] > 0
    assert view["total"]["unpriced_requests"] > 0
    assert view["total"]["quality_score_mean"] is not None
    assert {series["provider"] for series in view["series"]} == set(SHARES)
    assert view["ingest"]["events_lost"] == {}
    assert view["ingest"]["events_in_flight"] == 0
    assert view["ingest"]["late_events"] == 0
    assert list(temporary.iterdir()) == []


def test_an_incident_raises_alerts(temporary: Path) -> None:
    demo = start_demo(temporary, "--headless", "--seconds", "16", "--json", "--incident")
    output, errors = demo.communicate(timeout=100)
    assert demo.returncode == 0, errors
    rules = {alert["rule"] for alert in json.loads(output)["alerts"]}
    assert "failing_provider" in rules


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_takes_everything_away(temporary: Path, number: signal.Signals) -> None:
    demo = start_demo(temporary, "--headless", "--seconds", "600")
    collector = wait_for_collector(demo)
    demo.send_signal(number)
    demo.communicate(timeout=PATIENCE_S)
    assert demo.returncode != 0
    assert not collector.is_running()
    assert list(temporary.iterdir()) == []


def wait_for_collector(demo: subprocess.Popen[str]) -> psutil.Process:
    deadline_s = time.monotonic() + PATIENCE_S
    while not (children := psutil.Process(demo.pid).children()):
        assert demo.poll() is None
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
    return children[0]


def test_keep_leaves_the_files_and_says_where(temporary: Path) -> None:
    demo = start_demo(temporary, "--headless", "--seconds", "1", "--keep")
    output, errors = demo.communicate(timeout=100)
    assert demo.returncode == 0, errors
    assert "requests" in output or "events stored" in output
    (directory,) = temporary.iterdir()
    assert f"files: {directory}" in errors
    assert (directory / "llmmon.toml").exists()


class Terminal:
    """A demo on a pseudo-terminal of 120 by 40."""

    def __init__(self, temporary: Path) -> None:
        self._master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        environ = {**os.environ, "TMPDIR": str(temporary), "TERM": "xterm-256color"}
        command = [sys.executable, "-m", "llmmon.cli.main", "demo"]
        self.demo = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=environ, start_new_session=True
        )
        os.close(slave)
        self._seen = b""

    def wait_for(self, text: bytes) -> None:
        deadline_s = time.monotonic() + PATIENCE_S
        while text not in self._seen:
            assert time.monotonic() < deadline_s, self._seen[-2000:]
            self._read()

    def press(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def wait(self) -> int:
        """Read on, so that nobody blocks on a full terminal, until the demo has ended."""
        deadline_s = time.monotonic() + PATIENCE_S
        while self.demo.poll() is None:
            assert time.monotonic() < deadline_s
            self._read()
        os.close(self._master)
        return self.demo.returncode

    def _read(self) -> None:
        if select.select([self._master], [], [], 0.1)[0]:
            with contextlib.suppress(OSError):
                self._seen += os.read(self._master, 65536)


@pytest.mark.parametrize("key", [b"q", b"\x03"])
def test_leaving_the_screen_takes_everything_away(temporary: Path, key: bytes) -> None:
    terminal = Terminal(temporary)
    terminal.wait_for(b"LIVE")
    terminal.press(key)
    assert terminal.wait() == 0
    assert list(temporary.iterdir()) == []


def test_a_signal_takes_the_screen_away_too(temporary: Path) -> None:
    terminal = Terminal(temporary)
    terminal.wait_for(b"LIVE")
    children = psutil.Process(terminal.demo.pid).children(recursive=True)
    terminal.demo.send_signal(signal.SIGTERM)
    assert terminal.wait() == 128 + signal.SIGTERM
    assert len(children) >= 2
    assert not any(child.is_running() for child in children)
    assert list(temporary.iterdir()) == []


def test_json_goes_with_headless(temporary: Path) -> None:
    demo = start_demo(temporary, "--json")
    _, errors = demo.communicate(timeout=PATIENCE_S)
    assert demo.returncode == 2
    assert "--headless" in errors
