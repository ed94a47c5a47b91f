"""Who is beside a hostile peer: services that behave, a probe, an eye on memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import zmq

from llmmon.protocol.wire import Message, decode_message
from support import rawzmtp
from support.collector import CollectorProcess, eventually
from support.frames import batch_frames

TESTS = Path(__file__).parents[1]

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


def pid_of(collector: CollectorProcess) -> int:
    """Its process."""
    assert collector.process is not None
    return collector.process.pid


def ingest_of(collector: CollectorProcess) -> dict[str, Any]:
    """The ledger in ``llmmon status --json``."""
    told: dict[str, Any] = json.loads(collector.client("status", "--json"))
    ingest: dict[str, Any] = told["collector"]["ingest"]
    return ingest


def restart_with(collector: CollectorProcess, script: str) -> subprocess.Popen[bytes]:
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
