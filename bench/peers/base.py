"""What a server is to the benchmark: started, fed by another process, asked what it took."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import psutil

Send = Callable[[str, Sequence[bytes], int, float], int]
"""Send messages of ``int`` records each to an address, round and round, for so many seconds; how
many records the server did not refuse. Runs in a process of its own."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs."""

    process: psutil.Process
    address: str
    """What ``Send`` is given."""
    taken: Callable[[], int] | None
    """Records it says it has so far; None where it does not say, and its acceptance has to do."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One server that can take in requests."""

    title: str
    serve: Callable[[Path], AbstractContextManager[Server]]
    """Start it with its state in a directory; raises Missing where it is not installed."""
    encode: Callable[[bytes], list[bytes]]
    """A batch's payload of ``bench.traffic`` as messages for ``send``."""
    records: int
    """Records in such a message."""
    send: Send
    seconds: float = 4.0
    """How long it is fed."""
    patience_s: float = 10.0
    """How long it may take, with no progress, to work off what it has accepted."""


def feeding(peer: Peer, payloads: Sequence[bytes]) -> list[bytes]:
    """All messages that tell what ``payloads`` tell."""
    return [message for payload in payloads for message in peer.encode(payload)]
