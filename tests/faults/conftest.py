"""One line a fault with its figure, at the end of ``make faults``."""

from __future__ import annotations

import pytest
from support.report import Report

_LINES = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_LINES] = []


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    """``report(fault, figure)``: the line that a fault run leaves behind."""
    lines = request.config.stash[_LINES]
    return lambda fault, figure: lines.append(f"{fault}: {figure}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = terminalreporter.config.stash[_LINES]
    if lines:
        terminalreporter.section("faults and their figures")
        for line in lines:
            terminalreporter.write_line(line)
