"""Services that lose sight of their collector together, and what they counted meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from support.collector import CollectorProcess, eventually

EVENTS_PER_S = 3000
DEFAULT_SPOOL = 256 << 20

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
        log.info(f"{text}{sent['logs']}", n=i)
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
