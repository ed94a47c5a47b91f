"""Installs the peers: ``python -m bench.peers.install [NAME ...]``, all where none is named."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from bench.peers import libraries, phoenix, rotel, statsd, victoriametrics
from bench.peers.place import directory_of

INSTALLERS: Final[Mapping[str, Callable[[Path], None]]] = {
    module.NAME: module.install for module in (libraries, rotel, statsd, victoriametrics, phoenix)
}


def main() -> int:
    """Install what is named; 1 where one of them could not be."""
    names = sys.argv[1:] or list(INSTALLERS)
    unknown = [name for name in names if name not in INSTALLERS]
    if unknown:
        print(f"unknown: {', '.join(unknown)}; known: {', '.join(INSTALLERS)}")
        return 2
    failed = [name for name in names if not _install(name)]
    return int(bool(failed))


def _install(name: str) -> bool:
    directory = directory_of(name)
    print(f"{name}: into {directory}", flush=True)
    try:
        INSTALLERS[name](directory)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"{name}: not installed: {error}", flush=True)
        return False
    return True


if __name__ == "__main__":
    raise SystemExit(main())
