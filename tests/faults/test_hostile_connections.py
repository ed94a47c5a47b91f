"""Hostile connections: frames and messages without bound, handshakes that never end."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest
from support import rawzmtp
from support.bystanders import Children, Memory, PoliteAgents, ingest_of, pid_of, restart_with
from support.collector import CollectorProcess, eventually
from support.report import Report

MEMORY_MB = 2200
"""Where the collector's memory must end when somebody fills it: the ceiling and a little more."""
HALF_OPEN = 600
GONE_S = 5

PATIENT = """
import zmq
from llmmon_collector.intake import receiver
receiver._OPTIONS[zmq.HANDSHAKE_IVL] = 0
from llmmon_collector.main import main
main()
"""
BOUNDLESS = """
from llmmon_collector.intake.ceiling import Ceiling
Ceiling.is_exceeded = lambda self, resident_bytes, mono_ns: False
from llmmon_collector.main import main
main()
"""


@pytest.mark.timeout(300)
def test_messages_over_every_bound(
    collector: CollectorProcess, children: Children, report: Report
) -> None:
    polite = PoliteAgents(children, collector.address)
    rejected = ingest_of(collector)["rejected_batches"]
    memory = Memory(pid_of(collector))
    empty = rawzmtp.message([b""] * 2_000_000)
    with rawzmtp.join(collector.address) as peer:
        peer.settimeout(60)
        peer.sendall(empty)
        eventually(
            lambda: ingest_of(collector)["rejected_batches"] == rejected + 1, 60, "not counted"
        )
    for size in (2 << 20, 1 << 40, (1 << 64) - 1):
        with rawzmtp.join(collector.address) as peer:
            head = bytes([2]) + size.to_bytes(8, "big")
            assert _is_hung_up_on(peer, head + b"x" * 4096)
    growth_mb = memory.growth_mb()
    events = polite.check(collector)
    assert growth_mb < 400
    report(
        "a message of 2,000,000 empty frames; frames of 2 MB, 1 TB, 16 EB",
        f"refused, memory +{growth_mb:.0f} MB; polite: {events} of {events} events exact",
    )


def _is_hung_up_on(peer: Any, data: bytes, within_s: float = 6) -> bool:
    """Whether the collector closes the connection on ``data``."""
    peer.settimeout(within_s)
    try:
        peer.sendall(data)
        while peer.recv(4096):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


@contextlib.contextmanager
def _half_open(address: str) -> Iterator[None]:
    """Many connections whose handshake has begun, or not even that."""
    halves = [b"", b"\xff", rawzmtp.greeting()[:40], rawzmtp.greeting()]
    with contextlib.ExitStack() as open_peers:
        for i in range(HALF_OPEN):
            peer = open_peers.enter_context(rawzmtp.connect(address))
            peer.sendall(halves[i % len(halves)])
        yield


@pytest.mark.timeout(120)
def test_peers_that_never_finish_their_handshake(
    collector: CollectorProcess, children: Children, report: Report
) -> None:
    polite = PoliteAgents(children, collector.address)
    process = psutil.Process(pid_of(collector))
    eventually(lambda: ingest_of(collector)["agents"] == 2, 30, "no agents")
    before = process.num_fds()
    with _half_open(collector.address):
        began = time.monotonic()
        eventually(lambda: process.num_fds() > before + HALF_OPEN // 2, 5, "not even connected")
        eventually(lambda: process.num_fds() <= before, 30, "half-open connections stay")
        took_s = time.monotonic() - began
    for mechanism in (b"PLAIN", b"CURVE", b"GSSAPI", b"\xff" * 20):
        with rawzmtp.connect(collector.address) as peer:
            assert _is_hung_up_on(peer, rawzmtp.greeting(mechanism) + rawzmtp.ready())
    with rawzmtp.connect(collector.address) as peer:
        assert _is_hung_up_on(peer, rawzmtp.greeting() + b"\xff" * 4096)
    events = polite.check(collector)
    assert took_s < GONE_S
    report(
        f"{HALF_OPEN} half-open connections, wrong mechanisms, noise",
        f"gone after {took_s:.1f} s; polite: {events} of {events} events exact",
    )


@pytest.mark.timeout(120)
def test_control_without_a_time_limit_half_open_connections_stay(
    collector: CollectorProcess, report: Report
) -> None:
    process = psutil.Process(restart_with(collector, PATIENT).pid)
    before = process.num_fds()
    with _half_open(collector.address):
        time.sleep(GONE_S)
        left = process.num_fds() - before
    assert left > HALF_OPEN // 2
    stay = min(left, HALF_OPEN)
    report("  control: no time limit on handshakes", f"{stay} of {HALF_OPEN} stay")


def _send_without_end(collector: CollectorProcess, until: Callable[[], bool]) -> tuple[int, int]:
    """Bytes sent of messages that have no end, and how often the collector hung up."""
    endless = rawzmtp.frame(b"x" * 1000, more=True) * 64
    sent = dropped = 0
    while not until():
        try:
            with rawzmtp.join(collector.address) as peer:
                while not until():
                    peer.sendall(endless)
                    sent += len(endless)
        except OSError:
            dropped += 1
    return sent, dropped


@pytest.mark.timeout(300)
def test_a_message_that_never_ends(
    collector: CollectorProcess, children: Children, report: Report
) -> None:
    polite = PoliteAgents(children, collector.address)
    memory = Memory(pid_of(collector))
    over_s = time.monotonic() + 10
    sent, dropped = _send_without_end(collector, lambda: time.monotonic() > over_s)
    peak_mb = memory.before / 1e6 + memory.growth_mb()
    events = polite.check(collector)
    assert dropped > 0
    assert peak_mb < MEMORY_MB < sent / 1e6
    report(
        "messages without an end for 10 s",
        f"{sent / 1e6:.0f} MB sent, hung up {dropped} times, memory at most {peak_mb:.0f} MB; "
        f"polite: {events} of {events} events exact",
    )


@pytest.mark.timeout(120)
def test_control_without_a_ceiling_memory_fills(collector: CollectorProcess) -> None:
    process = psutil.Process(restart_with(collector, BOUNDLESS).pid)
    over_s = time.monotonic() + 60

    def is_full() -> bool:
        return process.memory_info().rss > MEMORY_MB * 1e6 or time.monotonic() > over_s

    _, dropped = _send_without_end(collector, is_full)
    assert dropped == 0
    assert process.memory_info().rss > MEMORY_MB * 1e6
