"""The same requests, one record each, into llmmon's collector and into others' servers.

Events a CPU-second of the server's process and its children, from the first record to when the
last one is taken; a sender in a process of its own feeds each for some seconds. What was accepted
and never arrived is lost, and counted. Run with ``python -m bench.ingest_peers [PEER ...]``.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple

from bench.peers import libraries, own, phoenix, rotel, statsd, victoriametrics
from bench.peers.base import Peer, Server, feeding
from bench.peers.place import Missing
from bench.peers.process import cpu_s
from bench.result import show
from bench.traffic import BATCH, START_NS, Traffic

SERIES: Final = 96
MODELS: Final = 8
BATCHES: Final = 64
FIGURE: Final = 1_500_000
UNFOLDED: Final = "llmmon, journalled with fdatasync, acknowledged, counted live"
WHOLE: Final = "llmmon, the same and folded into DuckDB as it comes"
PEERS: Final = {
    victoriametrics.NAME: (victoriametrics.PEER, 6),
    rotel.NAME: (rotel.PEER, 3),
    statsd.NAME: (statsd.PEER, 15),
    phoenix.NAME: (phoenix.PEER, 5000),
}
"""Peers, and how many times as many events a CPU-second are to be reached."""
_POLL_S: Final = 0.5


class Outcome(NamedTuple):
    """What one server did."""

    accepted: int
    taken: int
    cpu_s: float

    @property
    def rate(self) -> float:
        """Events a CPU-second."""
        return self.taken / self.cpu_s

    def plus(self, other: Outcome) -> Outcome:
        """Both together."""
        accepted, taken = self.accepted + other.accepted, self.taken + other.taken
        return Outcome(accepted, taken, self.cpu_s + other.cpu_s)

    def told(self) -> str:
        """For people."""
        lost = (self.accepted - self.taken) / self.accepted
        return f"{self.rate:,.0f} events a CPU-second, {lost:.1%} lost of {self.accepted:,}"


def measure(peer: Peer) -> Outcome:
    """Start ``peer``, feed it, wait until it is through, and end it.

    Raises:
        Missing: it is not installed.
        RuntimeError: it does not start, or takes nothing.
    """
    traffic = Traffic(SERIES, MODELS)
    second = (time.time_ns() - START_NS) // 10**9
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="llmmon-") as name, peer.serve(Path(name)) as server:
        messages = feeding(peer, [traffic.payload(second) for _ in range(BATCHES)])
        with ProcessPoolExecutor(1, mp_context=spawn) as pool:
            # other records than the first to be measured: a server may know the same again
            _feed(pool, peer, server, messages[-BATCH // peer.records :], 0.1)
            return _feed(pool, peer, server, messages, peer.seconds)


def _feed(
    pool: ProcessPoolExecutor,
    peer: Peer,
    server: Server,
    messages: Sequence[bytes],
    seconds: float,
) -> Outcome:
    before = server.taken() if server.taken else 0
    before_s = cpu_s(server.process)
    args = (server.address, messages, peer.records, seconds)
    accepted = pool.submit(peer.send, *args).result()
    taken = _settled(peer, server, before + accepted) - before
    if not taken:
        raise RuntimeError(f"{peer.title} took nothing of {accepted} events")
    return Outcome(accepted, taken, cpu_s(server.process) - before_s)


def _settled(peer: Peer, server: Server, goal: int) -> int:
    """What the server has once it has all, or makes no progress any more."""
    if server.taken is None:
        return goal
    taken, moved_s = server.taken(), time.monotonic()
    while taken < goal and time.monotonic() - moved_s < peer.patience_s:
        time.sleep(_POLL_S)
        now = server.taken()
        if now > taken:
            taken, moved_s = now, time.monotonic()
    return taken


def compare(mine: float, name: str, outcome: Outcome | str) -> None:
    """Print by how much we are ahead of the peer ``name``, or why there is nothing to compare."""
    peer, times = PEERS[name]
    row, figure = f"ingest, times {peer.title}", f"{times:,} x"
    if isinstance(outcome, str):
        show(row, outcome, figure)
        return
    ratio = mine / outcome.rate
    told = f"{peer.title}: {outcome.told()}"
    show(row, f"{ratio:,.1f} x", figure, f"{ratio:,.1f}", told, value=ratio, at_least=times)


def attempt(peer: Peer) -> Outcome | str:
    """What ``peer`` did, or what was in the way."""
    try:
        return measure(peer)
    except Missing as missing:
        return f"not installed: {missing.command}"
    except RuntimeError as error:
        return f"failed: {error}"


def main() -> None:
    """Measure and print; ours before and after the others, since the machine may have company."""
    libraries.activate()
    ours = own.peer(UNFOLDED, own.UNFOLDED, own.counted)
    before = measure(ours)
    names = sys.argv[1:] or list(PEERS)
    outcomes = [attempt(PEERS[name][0]) for name in names]
    whole = measure(own.peer(WHOLE, own.WHOLE, own.stored))
    unfolded = before.plus(measure(ours))
    show(
        f"ingest, {UNFOLDED}, a process fed by another",
        unfolded.told(),
        f"{FIGURE:,} events a CPU-second",
        value=unfolded.rate,
        at_least=FIGURE,
    )
    for name, outcome in zip(names, outcomes, strict=True):
        compare(unfolded.rate, name, outcome)
    show(f"ingest, {WHOLE}, a process fed by another", whole.told())


if __name__ == "__main__":
    main()
