"""The terminal UI over SSH on a line of 64 kbit/s: keys act at once, nothing is out of date."""

from __future__ import annotations

import math
import re
import statistics
import time
from collections.abc import Sequence
from datetime import datetime

import pytest
from support.bystanders import Children
from support.collector import CollectorProcess
from support.line import Line
from support.report import Report

pytestmark = pytest.mark.timeout(400)
TRAFFIC = """
import random, sys, time
import llmmon
llmmon.init(service="busy", environment="faults", endpoint=sys.argv[1], flush_interval_s=0.05)
print("there", flush=True)
while True:
    for _ in range(4):
        number = random.randrange(24)
        llmmon.record("chat" if number % 3 else "judge", provider=f"provider-{number % 5}",
                      model=f"model-{number:02d}", latency_ms=random.lognormvariate(6.5, 0.6),
                      input_tokens=random.randrange(4000), output_tokens=random.randrange(800),
                      error="RateLimitError" if random.random() < 0.03 else None)
    time.sleep(0.1)
"""
EAGER = """
from llmmon_tui import flow
flow.Flow.room = lambda *arguments, **options: float("inf")
from llmmon_tui import mirror
mirror.Mirror.want = lambda self, frame, first=False, want=mirror.Mirror.want: (
    self.forget(), want(self, frame, first))
from llmmon_tui.cli import main
main()
"""
"""Writes the whole screen at each frame, however much of it is still under way."""
MINUTE_S = 60.0
ROUNDS = 10
LIMIT_S = 0.4
BETWEEN_S = 0.7
SETTLED_S = 2.5
WATCHED_S = 10.0
HELP = "search the keys"
HOME = b"\x1b[H"
CLOCK = re.compile(r"\d\d:\d\d:\d\d")


@pytest.fixture
def busy(collector: CollectorProcess, children: Children) -> CollectorProcess:
    """A collector with forty requests a second of 24 models."""
    traffic = children.start("-c", TRAFFIC, collector.address)
    assert traffic.stdout is not None
    assert traffic.stdout.readline().strip() == "there"
    return collector


def opened(collector: CollectorProcess, size: tuple[int, int], **line: float) -> Line:
    return Line(["-m", "llmmon_tui", "--connect", collector.address], size, **line)


def marked(line: Line) -> str:
    """The row under the cursor, by its name: rows move."""
    return "".join(text[:14] for text in line.lines if text.startswith("▸"))


def is_at_end(line: Line) -> bool:
    """Whether no row follows that under the cursor, or none is marked."""
    pairs = zip(line.lines, line.lines[1:], strict=False)
    return any(text.startswith("▸") and not after.startswith("   ") for text, after in pairs)


def move(line: Line) -> float:
    """Seconds until the cursor is on another row."""
    before = marked(line)
    key = HOME if is_at_end(line) else b"j"
    return line.press(key, lambda line: marked(line) not in {before, ""})


def keys(line: Line) -> dict[str, list[float]]:
    """Seconds from each key to what it does, many times."""
    taken_s: dict[str, list[float]] = {"pause": [], "help": [], "cursor down": []}
    for _ in range(ROUNDS):
        for state in ("PAUSED", "LIVE"):
            taken_s["pause"].append(line.press(b" ", lambda line, s=state: s in line.lines[0]))
            line.run(BETWEEN_S)
        taken_s["help"].append(line.press(b"?", lambda line: HELP in line.text))
        line.run(BETWEEN_S)
        line.press(b"\x1b", lambda line: HELP not in line.text)
        line.run(SETTLED_S)
        for _ in range(2):
            taken_s["cursor down"].append(move(line))
            line.run(BETWEEN_S)
    return taken_s


def oldest_s(line: Line, seconds: float) -> float:
    """How old the newest frame at the far end gets, by its clock, watching for so long."""
    until_s, oldest = time.monotonic() + seconds, 0.0
    while time.monotonic() < until_s:
        line.run(0.05)
        shown = CLOCK.findall(line.lines[0])
        assert shown, line.lines[0]
        now = datetime.now()
        told = datetime.combine(now, datetime.strptime(shown[-1], "%H:%M:%S").time())
        # the clock counts whole seconds: what it shows is true until the next
        oldest = max(oldest, (now - told).total_seconds() - 1.0)
    return oldest


def worst(taken_s: Sequence[float]) -> float:
    """Their 99th percentile."""
    return sorted(taken_s)[min(len(taken_s) - 1, math.ceil(len(taken_s) * 0.99) - 1)]


def told(taken_s: dict[str, list[float]]) -> str:
    return "; ".join(
        f"{key} {statistics.median(some) * 1e3:.0f} ms, p99 {worst(some) * 1e3:.0f} ms"
        for key, some in taken_s.items()
    )


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
def test_keys_act_at_once_and_nothing_piles_up(
    busy: CollectorProcess, report: Report, size: tuple[int, int]
) -> None:
    with opened(busy, size) as line:
        first_s = line.until(lambda line: "LIVE" in line.text)
        line.run(MINUTE_S)
        received = line.received
        age_s = oldest_s(line, WATCHED_S)
        used = (line.received - received) / WATCHED_S
        taken_s = keys(line)
    name = f"a line of 64 kbit/s with 150 ms there and back, {size[0]}x{size[1]}"
    report(name, f"{told(taken_s)}; {used:.0f} B/s; frame {age_s:.1f} s old; first {first_s:.1f} s")
    assert age_s < 1.0
    for some in taken_s.values():
        assert statistics.median(some) < LIMIT_S
        assert worst(some) < LIMIT_S


def test_twice_the_delay_is_all_that_twice_the_delay_costs(
    busy: CollectorProcess, report: Report
) -> None:
    with opened(busy, (120, 40), one_way_s=0.15) as line:
        line.until(lambda line: "LIVE" in line.text)
        line.run(SETTLED_S)
        age_s = oldest_s(line, WATCHED_S)
        taken_s = keys(line)
    report("the same with 300 ms there and back, 120x40", f"{told(taken_s)}; {age_s:.1f} s old")
    assert age_s < 1.0
    for some in taken_s.values():
        assert statistics.median(some) < LIMIT_S + 0.15


def test_control_without_a_limit_keys_wait_for_all_that_was_written(busy: CollectorProcess) -> None:
    command = ["-c", EAGER, "--connect", busy.address]
    with Line(command, (120, 40)) as line:
        line.until(lambda line: "LIVE" in line.text)
        line.run(SETTLED_S)
        assert line.press(b" ", lambda line: "PAUSED" in line.lines[0]) > LIMIT_S
