"""A service without a collector: unharmed, bounded, silent but for one warning; later delivered."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.collector import CollectorProcess

SERVICE = """
import json, sys, resource
import llmmon
llmmon.init(service="early", environment="test", endpoint=sys.argv[1])
answers = 0
for i in range(int(sys.argv[2])):
    with llmmon.track("chat", provider="openai", model="gpt-4o") as req:
        req.usage(input_tokens=i, output_tokens=1)
        answers += 1
print(json.dumps({"answers": answers, "lost": dict(llmmon.stats().lost),
                  "buffered": llmmon.stats().buffered}), flush=True)
sys.stdin.readline()
result = llmmon.flush(timeout_s=60)
stats = llmmon.stats()
print(json.dumps({"delivered": result.delivered, "pending": result.pending,
                  "emitted": stats.emitted, "acknowledged": stats.acknowledged,
                  "lost": dict(stats.lost)}), flush=True)
"""


class Service:
    def __init__(self, address: str, count: int, log: Path) -> None:
        self._log = log.open("w")
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVICE, address, str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def line(self) -> dict:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def flush(self) -> dict:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.line()

    def complaints(self) -> int:
        """Lines on stderr, once it has ended."""
        self.process.communicate(timeout=60)
        return len(Path(self._log.name).read_text().splitlines())

    def close(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=60)
        self._log.close()


@pytest.fixture
def start(short_dir: Path) -> Iterator[Callable[[str, int], Service]]:
    """Starts a service that records so many requests."""
    services: list[Service] = []

    def begin(address: str, count: int) -> Service:
        services.append(Service(address, count, short_dir / "service.err"))
        return services[-1]

    yield begin
    for service in services:
        service.close()


def test_what_was_recorded_before_the_collector_came_is_delivered(
    unstarted: Callable[..., CollectorProcess], start: Callable[[str, int], Service]
) -> None:
    collector = unstarted()
    service = start(collector.address, 3000)
    assert service.line() == {"answers": 3000, "lost": {}, "buffered": 3000}
    collector.start()
    outcome = service.flush()
    assert (outcome["acknowledged"], outcome["pending"], outcome["lost"]) == (3000, 0, {})
    assert collector.query("SELECT count(*) AS n, sum(input_tokens) AS i FROM requests") == [
        {"n": 3000, "i": sum(range(3000))}
    ]
    assert service.complaints() <= 1


def test_beyond_its_bound_an_agent_drops_and_counts(
    unstarted: Callable[..., CollectorProcess], start: Callable[[str, int], Service]
) -> None:
    collector = unstarted()
    service = start(collector.address, 60_000)
    before = service.line()
    assert before["answers"] == 60_000
    assert before["buffered"] + sum(before["lost"].values()) == 60_000
    collector.start()
    outcome = service.flush()
    assert outcome["emitted"] == 60_000
    assert outcome["acknowledged"] + sum(outcome["lost"].values()) == 60_000
    assert collector.query("SELECT count(*) AS n FROM requests") == [{"n": outcome["acknowledged"]}]
    ingest = collector.snapshot()["ingest"]
    assert sum(ingest["events_lost"].values()) == sum(outcome["lost"].values())
    assert service.complaints() <= 1


def test_without_a_collector_the_service_ends_by_itself(short_dir: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            SERVICE.replace("timeout_s=60", "timeout_s=6"),
            f"ipc://{short_dir}/nowhere",
            "100",
        ],
        input="\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert json.loads(done.stdout.splitlines()[-1])["pending"] == 100
    assert len(done.stderr.splitlines()) == 1
    assert "no collector" in done.stderr


DURABLE = """
import itertools, sys
import llmmon
llmmon.init(service="early", environment="test", endpoint=sys.argv[1], durable=True)
for i in itertools.count():
    print(llmmon.record("chat", model="gpt-4o", input_tokens=i), flush=True)
"""

HEIR = """
import sys, time
import llmmon
llmmon.init(service="early", environment="test", endpoint=sys.argv[1])
llmmon.record("heir")
while llmmon.stats().adopted < int(sys.argv[2]):
    time.sleep(0.01)
"""


def test_what_a_killed_service_left_on_disk_is_delivered_by_its_next_process(
    unstarted: Callable[..., CollectorProcess],
) -> None:
    collector = unstarted()
    victim = subprocess.Popen(
        [sys.executable, "-c", DURABLE, collector.address], stdout=subprocess.PIPE
    )
    assert victim.stdout is not None
    told = [victim.stdout.readline().decode().strip() for _ in range(500)]
    victim.kill()
    told += victim.communicate(timeout=60)[0].decode().split("\n")[1:-1]
    collector.start()
    subprocess.run(
        [sys.executable, "-c", HEIR, collector.address, str(len(told))], timeout=60, check=True
    )
    rows = collector.query("SELECT id FROM requests WHERE operation = 'chat'")
    ids = [row["id"] for row in rows]
    assert set(told[:500]) <= set(ids)
    assert len(ids) == len(set(ids))
    ingest = collector.snapshot()["ingest"]
    assert (ingest["events_stored"], ingest["events_lost"]) == (len(ids) + 1, {})
