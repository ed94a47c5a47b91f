"""Arize Phoenix with its SQLite database: OTLP/HTTP in, measured until every span is stored.

It accepts far faster than it stores, so that it is sent a fixed number of spans.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from bench.peers.base import Peer, Server
from bench.peers.http import Poster, get
from bench.peers.place import find
from bench.peers.process import free_port, running
from bench.peers.rotel import spans
from bench.traffic import BATCH

NAME: Final = "phoenix"
BATCHES: Final = 6


def install(directory: Path) -> None:
    """Make a virtual environment in ``directory``: it has a great many dependencies."""
    subprocess.run([sys.executable, "-m", "venv", directory], check=True)
    pip = [str(directory / "bin" / "python"), "-m", "pip", "install", "-q"]
    subprocess.run([*pip, "arize-phoenix"], check=True)


@contextmanager
def serve(directory: Path) -> Iterator[Server]:
    """With its state in ``directory``, telling nobody of its use."""
    binary = find(NAME, "bin/phoenix")
    port = free_port()
    environ = os.environ | {
        "PHOENIX_WORKING_DIR": str(directory),
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(port),
        "PHOENIX_GRPC_PORT": str(free_port()),
        "PHOENIX_TELEMETRY_ENABLED": "false",
    }

    def ready() -> bool:
        with suppress(OSError):
            return bool(get(f"127.0.0.1:{port}", "/healthz") is not None)
        return False

    def taken() -> int:
        database = f"file:{directory / 'phoenix.db'}?mode=ro"
        with closing(sqlite3.connect(database, uri=True, timeout=30)) as connection:
            count: int = connection.execute("SELECT count(*) FROM spans").fetchone()[0]
            return count

    with running([binary, "serve"], directory / "log", ready, environ) as process:
        yield Server(process, f"127.0.0.1:{port}", taken)


PEER: Final = Peer(
    title="Arize Phoenix, OTLP/HTTP into SQLite",
    serve=serve,
    encode=spans,
    records=BATCH,
    send=Poster("/v1/traces", "application/x-protobuf", BATCHES),
    patience_s=20.0,
)
