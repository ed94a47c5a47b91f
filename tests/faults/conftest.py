"""One line a fault with its figure, at the end of ``make faults``; what many faults begin with."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.bystanders import Children
from support.collector import CollectorProcess
from support.report import Report

_LINES = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_LINES] = []


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    """``report(fault, figure)``: the line that a fault run leaves behind."""
    lines = request.config.stash[_LINES]
    return lambda fault, figure: lines.append(f"{fault}: {figure}")


@pytest.fixture
def collector() -> Iterator[CollectorProcess]:
    """One that runs, as it comes."""
    directory = Path(tempfile.mkdtemp(prefix="llmmon-"))
    process = CollectorProcess(directory)
    process.start()
    yield process
    process.close()
    shutil.rmtree(directory)


@pytest.fixture
def children() -> Iterator[Children]:
    """Starts processes that end with the test."""
    started = Children()
    yield started
    started.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = terminalreporter.config.stash[_LINES]
    if lines:
        terminalreporter.section("faults and their figures")
        for line in lines:
            terminalreporter.write_line(line)
