"""No collector for long: recording never waits, what fits is kept, what does not is counted."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.collector import CollectorProcess, eventually
from support.report import Report

AWAY_S = 60
CONTROL_S = 10
EVENTS_PER_S = 3000
SMALL_SPOOL = 4 << 20
DEFAULT_SPOOL = 256 << 20
MEMORY_BYTES = 32 << 20
"""What batches may take in memory, as the agent promises."""
OVERHEAD_BYTES = 48 << 20
"""What Python adds to that: rows that wait, and memory that it does not give back."""
P999_MS = 10.0
MAX_MS = 1000.0

SERVICE = """
import gc, json, logging, os, sys, time
from array import array
import llmmon
seconds, rate, fat = float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
llmmon.init(flush_interval_s=0.05, environment="faults")
log = llmmon.get_logger("away", stream=open(os.devnull, "w"))
llmmon.record("chat", model="m", user_id="first")
assert llmmon.flush(timeout_s=30).pending == 0
print("there", flush=True)
sys.stdin.readline()

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

text, user = "x" * 600, "u" * min(fat, 200)
sent = {"requests": 1, "logs": 0, "spans": 0}
took, tick, most = array("d"), 0, 0
before = resident()
start = time.perf_counter()
while (now := time.perf_counter()) < start + seconds:
    if (now - start) * 100 < tick:
        time.sleep(0.001)
        continue
    tick += 1
    if tick % 100 == 0:
        most = max(most, resident())
    for i in range(rate // 150):
        n = sent["requests"] = sent["requests"] + 1
        begin = time.perf_counter()
        llmmon.record("chat", model="m", latency_ms=1.0, input_tokens=n, user_id=f"{user}{n}",
                      tags={"text": text[:fat]} if fat else None)
        took.append(time.perf_counter() - begin)
    with llmmon.track("chat", model="m") as request:
        sent["requests"] += 1
        for i in range(rate // 600):
            with request.span("step"):
                sent["spans"] += 1
    for i in range(rate // 600):
        sent["logs"] += 1
        log.info(text, n=i)
buffered = llmmon.stats()
print(json.dumps({"spooled": buffered.spooled, "connected": buffered.connected}), flush=True)
sys.stdin.readline()
llmmon.flush(timeout_s=100)
stats = llmmon.stats()
took = sorted(took)
print(json.dumps({
    "sent": sent, "emitted": stats.emitted, "acknowledged": stats.acknowledged,
    "lost": dict(stats.lost), "buffered": stats.buffered, "grown_bytes": most - before,
    "p999_ms": 1e3 * took[len(took) * 999 // 1000], "max_ms": 1e3 * took[-1],
}), flush=True)
"""

KEEPS_LITTLE = """
from llmmon.delivery.delivery import Delivery
Delivery.__init__.__defaults__ = (64, 1 << 18)
"""

DOES_NOT_COUNT = """
from llmmon.delivery.delivery import Delivery
Delivery._count_lost = lambda self, events, reason: None
"""


class Load(NamedTuple):
    """A service, and what it may keep."""

    name: str
    fat: int = 0
    """Bytes that each request has more than usual."""
    spool: str = str(DEFAULT_SPOOL)
    """Bytes, or ``off``."""
    sabotage: str = ""


class Ended(NamedTuple):
    """What a service counted itself, and what the collector has of it."""

    told: dict[str, Any]
    ledger: dict[str, Any]
    stored: dict[str, int]
    spool_bytes: int
    """The most that was seen on disk."""

    @property
    def lost(self) -> int:
        return sum(self.told["lost"].values())

    @property
    def missing(self) -> dict[str, int]:
        """Events sent and not stored, by kind."""
        return {kind: count - self.stored[kind] for kind, count in self.told["sent"].items()}


class Stage:
    """A collector and services that lose sight of it together."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.collector = CollectorProcess(directory)
        self._running: dict[str, subprocess.Popen[str]] = {}

    def run(self, away_s: float, *loads: Load) -> dict[str, Ended]:
        """Everything by name, after ``away_s`` without a collector."""
        self.collector.start()
        for load in loads:
            self._start(load, away_s)
        for name in self._running:
            assert self._line(name) == "there"
        self.collector.kill()
        self._tell("begin")
        most = self._watch(away_s, [load.name for load in loads])
        away = {name: json.loads(self._line(name)) for name in self._running}
        assert not any(row["connected"] for row in away.values())
        self.collector.start()
        self._tell("come back")
        told = {name: json.loads(self._line(name)) for name in self._running}
        for process in self._running.values():
            process.communicate(timeout=60)
        rows: dict[str, Any] = {}

        def parted() -> bool:
            status = json.loads(self.collector.client("status", "--json"))["collector"]
            rows.update({row["service"]: row for row in status["agents"]})
            return all(row["state"] == "ended" for row in rows.values())

        eventually(parted, 30, f"agents have not ended: {rows}")
        return {
            name: Ended(told[name], rows[name], self._stored(name), most[name])
            for name in self._running
        }

    def _start(self, load: Load, away_s: float) -> None:
        own = {
            "LLMMON_SERVICE": load.name,
            "LLMMON_ENDPOINT": self.collector.address,
            "LLMMON_SPOOL_DIR": "off" if load.spool == "off" else str(self._spool(load.name)),
        }
        if load.spool != "off":
            own["LLMMON_SPOOL_MAX_BYTES"] = load.spool
        script = load.sabotage + SERVICE
        command = [sys.executable, "-c", script, str(away_s), str(EVENTS_PER_S), str(load.fat)]
        self._running[load.name] = subprocess.Popen(
            command,
            env={**os.environ, **own},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def _spool(self, name: str) -> Path:
        return self.directory / f"spool-{name}"

    def _line(self, name: str) -> str:
        output = self._running[name].stdout
        assert output is not None
        line = output.readline().strip()
        assert line, f"{name} has ended"
        return line

    def _tell(self, word: str) -> None:
        for process in self._running.values():
            assert process.stdin is not None
            process.stdin.write(f"{word}\n")
            process.stdin.flush()

    def _watch(self, away_s: float, names: list[str]) -> dict[str, int]:
        most = dict.fromkeys(names, 0)
        until_s = time.monotonic() + away_s
        while time.monotonic() < until_s:
            time.sleep(0.5)
            for name in names:
                most[name] = max(most[name], _bytes_in(self._spool(name)))
        return most

    def _stored(self, name: str) -> dict[str, int]:
        (row,) = self.collector.query(
            " UNION ALL ".join(
                f"SELECT '{kind}' AS kind, count(*) AS n FROM {kind} WHERE service = '{name}'"
                for kind in ("requests", "logs", "spans")
            ).join(("SELECT map(list(kind), list(n)) AS counts FROM (", ")"))
        )
        counts: dict[str, int] = row["counts"]
        return counts

    def close(self) -> None:
        for process in self._running.values():
            process.kill()
            process.communicate()
        self.collector.close()


def _bytes_in(directory: Path) -> int:
    total = 0
    for path in directory.glob("*/*/*"):
        try:
            total += path.stat().st_size
        except OSError:
            continue
    return total


@pytest.fixture
def stage() -> Iterator[Stage]:
    directory = Path(tempfile.mkdtemp(prefix="llmmon-"))
    stage = Stage(directory)
    yield stage
    stage.close()
    shutil.rmtree(directory)


def _check_books(ended: Ended) -> None:
    """Agent, ledger and store agree to the event."""
    told, ledger = ended.told, ended.ledger
    assert told["buffered"] == ledger["in_flight"] == 0
    assert told["emitted"] == sum(told["sent"].values()) == ledger["emitted"]
    assert told["acknowledged"] == ledger["stored"] == sum(ended.stored.values())
    assert told["lost"] == ledger["lost"]
    assert ended.lost == sum(ended.missing.values())


def _check_bounds(ended: Ended, spool_bytes: int) -> str:
    """Nobody waited, memory and disk stayed within bounds."""
    told = ended.told
    assert told["p999_ms"] < P999_MS
    assert told["max_ms"] < MAX_MS
    assert told["grown_bytes"] < MEMORY_BYTES + OVERHEAD_BYTES
    assert ended.spool_bytes <= spool_bytes
    return (
        f"record() p99.9 {told['p999_ms']:.2f} ms, max {told['max_ms']:.0f} ms; "
        f"memory +{told['grown_bytes'] >> 20} MiB, spool {ended.spool_bytes / 2**20:.1f} MiB"
    )


@pytest.mark.timeout(400)
def test_a_minute_without_a_collector(stage: Stage, report: Report) -> None:
    fits, logs_go, requests_go = loads = (
        Load("fits"),
        Load("logs-go", spool=str(SMALL_SPOOL)),
        Load("requests-go", fat=600, spool=str(SMALL_SPOOL)),
    )
    ended = stage.run(AWAY_S, *loads)
    for load in loads:
        _check_books(ended[load.name])
    what = f"collector away {AWAY_S} s, {EVENTS_PER_S} events/s"
    one = ended[fits.name]
    assert one.lost == 0
    figure = _check_bounds(one, DEFAULT_SPOOL)
    report(what, f"{one.told['emitted']} events, all delivered after; {figure}")

    one = ended[logs_go.name]
    figure = _check_bounds(one, SMALL_SPOOL)
    assert one.missing["logs"] > 0
    assert one.missing["requests"] == 0
    report(f"  with {SMALL_SPOOL >> 20} MiB of spool", f"{_shares(one)}, counted exactly; {figure}")

    one = ended[requests_go.name]
    figure = _check_bounds(one, SMALL_SPOOL)
    assert one.missing["requests"] > 0
    assert one.missing["logs"] / one.told["sent"]["logs"] > 0.9
    assert one.missing["spans"] / one.told["sent"]["spans"] > 0.9
    report("  and fat requests beyond memory", f"{_shares(one)}, counted exactly; {figure}")


def _shares(ended: Ended) -> str:
    sent = ended.told["sent"]
    shares = (f"{ended.missing[kind]} of {sent[kind]} {kind}" for kind in ended.missing)
    return f"lost {', '.join(shares)}"


@pytest.mark.timeout(200)
def test_control_little_memory_and_no_spool_lose(stage: Stage, report: Report) -> None:
    (ended,) = stage.run(CONTROL_S, Load("little", spool="off", sabotage=KEEPS_LITTLE)).values()
    _check_books(ended)
    assert ended.lost > 0
    report("  control: no spool, 256 KiB of memory", f"{ended.lost} lost, counted exactly")


@pytest.mark.timeout(200)
def test_control_losses_that_are_not_counted_are_seen(stage: Stage, report: Report) -> None:
    sabotage = KEEPS_LITTLE + DOES_NOT_COUNT
    (ended,) = stage.run(CONTROL_S, Load("silent", spool="off", sabotage=sabotage)).values()
    with pytest.raises(AssertionError):
        _check_books(ended)
    missing = sum(ended.missing.values())
    assert missing > ended.lost
    report("  control: losses are not counted", f"{missing - ended.lost} missing unexplained")
