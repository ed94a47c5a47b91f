"""The terminal UI as an operator has it: in a real terminal, with a real collector behind it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from support.collector import PYTHON, CollectorProcess, eventually
from support.pane import PATIENCE_S, Pane

CONFIG = """
[[rule]]
name = "any_request"
value = "requests"
window = "5m"
critical = { above = 50 }
"""
ROW = '{"provider": "acme", "model": "m-1", "operation": "chat", "latency_ms": 5}\n'
SERVICE = """
import llmmon, select, sys

llmmon.init(service="shop")
log = llmmon.get_logger("shop")
n = 0
while not select.select([sys.stdin], [], [], 0.005)[0]:
    n += 1
    llmmon.record(
        model=f"m-{n % 30}",
        provider="acme",
        route=f"/{n % 7}",
        latency_ms=50 + n * 37 % 4000,
        ttft_ms=20,
        input_tokens=800,
        output_tokens=n % 300,
        cost_usd=0.002,
        error="Timeout" if n % 50 == 0 else None,
        scores={"relevance": 0.4 + n % 50 / 100},
    )
    if n % 20 == 0:
        log.warning("slow answer", attempt=n)
"""
"""Records for as long as nobody closes its input."""
SIZES = ((200, 60), (120, 40), (100, 30), (80, 24), (40, 24))
STATE = re.compile(r" .*● LIVE  .*age \d+\.\ds  .*\d\d:\d\d:\d\d(  \? help)?")
"""The first row when nothing of it is cut off."""
PLACES = ("Overview", "Models", "Requests", "Cost", "Quality", "Alerts", "Health", "Logs")


@pytest.fixture
def busy(short_dir: Path) -> Iterator[CollectorProcess]:
    """A collector that has 60 requests, and a rule that 50 are too many."""
    collector = CollectorProcess(short_dir, CONFIG)
    collector.start()
    feed(collector, 60)
    yield collector
    collector.close()


def feed(collector: CollectorProcess, count: int) -> None:
    """Replay ``count`` requests."""
    trace = collector.directory / "trace.jsonl"
    trace.write_text(ROW * count)
    collector.client("replay", str(trace), "--speed", "max")


@contextmanager
def traffic(collector: CollectorProcess) -> Iterator[None]:
    """A service that records all the while."""
    environ = {**os.environ, "LLMMON_ENDPOINT": collector.address}
    with subprocess.Popen(
        [PYTHON, "-c", SERVICE], env=environ, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as service:
        try:
            yield
        finally:
            service.communicate(timeout=PATIENCE_S)
    assert service.returncode == 0


def test_started_before_the_collector(
    short_dir: Path, panes: Callable[..., Pane], unstarted: Callable[..., CollectorProcess]
) -> None:
    collector = unstarted(CONFIG)
    pane = panes(collector.address, 120, 40)
    pane.shows("○ CONNECTING", "no answer", "next try in")
    collector.start()
    pane.shows("● LIVE")
    feed(collector, 60)
    pane.shows("● LIVE", "m-1  acme", "any_request  60 > 50")


def test_lost_and_regained(busy: CollectorProcess, panes: Callable[..., Pane]) -> None:
    pane = panes(busy.address, 120, 40)
    pane.shows("● LIVE", "any_request  60 > 50", "m-1  acme")
    busy.kill()
    pane.shows("✖ RECONNECTING", "no answer", "next try in", "m-1  acme")
    pane.press("3")
    pane.shows("[3 Requests]", "✖ RECONNECTING")
    busy.start()
    pane.press("r")
    pane.shows("● LIVE")
    feed(busy, 5)
    pane.press("1")
    pane.shows("[1 Overview]", "● LIVE", "any_request  65 > 50", "m-1  acme")


def test_every_screen_at_every_size_while_traffic_flows(
    busy: CollectorProcess, panes: Callable[..., Pane]
) -> None:
    pane = panes(busy.address, 120, 40)
    pane.shows("● LIVE")
    with traffic(busy):
        for width, height in SIZES:
            pane.resize(width, height)
            for digit, title in enumerate(PLACES, 1):
                pane.press(str(digit))
                walked_to(pane, f"{digit} {title}", width)
    assert busy.snapshot()["total"]["requests"] > 100


def walked_to(pane: Pane, title: str, width: int) -> None:
    """Wait until a screen stands in its size, from the row of its state to the row of its keys."""
    is_side = width < 60 and title.startswith("1 ")

    def stands(text: str) -> bool:
        rows = text.split("\n")
        named = "newest first" in text if is_side else f"[{title}" in rows[2]
        return bool(STATE.fullmatch(rows[0])) and named and "q quit" in rows[-1]

    pane.waits(stands, f"{title} is not whole at {width} columns")


def test_ended_from_outside(busy: CollectorProcess, panes: Callable[..., Pane]) -> None:
    """A killed viewer harms nobody; that of a closed window is told so (SIGHUP, SIGCONT), and
    whatever it writes from then on fails: it ends and does not spin."""
    killed, closed = panes(busy.address, 120, 40), panes(busy.address, 80, 24)
    killed.shows("● LIVE")
    closed.shows("● LIVE")
    pid = closed.pid
    os.kill(killed.pid, signal.SIGKILL)
    closed.kill()
    eventually(lambda: not psutil.pid_exists(pid), PATIENCE_S, f"process {pid} lives on")
    feed(busy, 1)
    assert busy.snapshot()["total"]["requests"] == 61
