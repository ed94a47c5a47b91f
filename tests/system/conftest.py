"""Real processes for every test here, on short paths, gone afterwards."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.collector import CollectorProcess


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
