"""A process that must run. Plain function: walking many processes takes a while."""

from __future__ import annotations

from pathlib import Path

import psutil

from llmmon_collector.health.context import CheckContext
from llmmon_collector.health.model import ProcessCheck
from llmmon_collector.health.outcome import Outcome


def check(spec: ProcessCheck, _context: CheckContext) -> Outcome:
    """The number of such processes; zombies do not count."""
    if spec.pid_file is not None:
        return _by_pid_file(Path(spec.pid_file))
    running = sum(
        process.info["name"] == spec.program and process.info["status"] != psutil.STATUS_ZOMBIE
        for process in psutil.process_iter(["name", "status"])
    )
    message = f"{running} running" if running else f"no process is named {spec.program}"
    return Outcome("ok" if running else "failing", float(running), "processes", message)


def _by_pid_file(path: Path) -> Outcome:
    try:
        text = path.read_text(encoding="ascii", errors="replace").strip()
    except OSError as error:
        return Outcome("failing", 0.0, "processes", f"the pid file: {error.strerror}")
    if not text.isdecimal():
        return Outcome("failing", 0.0, "processes", "the pid file holds no process number")
    try:
        running = psutil.Process(int(text)).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        running = False
    message = f"process {text} {'runs' if running else 'is gone'}"
    return Outcome("ok" if running else "failing", float(running), "processes", message)
