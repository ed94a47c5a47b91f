"""Crashes: what was acknowledged is there once, what was not comes again."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from support.collector import CollectorProcess, eventually

SERVICE = """
import json, sys
import llmmon
llmmon.init(service="victim", environment="test", endpoint=sys.argv[1], flush_interval_s=0.05)
for i in range(int(sys.argv[2])):
    llmmon.record("chat", provider="openai", model="gpt-4o", latency_ms=1.0 + i,
                  input_tokens=i, output_tokens=1, user_id=f"u{i}")
    if i % 500 == 0:
        print(i, flush=True)
        llmmon.flush(timeout_s=0.05)
result = llmmon.flush(timeout_s=60)
print(json.dumps({"delivered": result.delivered, "pending": result.pending,
                  "lost": dict(llmmon.stats().lost)}), flush=True)
"""


@pytest.fixture
def service(collector: CollectorProcess) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", SERVICE, collector.address, "9000"],
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_sigkill_in_mid_replay_loses_and_repeats_nothing(
    collector: CollectorProcess, service: subprocess.Popen[str]
) -> None:
    assert service.stdout is not None
    for kill_after in (500, 2500, 5000):
        while int(service.stdout.readline()) < kill_after:
            pass
        collector.kill()
        collector.start()
    lines = service.stdout.read().splitlines()
    outcome = json.loads(lines[-1])
    assert (outcome["pending"], outcome["lost"]) == (0, {})
    [row] = collector.query(
        "SELECT count(*) AS n, sum(input_tokens) AS i, count(DISTINCT user_id) AS u, "
        "count(DISTINCT id) AS ids FROM requests"
    )
    assert row == {"n": 9000, "i": sum(range(9000)), "u": 9000, "ids": 9000}
    assert collector.snapshot()["ingest"]["events_stored"] == 9000
    assert collector.snapshot()["ingest"]["events_lost"] == {}


def test_windows_come_back_after_a_crash_and_after_a_stop(collector: CollectorProcess) -> None:
    trace = collector.directory / "trace.jsonl"
    rows = [
        {"model": "gpt-4o", "provider": "openai", "latency_ms": 100 + i, "input_tokens": i}
        for i in range(700)
    ]
    trace.write_text("".join(json.dumps(row) + "\n" for row in rows))
    collector.client("replay", str(trace), "--speed", "max")
    before = collector.snapshot("--window", "1h", "--by", "model")
    for end in (collector.kill, collector.stop):
        end()
        collector.start()
        after = collector.snapshot("--window", "1h", "--by", "model")
        assert after["total"] == before["total"]
        assert after["series"] == before["series"]


def test_sigterm_finishes_the_work_in_hand(collector: CollectorProcess) -> None:
    trace = collector.directory / "trace.jsonl"
    trace.write_text('{"model": "gpt-4o", "latency_ms": 5}\n' * 200)
    collector.client("replay", str(trace), "--speed", "max")
    assert collector.stop() == 0
    with duckdb.connect(str(collector.directory / "state" / "store.duckdb"), read_only=True) as db:
        assert db.execute("SELECT count(*) FROM requests").fetchall() == [(200,)]
    collector.start()
    assert collector.query("SELECT count(*) AS n FROM requests") == [{"n": 200}]


def test_a_second_collector_on_the_same_directory_is_refused(
    collector: CollectorProcess, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "llmmon_collector", "--listen", collector.address]
    done = subprocess.run(
        [*command, "--state", str(tmp_path / "other"), "--http", ""],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "another collector (pid" in done.stderr


def test_a_killed_subscriber_does_nothing_to_the_collector(collector: CollectorProcess) -> None:
    command = [sys.executable, "-m", "llmmon.cli.main", "tail", "requests", "--json"]
    tail = subprocess.Popen(
        [*command, "--connect", collector.address], stdout=subprocess.PIPE, text=True
    )
    assert tail.stdout is not None
    trace = collector.directory / "trace.jsonl"
    trace.write_text('{"model": "gpt-4o", "latency_ms": 5}\n' * 50)

    def shows_something() -> bool:
        collector.client("replay", str(trace), "--speed", "max")
        return bool(select.select([tail.stdout], [], [], 1.0)[0])

    eventually(shows_something, 30, "the tail shows nothing")
    assert json.loads(tail.stdout.readline())["model"] == "gpt-4o"
    tail.kill()
    tail.wait()
    tail.stdout.close()
    before = collector.snapshot()["ingest"]["events_stored"]
    collector.client("replay", str(trace), "--speed", "max")
    assert collector.snapshot()["ingest"]["events_stored"] == before + 50
