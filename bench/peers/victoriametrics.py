"""VictoriaMetrics, from Debian's package: a line of the influx protocol a request.

It is not asked to sync: what it answers for is in memory, and on the disk some seconds later.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from bench.peers.base import Peer, Server
from bench.peers.http import Poster, get
from bench.peers.place import find
from bench.peers.process import free_port, running
from bench.peers.rows import records
from bench.traffic import BATCH

NAME: Final = "victoriametrics"
TAGS: Final = ("service", "environment", "operation", "provider", "model", "route")
FIELDS: Final = (
    "latency_ms",
    "ttft_ms",
    "max_gap_ms",
    "stream",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "status_code",
)
"""What every request of ``bench.traffic`` tells; the line protocol's strings would be dropped."""
_INSERTED: Final = re.compile(rb'^vm_rows_inserted_total\{type="influx"\} (\d+)', re.MULTILINE)


def install(directory: Path) -> None:
    """Download the package and unpack it into ``directory``."""
    directory.mkdir(parents=True, exist_ok=True)
    subprocess.run(["apt-get", "download", "-qq", "victoria-metrics"], cwd=directory, check=True)
    for package in directory.glob("victoria-metrics*.deb"):
        subprocess.run(["dpkg", "-x", package, directory], check=True)


def lines(payload: bytes) -> list[bytes]:
    """The requests of a batch, a line each, in one body."""
    return [b"".join(map(_line, records(payload)))]


def _line(record: dict[str, str | float]) -> bytes:
    tags = ",".join(f"{name}={record[name]}" for name in TAGS)
    fields = ",".join(f"{name}={record[name]}" for name in FIELDS)
    end_ns = int(record["start_ns"]) + int(float(record["latency_ms"]) * 1e6)
    return f"llm,{tags} {fields} {end_ns}\n".encode()


@contextmanager
def serve(directory: Path) -> Iterator[Server]:
    """A single node with default settings."""
    binary = find(NAME, "usr/bin/victoria-metrics")
    address = f"127.0.0.1:{free_port()}"
    command: list[str | Path] = [
        binary,
        f"-httpListenAddr={address}",
        f"-storageDataPath={directory / 'data'}",
    ]

    def ready() -> bool:
        with suppress(OSError):
            return get(address, "/health") == b"OK"
        return False

    def taken() -> int:
        found = _INSERTED.search(get(address, "/metrics"))
        return int(found[1]) // len(FIELDS) if found else 0

    with running(command, directory / "log", ready) as process:
        yield Server(process, address, taken)


PEER: Final = Peer(
    title="VictoriaMetrics, influx lines over HTTP, no sync",
    serve=serve,
    encode=lines,
    records=BATCH,
    send=Poster("/write", "text/plain"),
)
