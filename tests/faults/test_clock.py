"""Clocks are set by an hour, an agent's and the collector's: the numbers and the alerts stand."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.collector import CollectorProcess, eventually
from support.report import Report

STEP_S = 3700
HOLD_S = 4.0
PER_S = 100
BETWEEN = 2 * PER_S
"""Requests that may be on their way or in hand while a clock is set: they are between two times."""
AGENTS = ("steady", "stepped")

CONFIG = """
[collector]
retention = "1h"
lateness = "1m"

[[rule]]
name = "errors"
value = "error_rate"
by = ["service"]
window = "5m"
warning = { above = 0.1 }
keep_firing_for = "0s"

[[rule]]
name = "far_too_many"
value = "requests"
by = ["service"]
window = "5m"
warning = { above = 1000000 }

[[rule]]
name = "all_gone"
value = "requests"
by = ["service"]
window = "5m"
warning = { below = 1 }
"""

SET_BY = """
import mmap, time
real_ns = time.time_ns
with open({path!r}, "r+b") as file:
    offset = mmap.mmap(file.fileno(), 8)
def set_ns():
    return real_ns() + int.from_bytes(offset[:8], "little", signed=True)
"""

SERVICE = """
time.time_ns = set_ns
import sys, threading
import llmmon
llmmon.init(service={name!r}, environment="faults", flush_interval_s=0.1)
ending = threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), ending.set()), daemon=True).start()
sent = 0
while not ending.wait(0.1):
    for _ in range({per_s} // 10):
        sent += 1
        llmmon.record("chat", model="m", latency_ms=5.0, error="timeout" if sent % 5 == 0 else None)
llmmon.flush(timeout_s=30)
print(sent, sum(llmmon.stats().lost.values()), flush=True)
"""

COLLECTOR = """
from llmmon_collector.clock import SystemClock
from llmmon_collector.main import main
SystemClock.wall_ns = lambda self: set_ns()
"""

BELIEVES_AGENTS = """
from llmmon_collector.intake.ledger import Ledger
Ledger.skew_ns = lambda self, header, wall_ns, mono_ns: 0
"""

DOES_NOT_FOLLOW = """
from llmmon_collector.steps import FollowedClock
FollowedClock.wall_ns = lambda self: set_ns()
"""


class Stage:
    """A collector and two agents; one clock can be set, the others are right."""

    def __init__(self, directory: Path, clock: str, sabotage: str = "") -> None:
        """``clock``: whose can be set, ``collector`` or an agent's name."""
        self.directory = directory
        self.clock = clock
        for name in ("collector", *AGENTS):
            (directory / name).write_bytes(bytes(8))
        script = self._set_by("collector") + COLLECTOR + sabotage + "main()\n"
        self.collector = CollectorProcess(directory, CONFIG, ["-c", script])
        self.collector.start()
        self.agents: dict[str, subprocess.Popen[str]] = {}
        self.snapshots: list[dict[str, Any]] = []
        self.problems: set[str] = set()
        self.skews_s: dict[str, set[int]] = {name: set() for name in AGENTS}
        for name in AGENTS:
            self._start(name)

    def _set_by(self, name: str) -> str:
        return SET_BY.format(path=str(self.directory / name))

    def _start(self, name: str) -> None:
        environment = {
            **os.environ,
            "LLMMON_ENDPOINT": self.collector.address,
            "LLMMON_SPOOL_DIR": str(self.directory / "spool"),
        }
        script = self._set_by(name) + SERVICE.format(name=name, per_s=PER_S)
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.agents[name] = subprocess.Popen(
            [sys.executable, "-c", script], env=environment, text=True, **pipes
        )

    def set_clock(self, seconds: int) -> None:
        with (self.directory / self.clock).open("r+b") as file:
            file.write(struct.pack("<q", seconds * 10**9))

    def look(self) -> None:
        """Note what people would see now."""
        self.snapshots.append(self.collector.snapshot("--by", "service"))
        status = json.loads(self.collector.client("status", "--json"))["collector"]
        self.problems |= set(status["problems"])
        for row in status["agents"]:
            if row["service"]:  # nothing of it has come yet
                self.skews_s[row["service"]].add(round(row["clock_ahead_s"]))

    def firing(self) -> set[tuple[str, str]]:
        """Rule and service of what fires, as last seen."""
        alerts = self.snapshots[-1]["alerts"]
        return {
            (alert["rule"], alert["labels"]["service"])
            for alert in alerts
            if alert["state"] == "firing" and alert["labels"].get("service") in AGENTS
        }

    def run(self) -> dict[str, int]:
        """Set the clock forward, right, back and right again; what each agent has sent."""

        def both_fire() -> bool:
            self.look()
            return self.firing() == {("errors", name) for name in AGENTS}

        eventually(both_fire, 60, "the alerts do not fire")
        self.snapshots.clear()
        for seconds in (STEP_S, 0, -STEP_S, 0):
            self.set_clock(seconds)
            until_s = time.monotonic() + HOLD_S
            while time.monotonic() < until_s:
                self.look()
        sent = {}
        for name, process in self.agents.items():
            sent[name], lost = map(int, process.communicate("\n", 60)[0].split())
            assert lost == 0
        time.sleep(1.5)
        self.look()
        return sent

    def counts(self, name: str) -> list[int]:
        """Requests of an agent in five minutes, in every snapshot."""
        return [requests_of(snapshot, name) for snapshot in self.snapshots]

    def changes(self) -> list[dict[str, Any]]:
        """Everything that the alerts of the two agents did."""
        return self.collector.query(
            "SELECT rule, state FROM alerts WHERE state != 'pending' "
            f"AND labels::JSON->>'service' IN {AGENTS}"
        )

    def stored(self) -> dict[str, int]:
        rows = self.collector.query("SELECT service, count(*) AS n FROM requests GROUP BY service")
        return {row["service"]: row["n"] for row in rows}

    def close(self) -> None:
        for process in self.agents.values():
            process.kill()
            process.communicate()
        self.collector.close()


def requests_of(snapshot: dict[str, Any], name: str) -> int:
    """Requests of a service in the window of five minutes."""
    return sum(row["requests"] for row in snapshot["series"] if row["service"] == name)


@pytest.fixture
def stage() -> Iterator[Callable[..., Stage]]:
    directory = Path(tempfile.mkdtemp(prefix="llmmon-"))
    made: list[Stage] = []

    def make(*settings: str) -> Stage:
        made.append(Stage(directory, *settings))
        return made[-1]

    yield make
    for one in made:
        one.close()
    shutil.rmtree(directory)


def check(stage: Stage, sent: dict[str, int]) -> None:
    """The windows hold what was sent, alerts stood, and everything is stored."""
    for name in AGENTS:
        counts = stage.counts(name)
        assert counts == sorted(counts), name
        between = BETWEEN if stage.clock in (name, "collector") else 0
        assert sent[name] - between <= counts[-1] <= sent[name], name
    fired = [(change["rule"], change["state"]) for change in stage.changes()]
    assert fired == [("errors", "firing")] * len(AGENTS)
    assert stage.stored() == sent


@pytest.mark.timeout(200)
def test_an_agents_clock_is_set(stage: Callable[..., Stage], report: Report) -> None:
    one = stage("stepped")
    sent = one.run()
    check(one, sent)
    assert {-STEP_S, 0, STEP_S} <= one.skews_s["stepped"]
    assert one.skews_s["steady"] == {0}
    assert any("clocks differ" in told and "stepped@" in told for told in one.problems)
    missing = sent["stepped"] - one.counts("stepped")[-1]
    report(
        f"an agent's clock set by +{STEP_S} s and -{STEP_S} s",
        f"windows of {sum(sent.values())} requests right but for {missing} of that agent in "
        "between, no alert changed, skew shown",
    )


@pytest.mark.timeout(200)
def test_the_collectors_clock_is_set(stage: Callable[..., Stage], report: Report) -> None:
    one = stage("collector")
    sent = one.run()
    check(one, sent)
    assert any("set forward by 3,700 s" in told for told in one.problems)
    assert any("set back by 3,700 s" in told for told in one.problems)
    missing = sum(sent[name] - one.counts(name)[-1] for name in AGENTS)
    report(
        f"the collector's clock set by +{STEP_S} s and -{STEP_S} s",
        f"windows of {sum(sent.values())} requests right but for {missing} in hand, no alert "
        "changed, nothing forgotten",
    )


@pytest.mark.timeout(200)
def test_control_an_agent_that_is_believed_vanishes(
    stage: Callable[..., Stage], report: Report
) -> None:
    one = stage("stepped", BELIEVES_AGENTS)
    sent = one.run()
    missing = sent["stepped"] - one.counts("stepped")[-1]
    assert missing > BETWEEN
    report("  control: its times are believed", f"{missing} of {sent['stepped']} not in windows")


@pytest.mark.timeout(200)
def test_control_windows_that_do_not_move_along_are_wrong(
    stage: Callable[..., Stage], report: Report
) -> None:
    one = stage("collector", DOES_NOT_FOLLOW)
    sent = one.run()
    with pytest.raises(AssertionError):
        check(one, sent)
    changes = len(one.changes()) - len(AGENTS)
    worst = min(one.counts("steady"))
    report("  control: windows stay where they were", f"down to {worst}, {changes} false changes")
