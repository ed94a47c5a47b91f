"""The collector is killed again and again under load: nothing is lost, nothing counted twice."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.collector import CollectorProcess

KILLS = 20
SERVICES = 3

SERVICE = """
import sys, time
import llmmon
llmmon.init(service=sys.argv[2], environment="faults", endpoint=sys.argv[1], flush_interval_s=0.05)
sent = 0
while not sys.stdin.closed:
    for _ in range(50):
        sent += 1
        llmmon.record("chat", provider="openai", model="gpt-4o", latency_ms=1.0 + sent % 900,
                      input_tokens=sent, output_tokens=1, user_id=f"u{sent}")
    time.sleep(0.01)
    if llmmon.stats().buffered > 8000:
        llmmon.flush(timeout_s=30)
    if sent >= int(sys.argv[3]):
        break
outcome = llmmon.flush(timeout_s=120)
print(sent, outcome.pending, sum(llmmon.stats().lost.values()), flush=True)
"""
EVENTS = 100_000


@pytest.fixture
def collector() -> Iterator[CollectorProcess]:
    directory = Path(tempfile.mkdtemp(prefix="llmmon-"))
    process = CollectorProcess(directory)
    process.start()
    yield process
    process.close()
    shutil.rmtree(directory)


def _service(collector: CollectorProcess, name: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SERVICE, collector.address, name, str(EVENTS)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.timeout(600)
def test_a_collector_killed_under_load_loses_and_repeats_nothing(
    collector: CollectorProcess,
) -> None:
    rng = random.Random(1)
    names = [f"s{i}" for i in range(SERVICES)]
    services = [_service(collector, name) for name in names]
    kills = 0
    while kills < KILLS and any(service.poll() is None for service in services):
        time.sleep(rng.uniform(0.1, 1.0))
        collector.kill()
        collector.start()
        kills += 1
    for service in services:
        output, _ = service.communicate(timeout=300)
        assert output.split() == [str(EVENTS), "0", "0"]
    rows = collector.query(
        "SELECT service, count(*) AS n, sum(input_tokens) AS i, count(DISTINCT user_id) AS u "
        "FROM requests GROUP BY service ORDER BY service"
    )
    exact = {"n": EVENTS, "i": EVENTS * (EVENTS + 1) // 2, "u": EVENTS}
    assert rows == [{"service": name, **exact} for name in names]
    print(f"\ncollector SIGKILL x {kills}: {SERVICES * EVENTS} sent, 0 lost, 0 repeated")
