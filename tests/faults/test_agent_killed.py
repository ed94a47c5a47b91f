"""Services are killed under load: what is lost is what was in memory alone, nothing repeats."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import struct
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

AT_ONCE = 5
ROUNDS = 4
KILLS = AT_ONCE * ROUNDS
EVENTS_PER_S = 1000
SPILL_S = 2.0
"""What the agent promises: nothing is longer in memory alone, once it was sealed."""
BUSY_S = 3.0
"""What a busy machine may add to that, of time in which threads do not run."""

SERVICE = """
import mmap, sys, time
import llmmon
name, path, rate = sys.argv[1], sys.argv[2], int(sys.argv[3])
with open(path, "w+b") as file:
    file.truncate(4096)
    page = mmap.mmap(file.fileno(), 4096)
llmmon.init(flush_interval_s=0.05)
n = 0
page[24:32] = time.time_ns().to_bytes(8, "little")
while True:
    for _ in range(rate // 100):
        n += 1
        llmmon.record("chat", model="m", latency_ms=1.0, input_tokens=n, user_id=name)
        page[:8] = n.to_bytes(8, "little")
    stats = llmmon.stats()
    page[8:16] = (stats.acknowledged + stats.spooled).to_bytes(8, "little")
    page[16:24] = time.time_ns().to_bytes(8, "little")
    time.sleep(0.01)
"""

ADOPTER = """
import sys
import llmmon
llmmon.init(flush_interval_s=0.05)
llmmon.record("chat", model="m", user_id="adopter")
llmmon.flush(timeout_s=60)
print("there", flush=True)
sys.stdin.readline()
"""


class Victim(NamedTuple):
    """A service that was killed, and what it knew."""

    name: str
    recorded: int
    safe: int
    """Events that were acknowledged or on disk."""
    alive_ns: int
    """When it last said so."""
    began_ns: int


class Stored(NamedTuple):
    """What the collector has of one service."""

    events: int
    different: int
    newest: int
    newest_ns: int


class Stage:
    """A collector, and services of one name that share a spool."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.spool = directory / "spool"
        self.collector = CollectorProcess(directory)
        self._started = 0
        self._running: list[subprocess.Popen[str]] = []
        self._random = random.Random(2)

    def environment(self, **more: str) -> dict[str, str]:
        own = {
            "LLMMON_SERVICE": "shop",
            "LLMMON_ENDPOINT": self.collector.address,
            "LLMMON_SPOOL_DIR": str(self.spool),
        }
        return {**os.environ, **own, **more}

    def _popen(self, script: str, *arguments: str, **more: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", script, *arguments],
            env=self.environment(**more),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._running.append(process)
        return process

    def kill_some(self, least_s: float, most_s: float, **more: str) -> list[Victim]:
        """Start services, and kill each so long after its first event."""
        began = {}
        for _ in range(AT_ONCE):
            self._started += 1
            name = f"p{self._started}"
            began[name] = self._popen(
                SERVICE, name, str(self._told(name)), str(EVENTS_PER_S), **more
            )
        eventually(lambda: all(self._read(name)[0] for name in began), 30, "nothing is recorded")
        rest_s = [least_s, *sorted(self._random.uniform(least_s, most_s) for _ in began)]
        victims = []
        for i, (name, process) in enumerate(began.items()):
            time.sleep(rest_s[i + 1] - rest_s[i] + (rest_s[0] if i == 0 else 0.0))
            process.send_signal(signal.SIGKILL)
            process.wait()
            victims.append(Victim(name, *self._read(name)))
        return victims

    def signal(self, number: int) -> None:
        """To the collector."""
        assert self.collector.process is not None
        self.collector.process.send_signal(number)

    def _told(self, name: str) -> Path:
        return self.directory / f"{name}.told"

    def _read(self, name: str) -> tuple[int, int, int, int]:
        told = self._told(name).read_bytes() if self._told(name).exists() else b""
        return struct.unpack_from("<4Q", told.ljust(32, b"\0"))

    def adopt(self, **more: str) -> None:
        """Let one more process of the service live until it has delivered what others left."""
        process = self._popen(ADOPTER, **more)
        assert process.stdout is not None
        assert process.stdout.readline() == "there\n"
        if not more:
            eventually(lambda: not self.orphans(), 60, f"not adopted: {self.orphans()}")
        process.communicate("\n", 60)

    def orphans(self) -> list[str]:
        """Spools that are left."""
        return [str(path) for path in self.spool.glob("*/*-*")]

    def stored(self) -> dict[str, Stored]:
        """What has come of each service."""
        rows = self.collector.query(
            "SELECT user_id, count(*) AS events, count(DISTINCT input_tokens) AS different, "
            "max(input_tokens) AS newest, max(start_ns) AS newest_ns "
            "FROM requests WHERE user_id != 'adopter' GROUP BY user_id"
        )
        return {row.pop("user_id"): Stored(**row) for row in rows}

    def agents(self) -> list[dict[str, Any]]:
        """The ledger's rows of agents that sent something."""
        status = json.loads(self.collector.client("status", "--json"))
        rows: list[dict[str, Any]] = status["collector"]["agents"]
        return [row for row in rows if row["stored"]]

    def close(self) -> None:
        for process in self._running:
            process.kill()
            process.communicate()
        self.collector.close()


@pytest.fixture
def stage() -> Iterator[Stage]:
    directory = Path(tempfile.mkdtemp(prefix="llmmon-"))
    stage = Stage(directory)
    yield stage
    stage.close()
    shutil.rmtree(directory)


NOTHING = Stored(0, 0, 0, 0)


def check(stage: Stage, victims: list[Victim]) -> list[int]:
    """What each kill lost; nothing of it was safe, and what came is all up to one event."""
    stored, lost = stage.stored(), []
    for victim in victims:
        came = stored.get(victim.name, NOTHING)
        assert came.events == came.different == came.newest, victim
        assert came.events >= victim.safe, victim
        lost.append(victim.recorded - came.events)
    # each was delivered under its own identity, those of the adopter aside
    per_agent = sorted(row["stored"] for row in stage.agents())
    for came in stored.values():
        per_agent.remove(came.events)
    assert set(per_agent) <= {1}
    return lost


def check_age(stage: Stage, victims: list[Victim]) -> float:
    """The oldest loss, in seconds before the kill: no more than what waits in memory."""
    stored = stage.stored()
    ages_s = [
        (victim.alive_ns - max(victim.began_ns, stored.get(victim.name, NOTHING).newest_ns)) / 1e9
        for victim in victims
    ]
    assert max(ages_s) < SPILL_S + BUSY_S
    return max(ages_s)


@pytest.mark.timeout(300)
def test_killed_while_the_collector_is_there(stage: Stage, report: Report) -> None:
    stage.collector.start()
    victims = [one for _ in range(ROUNDS) for one in stage.kill_some(0.3, 1.5)]
    stage.adopt()
    lost, age_s = check(stage, victims), check_age(stage, victims)
    recorded = sum(victim.recorded for victim in victims)
    report(
        f"agent SIGKILL x{KILLS} at {EVENTS_PER_S} events/s, collector there",
        f"{sum(lost)} of {recorded} lost, {max(lost)} at most by one kill, none older than "
        f"{age_s:.2f} s; 0 repeated",
    )


def _away(stage: Stage, rounds: int = ROUNDS, **more: str) -> list[Victim]:
    """Half of the kills with no collector, half with one that hangs while batches reach it."""
    victims = []
    for number in range(rounds):
        if number % 2:
            stage.collector.start()
            stage.signal(signal.SIGSTOP)
        victims += stage.kill_some(1.0, 6.0, **more)
        if number % 2:
            stage.signal(signal.SIGCONT)
            stage.collector.kill()
    stage.collector.start()
    return victims


@pytest.mark.timeout(300)
def test_killed_while_the_collector_is_away(stage: Stage, report: Report) -> None:
    victims = _away(stage)
    assert stage.orphans()
    stage.adopt()
    lost, age_s = check(stage, victims), check_age(stage, victims)
    recorded, safe = (sum(column) for column in list(zip(*victims, strict=True))[1:3])
    assert safe > recorded / 4
    report(
        f"the same, collector away or hung for {KILLS} kills",
        f"{sum(lost)} of {recorded} lost, {max(lost)} at most by one kill, none older than "
        f"{age_s:.2f} s; the spools were adopted, 0 repeated",
    )


@pytest.mark.timeout(300)
def test_killed_while_every_event_is_durable(stage: Stage, report: Report) -> None:
    victims = _away(stage, ROUNDS // 2, LLMMON_DURABLE="1")
    stage.adopt()
    lost = check(stage, victims)
    # the last may be on disk while its call has not returned
    assert set(lost) <= {0, -1}
    recorded = sum(victim.recorded for victim in victims)
    report(f"the same with durable=True, x{KILLS // 2}", f"{recorded} recorded, 0 lost, 0 repeated")


@pytest.mark.timeout(300)
def test_control_without_adoption_the_spool_is_missing(stage: Stage, report: Report) -> None:
    victims = stage.kill_some(3.0, 5.0)
    stage.collector.start()
    stage.adopt(LLMMON_SPOOL_DIR="off")
    with pytest.raises(AssertionError):
        check(stage, victims)
    safe = sum(victim.safe for victim in victims)
    stored = sum(came.events for came in stage.stored().values())
    assert stored < safe
    report("  control: nobody adopts the spools", f"{safe - stored} of {safe} on disk missing")
