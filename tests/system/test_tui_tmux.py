"""The terminal UI as an operator has it: in a real terminal, with a real collector behind it."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from support.collector import PYTHON, CollectorProcess, eventually

PATIENCE_S = 30.0
ENVIRON = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}
"""Without what would have the last word on the terminal's size."""
CONFIG = """
[[rule]]
name = "any_request"
value = "requests"
window = "5m"
critical = { above = 50 }
"""
ROW = '{"provider": "acme", "model": "m-1", "operation": "chat", "latency_ms": 5}\n'


class Pane:
    """A command in a tmux server of its own."""

    def __init__(self, socket: Path, command: list[str], width: int, height: int) -> None:
        self._socket = socket
        line = "exec " + shlex.join(command)
        size = ("-x", str(width), "-y", str(height))
        self._tmux("-f", "/dev/null", "new-session", "-d", *size, line)

    @property
    def text(self) -> str:
        """What the screen shows."""
        return self._tmux("capture-pane", "-p")

    @property
    def pid(self) -> int:
        """The command's process."""
        return int(self._tmux("display-message", "-p", "#{pane_pid}"))

    def shows(self, *parts: str) -> None:
        """Wait until all of these are on the screen at once."""
        seen = [""]

        def are_there() -> bool:
            seen[0] = self.text
            return all(part in seen[0] for part in parts)

        try:
            eventually(are_there, PATIENCE_S, f"{parts} not on the screen")
        except AssertionError as error:
            raise AssertionError(f"{error}:\n{seen[0]}") from None

    def hides(self, part: str) -> None:
        """Wait until this is not on the screen."""
        eventually(lambda: part not in self.text, PATIENCE_S, f"{part!r} stays on the screen")

    def press(self, key: str) -> None:
        """A key in tmux's names."""
        self._tmux("send-keys", key)

    def resize(self, width: int, height: int) -> None:
        """Another size, as when a window is dragged."""
        self._tmux("resize-window", "-x", str(width), "-y", str(height))

    def close(self) -> None:
        """As when the window of the terminal is closed; nothing happens when it is already."""
        subprocess.run(["tmux", "-S", self._socket, "kill-server"], check=False, timeout=30)

    def _tmux(self, *arguments: str) -> str:
        done = subprocess.run(
            ["tmux", "-u", "-S", self._socket, *arguments],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            env=ENVIRON,
        )
        assert done.returncode == 0, (arguments, done.stderr)
        return done.stdout


@pytest.fixture(autouse=True)
def _needs_tmux() -> None:
    if shutil.which("tmux") is None:
        if os.environ.get("CI"):
            pytest.fail("tmux is not installed: the tests of the terminal UI need it")
        pytest.skip("tmux is not installed")


@pytest.fixture
def busy(short_dir: Path) -> Iterator[CollectorProcess]:
    """A collector that has 60 requests, and a rule that 50 are too many."""
    collector = CollectorProcess(short_dir, CONFIG)
    collector.start()
    feed(collector, 60)
    yield collector
    collector.close()


@pytest.fixture
def panes(short_dir: Path, busy: CollectorProcess) -> Iterator[Any]:
    """Opens the terminal UI on the busy collector: ``panes(width, height, *options)``."""
    opened: list[Pane] = []

    def open_pane(width: int, height: int, *options: str) -> Pane:
        socket = short_dir / f"tmux-{len(opened)}"
        command = [str(PYTHON), "-m", "llmmon_tui", "--connect", busy.address, *options]
        opened.append(Pane(socket, command, width, height))
        return opened[-1]

    yield open_pane
    for pane in opened:
        pane.close()


def feed(collector: CollectorProcess, count: int) -> None:
    """Replay ``count`` requests."""
    trace = collector.directory / "trace.jsonl"
    trace.write_text(ROW * count)
    collector.client("replay", str(trace), "--speed", "max")


def acknowledged_by(collector: CollectorProcess) -> list[str | None]:
    """Who has taken on each alert."""
    return [alert["acknowledged_by"] for alert in collector.snapshot()["alerts"]]


def test_an_operator_at_work(busy: CollectorProcess, panes: Any) -> None:
    pane = panes(120, 40)
    pane.shows("● LIVE", "✖ CRIT any_request  60 > 50", "m-1  acme", "1 firing")
    feed(busy, 5)
    pane.shows("65 > 50")

    pane.press("w")
    pane.shows("  1h  by model")
    pane.press("g")
    pane.shows("by operation  1", "chat")
    pane.press("?")
    pane.shows("search the keys", "Acknowledge the alert under the cursor")
    pane.press("Escape")
    pane.hides("search the keys")

    assert acknowledged_by(busy) == [None]
    pane.press("a")
    pane.shows("✓ acknowledged any_request", "no new alert", "1 ack")
    [by] = acknowledged_by(busy)
    assert by

    busy.kill()
    pane.shows("✖ RECONNECTING", "no answer", "chat")
    busy.start()
    pane.press("r")
    pane.shows("● LIVE", "1 ack", "chat")

    pane.resize(80, 24)
    pane.shows("● LIVE", "[1 Latency]", "7 Requests", "by operation  1")
    pane.resize(40, 24)
    pane.shows("● LIVE", "worst first", f"any_request  ack {by}"[:30])

    os.kill(pane.pid, signal.SIGKILL)
    assert busy.process is not None
    feed(busy, 1)
    assert busy.snapshot()["total"]["requests"] == 66
    assert busy.process.poll() is None


def test_viewers_agree(busy: CollectorProcess, panes: Any) -> None:
    actor, reader = panes(120, 40), panes(40, 24, "--readonly")
    actor.shows("● LIVE", "a ack")
    reader.shows("● LIVE", "✖ 1 CRIT", "CRIT any_request")
    assert "a ack" not in reader.text
    reader.press("a")
    actor.press("a")
    reader.shows("✖ 0 CRIT", "✓ 1 ack")
    actor.press("q")
    reader.shows("● LIVE", "✓ any_request")


def test_a_closed_window_leaves_no_process(panes: Any) -> None:
    """The process is told so (SIGHUP, SIGCONT), and whatever it writes from then on fails."""
    pane = panes(120, 40)
    pane.shows("● LIVE")
    pid = pane.pid
    pane.close()
    eventually(lambda: not psutil.pid_exists(pid), PATIENCE_S, f"process {pid} lives on")
