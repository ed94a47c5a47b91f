"""Two collectors watched as one: what is told is what one would have told that had seen all."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest
from support.collector import CollectorProcess

from llmmon.protocol.endpoint import parse_address
from llmmon.protocol.snapshot import Snapshot
from llmmon_tui.feed import Arrived, News
from llmmon_tui.fleet.collector import Target
from llmmon_tui.fleet.connection import FleetConnection

SERVICE = """
import json, sys
import llmmon
llmmon.init(service=sys.argv[3], environment="test", endpoint=sys.argv[1])
for latency_ms in json.loads(sys.argv[2]):
    llmmon.record("chat", latency_ms=latency_ms, model="gpt-4o", provider="openai",
                  input_tokens=100, output_tokens=10)
print(llmmon.flush(timeout_s=30).pending)
"""
FAST = [20.0 + i for i in range(90)]
SLOW = [4000.0 + 10 * i for i in range(10)]
LIMIT_S = 30.0


@pytest.fixture
def collectors(short_dir: Path) -> Iterator[list[CollectorProcess]]:
    started = []
    for name in ("eu", "us"):
        (short_dir / name).mkdir()
        started.append(CollectorProcess(short_dir / name, f'[collector]\nname = "{name}"\n'))
    try:
        for one in started:
            one.start()
        yield started
    finally:
        for one in started:
            one.close()


def send(collector: CollectorProcess, latencies_ms: list[float], service: str) -> None:
    """Have a process of its own record these."""
    done = subprocess.run(
        [sys.executable, "-c", SERVICE, collector.address, json.dumps(latencies_ms), service],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == "0"


class Viewer:
    """A fleet's connection that is followed, and what came of it."""

    def __init__(self, collectors: list[CollectorProcess]) -> None:
        self.news: asyncio.Queue[News] = asyncio.Queue()
        targets = [Target(parse_address(one.address)) for one in collectors]
        self.connection = FleetConnection(targets, self.news.put_nowait, time.time_ns)

    async def until(self, requests: int) -> Snapshot:
        """The first snapshot of so many requests in five minutes."""
        async with asyncio.timeout(LIMIT_S):
            while True:
                news = await self.news.get()
                if isinstance(news, Arrived):
                    snapshot = news.snapshot
                    if snapshot.window(300).total["requests"] == requests:
                        return snapshot


@pytest.fixture
async def viewer(collectors: list[CollectorProcess]) -> AsyncIterator[Viewer]:
    viewer = Viewer(collectors)
    task = asyncio.create_task(viewer.connection.feed.follow("model", 300))
    yield viewer
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await viewer.connection.close()


async def test_two_collectors_tell_the_percentiles_of_all_requests(
    collectors: list[CollectorProcess], viewer: Viewer
) -> None:
    await asyncio.to_thread(send, collectors[0], FAST, "web")
    await asyncio.to_thread(send, collectors[1], SLOW, "batch")
    snapshot = await viewer.until(len(FAST + SLOW))
    assert (snapshot.name, snapshot.problems) == ("eu + us", ())
    (group,) = snapshot.window(300).groups
    for metrics in (snapshot.window(300).total, group.metrics, snapshot.window(60).total):
        for name, q in (("latency_p50", 0.5), ("latency_p95", 0.95), ("latency_p99", 0.99)):
            exact = float(np.quantile(FAST + SLOW, q, method="lower"))
            assert metrics[name] == pytest.approx(exact, rel=0.01), name
    stored = [one.query("SELECT sum(cost_usd) AS usd FROM requests") for one in collectors]
    assert group.metrics["cost_usd"] == pytest.approx(sum(rows[0]["usd"] for rows in stored))


async def test_a_collector_that_dies_is_left_out_and_said_so(
    collectors: list[CollectorProcess], viewer: Viewer
) -> None:
    await asyncio.to_thread(send, collectors[0], FAST, "web")
    await asyncio.to_thread(send, collectors[1], SLOW, "batch")
    await viewer.until(len(FAST + SLOW))
    collectors[1].kill()
    snapshot = await viewer.until(len(FAST))
    (problem,) = snapshot.problems
    assert problem.startswith("us: no answer for")
    assert [state.is_counted for state in viewer.connection.states()] == [True, False]
    await asyncio.to_thread(collectors[1].start)
    assert (await viewer.until(len(FAST + SLOW))).problems == ()
    history = await viewer.connection.control.call(
        "history", 10.0, window_s=300, points=10, end_ns=None, where={}
    )
    told = [n for n in history["metrics"]["requests"] if n is not None]
    assert sum(told) == len(FAST + SLOW)
