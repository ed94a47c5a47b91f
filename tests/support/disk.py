"""A collector whose state is on a small disk of its own, and an agent that sends again."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import zmq

from llmmon.protocol.endpoint import parse_address
from llmmon.protocol.wire import Message, decode_message
from support.collector import CollectorProcess
from support.frames import AGENT, batch_frames, plain_frames
from support.keys import free_tcp

DISK_MIB = 48
EVENTS = 256
RESEND_S = 0.2
START_NS = time.time_ns()
NO_WATERMARK = "[collector]\nmin_free_bytes = 0\n"
SUMS = "SELECT count(*) AS n, count(DISTINCT id) AS ids, sum(input_tokens) AS i FROM requests"


class Agent:
    """Sends batches, and again what is not acknowledged."""

    def __init__(self, collector: CollectorProcess) -> None:
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.linger = 0
        self._socket.connect(parse_address(collector.address).ingest)
        self._socket.send_multipart(plain_frames(Message.HELLO))
        self.sent = 0
        self.acknowledged = 0
        self._resent_s = time.monotonic()

    def push(self, batches: int) -> None:
        """So many new batches."""
        for _ in range(batches):
            self.sent += 1
            self._send(self.sent)

    def hear(self, for_s: float) -> None:
        """Take acknowledgements for so long, and send again what has none."""
        until_s = time.monotonic() + for_s
        while (left_s := until_s - time.monotonic()) > 0 and self.acknowledged < self.sent:
            if self._socket.poll(int(1000 * min(left_s, RESEND_S)) + 1):
                envelope = decode_message(self._socket.recv_multipart())
                if envelope.message is Message.ACK:
                    self.acknowledged = max(self.acknowledged, envelope.header.seq)
            if time.monotonic() - self._resent_s > RESEND_S:
                self._resent_s = time.monotonic()
                for seq in range(self.acknowledged + 1, min(self.acknowledged + 33, self.sent + 1)):
                    self._send(seq)

    def settle(self, within_s: float = 30.0) -> None:
        """All that was sent is acknowledged."""
        self.hear(within_s)
        assert self.acknowledged == self.sent

    def _send(self, seq: int) -> None:
        first = (seq - 1) * EVENTS
        rows = [
            {
                "counter": first + i,
                "start_ns": START_NS,
                "latency_ms": 5.0,
                "input_tokens": first + i,
            }
            for i in range(EVENTS)
        ]
        base_seq = min(seq, self.acknowledged + 1)
        frames = batch_frames(seq, rows, first_event=first, base_seq=base_seq, agent=AGENT)
        self._socket.send_multipart(frames)

    def close(self) -> None:
        self._context.destroy(linger=0)


class Rig:
    """A collector whose state is on a small disk of its own."""

    def __init__(self, directory: Path) -> None:
        """Mount the disk.

        Raises:
            RuntimeError: that needs root.
        """
        self.directory = directory
        self.http = free_tcp().text.removeprefix("tcp://")
        self.state = directory / "state"
        self.state.mkdir(mode=0o700)
        self.flag = directory / "read-only"
        self._ballast = self.state / "ballast"
        self._collectors: list[CollectorProcess] = []
        self._agents: list[Agent] = []
        options = f"size={DISK_MIB}m,mode=0700"
        self._mount("-t", "tmpfs", "-o", options, "tmpfs", str(self.state))

    def collector(self, script: str = "", config: str = NO_WATERMARK) -> CollectorProcess:
        """One that runs, sabotaged by ``script``."""
        program: Sequence[str] = ("-c", script) if script else ("-m", "llmmon_collector")
        collector = CollectorProcess(self.directory, config, program)
        self._collectors.append(collector)
        collector.start(http=self.http)
        return collector

    def agent(self, collector: CollectorProcess) -> Agent:
        agent = Agent(collector)
        self._agents.append(agent)
        return agent

    def fill(self, leave_bytes: int) -> None:
        """Something else takes the disk."""
        free = shutil.disk_usage(self.state).free
        with self._ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, free - leave_bytes)

    def fill_up(self) -> None:
        """Whatever had become free is taken too."""
        with self._ballast.open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                return

    def empty(self) -> None:
        self._ballast.unlink()

    def read_only_start(self) -> subprocess.CompletedProcess[str]:
        """A start where the state is on a disk that is mounted read-only."""
        self._mount("-o", "remount,ro", str(self.state))
        collector = CollectorProcess(self.directory)
        self._collectors.append(collector)
        command = [
            sys.executable,
            "-m",
            "llmmon_collector",
            "--config",
            collector.config,
            "--http",
            "",
        ]
        command += ["--listen", collector.address, "--state", self.state]
        return subprocess.run(
            [str(word) for word in command], capture_output=True, text=True, timeout=60, check=False
        )

    def close(self) -> None:
        for agent in self._agents:
            agent.close()
        for collector in self._collectors:
            collector.close()
        subprocess.run(["umount", str(self.state)], check=True)

    def ready(self) -> tuple[int, str]:
        """Status and text of ``/readyz``."""
        connection = http.client.HTTPConnection(self.http, timeout=5)
        with contextlib.closing(connection):
            connection.request("GET", "/readyz")
            response = connection.getresponse()
            return response.status, response.read().decode()

    def _mount(self, *arguments: str) -> None:
        done = subprocess.run(["mount", *arguments], check=False, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"mount: {done.stderr.strip()}; a disk of its own needs root")


def problems(collector: CollectorProcess) -> str:
    return " ".join(json.loads(collector.client("status", "--json"))["problems"])


def exactly(sent: int) -> list[dict[str, Any]]:
    events = sent * EVENTS
    return [{"n": events, "ids": events, "i": events * (events - 1) // 2}]
