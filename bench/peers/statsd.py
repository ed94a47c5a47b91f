"""statsd on node: a datagram a request, four metrics in it, flushed to a graphite that counts.

Datagrams come at a pace that it can about follow; faster, the kernel drops most of them.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Final

from bench.peers.base import Peer, Server
from bench.peers.place import Missing, find
from bench.peers.process import free_port, listens, running
from bench.peers.rows import records

NAME: Final = "statsd"
RECORDS_A_SECOND: Final = 30_000
FLUSH_S: Final = 1.0
_BURST: Final = 30


def install(directory: Path) -> None:
    """Put the package into ``directory``.

    Raises:
        FileNotFoundError: there is no npm.
    """
    directory.mkdir(parents=True, exist_ok=True)
    silent = ("--silent", "--no-audit", "--no-fund")
    command = ["npm", "install", *silent, "--prefix", str(directory.resolve()), "statsd"]
    subprocess.run(command, cwd=directory, check=True)


def datagrams(payload: bytes) -> list[bytes]:
    """One for each request: it, its latency, its tokens; names carry the labels."""
    return [_datagram(record) for record in records(payload)]


def _datagram(record: dict[str, str | float]) -> bytes:
    route = str(record["route"]).strip("/").replace("/", "_")
    model = str(record["model"]).replace(".", "_")
    key = f"{record['service']}.{record['provider']}.{model}.{route}"
    return (
        f"requests.{key}:1|c\n"
        f"latency.{key}:{float(record['latency_ms']):.3f}|ms\n"
        f"input_tokens.{key}:{record['input_tokens']}|c\n"
        f"output_tokens.{key}:{record['output_tokens']}|c"
    ).encode()


def send(address: str, messages: Sequence[bytes], _records: int, seconds: float) -> int:
    """Send at ``RECORDS_A_SECOND``; nobody refuses a datagram."""
    began_s, sent = time.monotonic(), 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.connect(("127.0.0.1", int(address)))
        for message in cycle(messages):
            out.send(message)
            sent += 1
            if sent % _BURST == 0:
                ahead_s = began_s + sent / RECORDS_A_SECOND - time.monotonic()
                time.sleep(max(0.0, ahead_s))
                if time.monotonic() - began_s > seconds:
                    return sent
    return sent


class Graphite(threading.Thread):
    """Takes what statsd flushes, and adds up the counts of requests."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.requests = 0

    def run(self) -> None:
        """Until the end of the process."""
        while True:
            connection, _ = self._listener.accept()
            with connection, connection.makefile("r") as lines:
                for line in lines:
                    name, _, rest = line.partition(" ")
                    if name.startswith("stats.counters.requests.") and name.endswith(".count"):
                        self.requests += int(float(rest.split()[0]))


@contextmanager
def serve(directory: Path) -> Iterator[Server]:
    """With the default backend, graphite."""
    program = find(NAME, "node_modules/statsd/stats.js")
    node = shutil.which("node")
    if node is None:
        raise Missing(NAME)
    graphite = Graphite()
    graphite.start()
    port, management_port = free_port(), free_port()
    config = {
        "address": "127.0.0.1",
        "port": port,
        "mgmt_address": "127.0.0.1",
        "mgmt_port": management_port,
        "flushInterval": round(FLUSH_S * 1000),
        "graphiteHost": "127.0.0.1",
        "graphitePort": graphite.port,
        "graphite": {"legacyNamespace": False},
    }
    path = directory / "config.js"
    path.write_text(json.dumps(config))
    command: list[str | Path] = [node, program, path]
    with running(command, directory / "log", lambda: listens(management_port)) as process:
        yield Server(process, str(port), lambda: graphite.requests)


PEER: Final = Peer(
    title=f"node statsd, UDP paced at {RECORDS_A_SECOND:,}/s, graphite backend",
    serve=serve,
    encode=datagrams,
    records=1,
    send=send,
    patience_s=4.0,
)
