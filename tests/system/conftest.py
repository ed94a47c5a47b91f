"""Real processes for every test here, on short paths, gone afterwards."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.collector import PYTHON, CollectorProcess
from support.pane import Pane


@pytest.fixture
def short_dir() -> Iterator[Path]:
    """A directory whose path leaves room for socket names."""
    path = Path(tempfile.mkdtemp(prefix="llmmon-"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def unstarted(short_dir: Path) -> Iterator[Callable[..., CollectorProcess]]:
    """Makes a collector that the test starts, from the text of its configuration."""
    made: list[CollectorProcess] = []

    def make(config: str = "") -> CollectorProcess:
        made.append(CollectorProcess(short_dir, config))
        return made[-1]

    yield make
    for process in made:
        process.close()


@pytest.fixture
def collector(short_dir: Path) -> Iterator[CollectorProcess]:
    """A started collector without configuration."""
    process = CollectorProcess(short_dir)
    process.start()
    yield process
    process.close()


@pytest.fixture
def panes(short_dir: Path) -> Iterator[Callable[..., Pane]]:
    """Opens the terminal UI: ``panes(address, width, height, *options)``."""
    if shutil.which("tmux") is None:
        if os.environ.get("CI"):
            pytest.fail("tmux is not installed: the tests of the terminal UI need it")
        pytest.skip("tmux is not installed")
    opened: list[Pane] = []

    def open_pane(address: str, width: int, height: int, *options: str) -> Pane:
        command = [str(PYTHON), "-m", "llmmon_tui", "--connect", address, *options]
        opened.append(Pane(short_dir / f"pane-{len(opened)}", command, width, height))
        return opened[-1]

    yield open_pane
    for pane in opened:
        pane.close()
