"""The processes of a demo: a collector with a directory of its own, and the screen."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from llmmon.errors import LlmmonError, UnreachableError
from llmmon.protocol.endpoint import Address, parse_address

START_S: Final = 30.0
"""How long the collector may take to answer after its start."""
STOP_S: Final = 10.0
"""How long a child may take to end before it is killed."""
ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that end a demo."""
NOTE: Final = "replay: Azure arrivals, LLMPerf latencies"
_POLL_S: Final = 0.05
_LOG_TAIL: Final = 2000

_CONFIG: Final = """\
[collector]
name = "demo"
note = {note}
http = ""
lateness = "10m"

[[rule]]
name = "slow_provider"
value = "latency_p95"
by = ["provider"]
window = "1m"
warning = {{ above = 8000, clear_below = 6000 }}
critical = {{ above = 30000, clear_below = 20000 }}
min_requests = 5
summary = "{{provider}}: p95 {{value:.0f}} ms"

[[rule]]
name = "failing_provider"
value = "error_rate"
by = ["provider"]
window = "1m"
warning = {{ above = 0.1, clear_below = 0.05 }}
critical = {{ above = 0.3, clear_below = 0.2 }}
min_requests = 5
summary = "{{provider}}: {{value:.0%}} of calls fail"

[[slo]]
name = "availability"
good = "error is None"
objective = 0.95
period = "7d"

[[budget]]
name = "models"
limit_usd = 5
period = "day"
"""


@contextmanager
def stage(answers: Callable[[Address], bool], keep: bool = False) -> Iterator[Address]:
    """A running collector's address; when it is over the collector is gone, and so are its files.

    Args:
        answers: whether the collector at an address answers by now.
        keep: leave the directory with its configuration, log, journal and store.

    Raises:
        LlmmonError: the collector ended at once; says what it wrote.
        UnreachableError: it does not answer within ``START_S``.
    """
    directory = Path(tempfile.mkdtemp(prefix="llmmon-demo-"))
    try:
        config = directory / "llmmon.toml"
        config.write_text(_CONFIG.format(note=json.dumps(NOTE)))
        address = parse_address(f"ipc://{directory}")
        with _collector(config, address, directory) as process:
            _wait_for(process, address, directory, answers)
            yield address
    finally:
        if not keep:
            shutil.rmtree(directory, ignore_errors=True)


def log_file(directory: Path) -> Path:
    """Where the collector's output goes."""
    return directory / "collector.log"


@contextmanager
def _collector(
    config: Path, address: Address, directory: Path
) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "llmmon_collector", "--config", str(config)]
    command += ["--listen", address.text, "--state", str(directory / "state")]
    with ExitStack() as started:
        with _signals_later(), log_file(directory).open("wb") as log:
            # a session of its own: Ctrl-C in the terminal is for the demo, which ends it in order
            process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
            started.callback(end_process, process)
        yield process


@contextmanager
def _signals_later() -> Iterator[None]:
    """Signals that come within the block act behind it: none finds a child that nobody ends."""
    came: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _frame: came.append(number))
        for number in ENDING
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for late in came:
            signal.raise_signal(late)


def show(address: Address, seconds: float | None) -> int:
    """Run the terminal UI in the foreground until it is left, or for ``seconds``; its exit code."""
    with ExitStack() as started:
        with _signals_later():
            command = [sys.executable, "-m", "llmmon_tui", "--connect", address.text]
            screen = subprocess.Popen(command)
            started.callback(end_process, screen)
        try:
            return screen.wait(seconds)
        except subprocess.TimeoutExpired:
            return 0


def end_process(process: subprocess.Popen[bytes]) -> None:
    """Ask ``process`` to end, kill it if it does not, and wait until it is gone."""
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_for(
    process: subprocess.Popen[bytes],
    address: Address,
    directory: Path,
    answers: Callable[[Address], bool],
) -> None:
    deadline_s = time.monotonic() + START_S
    while not answers(address):
        if process.poll() is not None:
            said = log_file(directory).read_text(errors="replace")[-_LOG_TAIL:].strip()
            raise LlmmonError(f"the demo's collector ended with {process.returncode}: {said}")
        if time.monotonic() > deadline_s:
            raise UnreachableError(address.text, START_S)
        time.sleep(_POLL_S)
