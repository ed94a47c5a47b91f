"""Viewers that never read: nobody else is harmed."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self

import psutil
import pytest
import zmq
from support.collector import CollectorProcess
from support.report import Report
from support.stage import Stage, new_stage

from llmmon.protocol.control import Request, encode_request
from llmmon.protocol.endpoint import parse_address
from llmmon.protocol.snapshot import TOPIC, decode_snapshot

PEER = Path(__file__).parents[1] / "support" / "flood_peer.py"
SUBSCRIBERS = 20
SECONDS = 12
BATCHES_PER_S = 100
EVENTS = 10
GROWN_BYTES = 20 << 20
P99_MS = 150.0
QUERIES_PER_S = 10
HEAVY = "SELECT repeat('x', 400) AS text FROM range(5000)"
ANSWERS_BYTES = 160 << 20
"""Of so many answers as are worked on at once, 2 MB each, and of working on them."""
QUERIES_P99_MS = 400.0
"""Queries share the interpreter with everything else, whether their answers are read or not."""

NEVER_READS = """
import sys, zmq
from llmmon.protocol.endpoint import parse_address
endpoint = parse_address(sys.argv[1]).snapshots
context = zmq.Context()
sockets = []
for _ in range(int(sys.argv[2])):
    socket = context.socket(zmq.SUB)
    socket.setsockopt(zmq.RCVHWM, 1)
    socket.setsockopt(zmq.RCVBUF, 4096)
    socket.subscribe(b"")
    socket.connect(endpoint)
    sockets.append(socket)
print("there", flush=True)
sys.stdin.readline()
"""

WAITS_FOR_VIEWERS = """
import zmq
from llmmon_collector import publisher
from llmmon_collector.main import main
publisher._OPTIONS |= {zmq.XPUB_NODROP: 1, zmq.SNDHWM: 1, zmq.SNDBUF: 4096}
for option in (zmq.HEARTBEAT_IVL, zmq.HEARTBEAT_TIMEOUT, zmq.HEARTBEAT_TTL):
    del publisher._OPTIONS[option]
main()
"""

KEEPS_EVERY_ANSWER = """
import zmq
from llmmon_collector.control import server
from llmmon_collector.main import main
server._OPTIONS[zmq.SNDHWM] = 0
main()
"""


@pytest.fixture
def stage() -> Iterator[Stage]:
    with new_stage() as made:
        yield made


class Beside(NamedTuple):
    """What an agent and a viewer noticed meanwhile."""

    agent: dict[str, Any]
    missed: int
    """Snapshots that the viewer who reads did not get."""
    got: int
    grown_bytes: int


class Watch:
    """A viewer who reads, and an eye on the collector's memory."""

    def __init__(self, collector: CollectorProcess) -> None:
        assert collector.process is not None
        self._process = psutil.Process(collector.process.pid)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.subscribe(f"{TOPIC}model".encode())
        self._socket.connect(parse_address(collector.address).snapshots)

    def beside(self, agent: subprocess.Popen[str]) -> Beside:
        """Watch until ``agent`` has ended."""
        before = most = self._process.memory_info().rss
        numbers: list[int] = []
        while agent.poll() is None:
            if self._socket.poll(100):
                numbers.append(decode_snapshot(self._socket.recv_multipart()[1]).seq)
            most = max(most, self._process.memory_info().rss)
        told = json.loads(agent.communicate(timeout=60)[0])
        expected = numbers[-1] - numbers[0] + 1 if numbers else SECONDS
        return Beside(told, expected - len(numbers), len(numbers), most - before)

    def first(self) -> None:
        """Wait for the first picture."""
        assert self._socket.poll(15_000)
        self._socket.recv_multipart()

    def close(self) -> None:
        self._context.destroy(linger=0)


def _beside(stage: Stage) -> Beside:
    collector = stage.collector
    assert collector is not None
    watch = Watch(collector)
    try:
        with contextlib.suppress(AssertionError):
            watch.first()
        numbers = (str(SECONDS), str(BATCHES_PER_S), str(EVENTS))
        return watch.beside(stage.popen(str(PEER), collector.address, "polite", *numbers))
    finally:
        watch.close()


def _silent_subscribers(stage: Stage) -> subprocess.Popen[str]:
    assert stage.collector is not None
    process = stage.popen("-c", NEVER_READS, stage.collector.address, str(SUBSCRIBERS))
    assert process.stdout is not None
    assert process.stdout.readline() == "there\n"
    time.sleep(1.0)  # all have subscribed
    process.send_signal(signal.SIGSTOP)
    return process


def _check(beside: Beside, grown_bytes: int, calm: Beside, p99_ms: float = P99_MS) -> str:
    agent = beside.agent
    assert (agent["held"], agent["lost"], agent["refusals"]) == (0, {}, 0)
    assert beside.missed == 0
    assert beside.got >= SECONDS / 2
    assert beside.grown_bytes < grown_bytes
    assert agent["p99_ms"] < max(p99_ms, 1.2 * calm.agent["p99_ms"])
    return (
        f"acknowledged in p99 {agent['p99_ms']:.0f} ms ({calm.agent['p99_ms']:.0f} without), "
        f"{beside.got} of {beside.got} pictures for who reads, "
        f"collector +{beside.grown_bytes / 2**20:.1f} MiB"
    )


@pytest.mark.timeout(200)
def test_subscribers_that_never_read(stage: Stage, report: Report) -> None:
    stage.start()
    calm = _beside(stage)
    _silent_subscribers(stage)
    figure = _check(_beside(stage), GROWN_BYTES, calm)
    report(f"{SUBSCRIBERS} subscribers that never read", figure)


@pytest.mark.timeout(200)
def test_control_a_publisher_that_waits_for_them_stops(stage: Stage, report: Report) -> None:
    stage.start("-c", WAITS_FOR_VIEWERS)
    calm = _beside(stage)
    _silent_subscribers(stage)
    beside = _beside(stage)
    with pytest.raises(AssertionError):
        _check(beside, GROWN_BYTES, calm)
    report("  control: no picture is ever dropped", f"{beside.got} pictures for who reads")


class SilentClient:
    """Asks again and again while it is entered, and reads no answer."""

    def __init__(self, collector: CollectorProcess) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.RCVHWM, 1)
        self._socket.setsockopt(zmq.RCVBUF, 4096)
        self._socket.connect(parse_address(collector.address).control)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self.asked = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()
        self._context.destroy(linger=0)

    def _ask(self) -> None:
        params = {"sql": HEAVY, "limit": 5000}
        while not self._ending.wait(1 / QUERIES_PER_S):
            self.asked += 1
            self._socket.send(encode_request(Request(self.asked, "query", params)))


@pytest.mark.timeout(200)
def test_a_client_that_asks_and_never_reads(stage: Stage, report: Report) -> None:
    collector = stage.start()
    calm = _beside(stage)
    with SilentClient(collector) as client:
        beside = _beside(stage)
        assert collector.query("SELECT 1 AS one") == [{"one": 1}]
    figure = _check(beside, ANSWERS_BYTES, calm, QUERIES_P99_MS)
    report(f"{client.asked} queries of 2 MB, {QUERIES_PER_S}/s, nobody reads the answers", figure)


@pytest.mark.timeout(200)
def test_control_answers_without_bound_fill_memory(stage: Stage, report: Report) -> None:
    collector = stage.start("-c", KEEPS_EVERY_ANSWER)
    with SilentClient(collector):
        beside = _beside(stage)
    assert beside.grown_bytes > ANSWERS_BYTES
    grown = beside.grown_bytes >> 20
    report("  control: every answer waits for its reader", f"collector +{grown} MiB in {SECONDS} s")
