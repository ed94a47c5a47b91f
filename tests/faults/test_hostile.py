"""Hostile and broken peers: nothing crashes, everything is counted, polite agents are unharmed."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import zmq
from support import rawzmtp
from support.collector import CollectorProcess, eventually
from support.frames import batch_frames

from llmmon.protocol.wire import Message, decode_message

TESTS = Path(__file__).parents[1]
FLOODERS = 4
FRAMES = 1_000_000
"""Messages, four frames each on average."""
GROWTH_MB = 150
"""Of which the polite load alone takes some 30."""
WARM_EVENTS = 20_000
"""Polite load before memory is looked at: the store has filled its buffers."""
MEMORY_MB = 2200
"""Where the collector's memory must end when somebody fills it: the ceiling and a little more."""
HALF_OPEN = 600
LABELS = 1_000_000
LABEL_GROWTH_MB = 600
"""10,000 series in every window, and what the store takes to fold a million different texts."""
FUZZ_S = 20

SUMS = """
SELECT service, count(*) AS n, sum(input_tokens) AS i FROM requests
WHERE service LIKE 'polite-%' GROUP BY service ORDER BY service
"""
POLITE = """
import sys, threading, time
import llmmon
llmmon.init(service=sys.argv[2], environment="faults", endpoint=sys.argv[1], flush_interval_s=0.05)
over = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
sent = 0
while not over.is_set():
    for _ in range(20):
        sent += 1
        llmmon.record("chat", provider="openai", model="gpt-4o", latency_ms=1.0 + sent % 900,
                      input_tokens=sent, output_tokens=1)
    time.sleep(0.02)
outcome = llmmon.flush(timeout_s=120)
print(sent, outcome.pending, sum(llmmon.stats().lost.values()), flush=True)
"""
BOMB = """
import sys
import llmmon
llmmon.init(service="bomb", environment="faults", endpoint=sys.argv[1], flush_interval_s=0.05)
for i in range(int(sys.argv[2])):
    llmmon.record("chat", provider="openai", model=f"model-{i}", route=f"/users/{i}",
                  latency_ms=1.0, input_tokens=1, output_tokens=1)
    if i % 2000 == 0 and llmmon.stats().buffered > 8000:
        llmmon.flush(timeout_s=30)
outcome = llmmon.flush(timeout_s=120)
print(outcome.pending, sum(llmmon.stats().lost.values()), flush=True)
"""
BOUNDLESS = """
from llmmon_collector.intake.ceiling import Ceiling
Ceiling.is_exceeded = lambda self, resident_bytes, mono_ns: False
from llmmon_collector.main import main
main()
"""
CARELESS = """
from llmmon.protocol.wire import decode_message
from llmmon_collector.intake.session import Session
Session._open = lambda self, message, work: decode_message(message.frames)
from llmmon_collector.main import main
main()
"""


@pytest.fixture
def collector() -> Iterator[CollectorProcess]:
    directory = Path(tempfile.mkdtemp(prefix="llmmon-"))
    process = CollectorProcess(directory)
    process.start()
    yield process
    process.close()
    shutil.rmtree(directory)


class Children:
    """Processes of the test, ended with it."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[str]] = []

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path[1:]])},
        )
        self._running.append(child)
        return child

    def close(self) -> None:
        for child in self._running:
            child.kill()
            child.communicate()


@pytest.fixture
def children() -> Iterator[Children]:
    started = Children()
    yield started
    started.close()


class Memory:
    """Samples a process's memory until it is asked."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self.before = self.peak = self._process.memory_info().rss
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def growth_mb(self) -> float:
        """How far the peak went above the beginning."""
        self._over.set()
        self._thread.join()
        return (self.peak - self.before) / 1e6

    def _watch(self) -> None:
        while not self._over.wait(0.05):
            self.peak = max(self.peak, self._process.memory_info().rss)


class Probe:
    """Sends one small batch after the other and measures how long each acknowledgement takes."""

    def __init__(self, address: str) -> None:
        self._context = zmq.Context[zmq.Socket[bytes]]()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.connect(f"{address}/ingest.sock")
        self.took_ms: list[float] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def percentile_ms(self, share: float) -> float:
        self._over.set()
        self._thread.join()
        self._context.destroy()
        ordered = sorted(self.took_ms)
        return ordered[int(share * (len(ordered) - 1))]

    def _run(self) -> None:
        seq = 0
        while not self._over.wait(0.01):
            frames = batch_frames(seq + 1, [{"latency_ms": 1.0}], first_event=seq, service="probe")
            began = time.perf_counter()
            self._socket.send_multipart(frames)
            answer = None
            while answer is None or answer.message is not Message.ACK:
                assert self._socket.poll(30_000), "no acknowledgement within 30 s"
                answer = decode_message(self._socket.recv_multipart())
            seq += 1
            assert answer.header.seq == seq
            self.took_ms.append((time.perf_counter() - began) * 1e3)


class PoliteAgents:
    """Two services that record what can be added up."""

    def __init__(self, children: Children, address: str) -> None:
        self._names = ("polite-1", "polite-2")
        self._running = [children.start("-c", POLITE, address, name) for name in self._names]

    def check(self, collector: CollectorProcess) -> int:
        """Every event is in the store, exactly once and exact; how many."""
        sent = [self._finish(service) for service in self._running]
        exact = [
            {"service": name, "n": n, "i": n * (n + 1) // 2}
            for name, n in zip(self._names, sent, strict=True)
        ]
        # the store follows behind what is acknowledged
        eventually(lambda: collector.query(SUMS) == exact, 120, f"not {exact} in the store")
        return sum(sent)

    @staticmethod
    def _finish(service: subprocess.Popen[str]) -> int:
        output, _ = service.communicate(timeout=200)
        sent, pending, lost = map(int, output.split())
        assert (pending, lost) == (0, 0)
        return sent


def _pid(collector: CollectorProcess) -> int:
    assert collector.process is not None
    return collector.process.pid


def _ingest(collector: CollectorProcess) -> dict[str, Any]:
    """The ledger in ``llmmon status --json``."""
    return json.loads(collector.client("status", "--json"))["collector"]["ingest"]


@pytest.mark.timeout(900)
def test_a_million_hostile_messages(
    collector: CollectorProcess, children: Children, report: Callable[[str, str], None]
) -> None:
    polite = PoliteAgents(children, collector.address)
    probe = Probe(collector.address)
    eventually(
        lambda: _ingest(collector)["events_stored"] > WARM_EVENTS, 60, "no load before the flood"
    )
    memory = Memory(_pid(collector))
    began = time.monotonic()
    share = str(FRAMES // FLOODERS)
    flooders = [
        children.start("-m", "support.flood", collector.address, str(seed), share)
        for seed in range(FLOODERS)
    ]
    for flooder in flooders:
        assert flooder.stdout is not None
        assert flooder.stdout.readline().strip() == share
    eventually(
        lambda: _ingest(collector)["rejected_batches"] >= FRAMES,
        60,
        f"not all are counted: {_ingest(collector)}",
    )
    took_s = time.monotonic() - began
    p99_ms, growth_mb = probe.percentile_ms(0.99), memory.growth_mb()
    events = polite.check(collector)
    assert _ingest(collector)["rejected_batches"] == FRAMES
    assert growth_mb < GROWTH_MB
    dead = collector.directory / "state" / "dead-letters.seg"
    assert dead.stat().st_size <= 16 << 20
    report(
        "1,000,000 hostile messages from 4 raw peers",
        f"{FRAMES} sent, {FRAMES} counted in {took_s:.0f} s, memory +{growth_mb:.0f} MB; "
        f"polite: {events} of {events} events exact, ack p99 {p99_ms:.0f} ms",
    )


@pytest.mark.timeout(120)
def test_control_a_careless_decoder_dies_of_it(
    collector: CollectorProcess, children: Children
) -> None:
    process = _restart_with(collector, CARELESS)
    children.start("-m", "support.flood", collector.address, "1", "1000")
    eventually(lambda: process.poll() is not None, 60, "it has survived")


def _restart_with(collector: CollectorProcess, script: str) -> subprocess.Popen[bytes]:
    """The same collector, sabotaged by ``script``."""
    collector.kill()
    command = [sys.executable, "-c", script, "--config", collector.config, "--http", ""]
    command += ["--listen", collector.address, "--state", collector.directory / "state"]
    collector.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    eventually(lambda: _is_reachable(collector), 30, "does not listen")
    return collector.process


def _is_reachable(collector: CollectorProcess) -> bool:
    try:
        rawzmtp.join(collector.address).close()
    except OSError:
        return False
    return True


@pytest.mark.timeout(300)
def test_messages_over_every_bound(
    collector: CollectorProcess, children: Children, report: Callable[[str, str], None]
) -> None:
    polite = PoliteAgents(children, collector.address)
    rejected = _ingest(collector)["rejected_batches"]
    memory = Memory(_pid(collector))
    empty = rawzmtp.message([b""] * 2_000_000)
    with rawzmtp.join(collector.address) as peer:
        peer.settimeout(60)
        peer.sendall(empty)
        eventually(
            lambda: _ingest(collector)["rejected_batches"] == rejected + 1, 60, "not counted"
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


@pytest.mark.timeout(120)
def test_peers_that_never_finish_their_handshake(
    collector: CollectorProcess, children: Children, report: Callable[[str, str], None]
) -> None:
    polite = PoliteAgents(children, collector.address)
    process = psutil.Process(_pid(collector))
    eventually(lambda: _ingest(collector)["agents"] == 2, 30, "no agents")
    before = process.num_fds()
    halves = [b"", b"\xff", rawzmtp.greeting()[:40], rawzmtp.greeting()]
    with contextlib.ExitStack() as open_peers:
        for i in range(HALF_OPEN):
            peer = open_peers.enter_context(rawzmtp.connect(collector.address))
            peer.sendall(halves[i % len(halves)])
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
    assert took_s < 5
    report(
        f"{HALF_OPEN} half-open connections, wrong mechanisms, noise",
        f"gone after {took_s:.1f} s; polite: {events} of {events} events exact",
    )


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
    collector: CollectorProcess, children: Children, report: Callable[[str, str], None]
) -> None:
    polite = PoliteAgents(children, collector.address)
    memory = Memory(_pid(collector))
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
    process = psutil.Process(_restart_with(collector, BOUNDLESS).pid)
    over_s = time.monotonic() + 60

    def is_full() -> bool:
        return process.memory_info().rss > MEMORY_MB * 1e6 or time.monotonic() > over_s

    _, dropped = _send_without_end(collector, is_full)
    assert dropped == 0
    assert process.memory_info().rss > MEMORY_MB * 1e6


@pytest.mark.timeout(600)
def test_a_million_label_values(
    collector: CollectorProcess, children: Children, report: Callable[[str, str], None]
) -> None:
    polite = PoliteAgents(children, collector.address)
    eventually(lambda: _ingest(collector)["agents"] == 2, 30, "no agents")
    memory = Memory(_pid(collector))
    began = time.monotonic()
    bomb = children.start("-c", BOMB, collector.address, str(LABELS))
    output, _ = bomb.communicate(timeout=400)
    took_s = time.monotonic() - began
    assert output.split() == ["0", "0"]
    growth_mb = memory.growth_mb()
    ingest = _ingest(collector)
    assert ingest["series"] <= ingest["series_limit"]
    assert ingest["overflowed_series"] > 0
    services = _groups(collector, "service")
    assert {"polite-1", "polite-2", "__other__"} <= services
    events = polite.check(collector)
    [row] = collector.query(
        "SELECT count(*) AS n, count(DISTINCT model) AS models FROM requests WHERE service = 'bomb'"
    )
    assert row == {"n": LABELS, "models": LABELS}
    assert growth_mb < LABEL_GROWTH_MB
    report(
        f"{LABELS} label values from one agent",
        f"{took_s:.0f} s, memory +{growth_mb:.0f} MB, {ingest['series']} series, the others under "
        f"__other__; polite: {events} of {events} events exact",
    )


def _groups(collector: CollectorProcess, by: str) -> set[str]:
    return {group[by] for group in collector.snapshot("--by", by)["series"]}


@pytest.mark.timeout(120)
def test_a_coverage_guided_fuzzer_breaks_no_decoder(
    tmp_path: Path, report: Callable[[str, str], None]
) -> None:
    assert importlib.util.find_spec("atheris"), "pip install atheris: it has wheels for CPython"
    fuzzer = Path(__file__).with_name("fuzz_decoder.py")
    done = subprocess.run(
        [sys.executable, fuzzer, f"-max_total_time={FUZZ_S}", f"-artifact_prefix={tmp_path}/"],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    runs = re.search(r"number_of_executed_units: (\d+)", done.stderr)
    assert runs is not None
    assert int(runs[1]) > FUZZ_S * 1000
    report(f"atheris on all decoders for {FUZZ_S} s", f"{runs[1]} inputs, nothing uncaught")
