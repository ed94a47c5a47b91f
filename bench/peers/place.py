"""Where the peers are installed: outside the repository, each in a directory of its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

VARIABLE: Final = "LLMMON_BENCH_PEERS"


class Missing(Exception):
    """A peer is not installed; ``command`` installs it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.command = f"python -m bench.peers.install {name}"


def directory_of(name: str) -> Path:
    """Where the peer ``name`` is, or would be."""
    chosen = os.environ.get(VARIABLE)
    return (Path(chosen) if chosen else Path.home() / ".cache" / "llmmon-bench") / name


def find(name: str, inside: str) -> Path:
    """The file ``inside`` the directory of ``name``.

    Raises:
        Missing: it is not there.
    """
    path = directory_of(name) / inside
    if not path.exists():
        raise Missing(name)
    return path
