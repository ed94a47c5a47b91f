"""rotel, an OpenTelemetry collector in Rust: OTLP/HTTP in, everything discarded."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench.peers.base import Peer, Server
from bench.peers.http import Poster
from bench.peers.place import Missing, directory_of
from bench.peers.process import free_port, listens, running
from bench.traffic import BATCH

NAME: Final = "rotel"


def install(directory: Path) -> None:
    """Put the package, which carries the binary, into ``directory``."""
    target = ("--upgrade", "--pre", "--target", str(directory))
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", *target, "rotel"], check=True)


def spans(payload: bytes) -> list[bytes]:
    """One export request of a batch's requests.

    Raises:
        Missing: the OTLP library is not installed.
    """
    try:
        from bench.otlp import spans_of
    except ImportError:
        raise Missing("libraries") from None
    return [spans_of(payload, BATCH)]


@contextmanager
def serve(directory: Path) -> Iterator[Server]:
    """With the exporter that keeps nothing."""
    found = next(directory_of(NAME).glob("**/rotel-agent"), None)
    if found is None:
        raise Missing(NAME)
    port, grpc_port = free_port(), free_port()
    command: list[str | Path] = [found, "start", "--exporter", "blackhole"]
    command += ["--otlp-http-endpoint", f"127.0.0.1:{port}"]
    command += ["--otlp-grpc-endpoint", f"127.0.0.1:{grpc_port}"]
    with running(command, directory / "log", lambda: listens(port)) as process:
        yield Server(process, f"127.0.0.1:{port}", None)


PEER: Final = Peer(
    title="rotel, OTLP/HTTP to discard",
    serve=serve,
    encode=spans,
    records=BATCH,
    send=Poster("/v1/traces", "application/x-protobuf"),
)
