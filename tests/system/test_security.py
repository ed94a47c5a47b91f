"""A collector beyond loopback, from keys to revocation, with the commands that a user types."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.collector import eventually
from support.keyed import KeyedCollector


@pytest.fixture
def collector() -> Iterator[KeyedCollector]:
    directory = Path(tempfile.mkdtemp(prefix="llmmon-"))
    collector = KeyedCollector(directory)
    yield collector
    collector.close()
    shutil.rmtree(directory)


def keys(collector: KeyedCollector, *arguments: str) -> str:
    done = collector.client("keys", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_without_keys_it_refuses_to_start_and_says_what_to_run(collector: KeyedCollector) -> None:
    command = [sys.executable, "-m", "llmmon_collector", "--listen", "tcp://0.0.0.0:9461"]

    def refusal() -> str:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=False, env=collector.environ
        )
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
        return done.stderr

    assert "no key is allowed yet: run `llmmon keys new NAME`" in refusal()
    (collector.keys.directory / "server.key").chmod(0o640)
    assert f"chmod 600 {collector.keys.directory}/server.key" in refusal()
    (collector.keys.directory / "server.key").unlink()
    assert "run `llmmon keys server`" in refusal()
    assert not (collector.directory / "llmmon").exists()


def test_an_agent_a_viewer_and_an_operator(collector: KeyedCollector) -> None:
    for name, role in (("shop", "agent"), ("bob", "viewer"), ("anna", "operator")):
        keys(collector, "new", name, "--role", role)
        keys(collector, "allow", name)
    collector.start()
    service = collector.service("shop-service", "shop", flush_s=2.0)
    service.record(100)
    eventually(lambda: service.record(0) == 100, 20, "an allowed key's events are not taken")
    # each key opens its own door only, and says so
    told = collector.client("status", key="shop").stderr
    assert "refuses the connection: this key is not allowed there" in told
    assert "--key-file" in collector.client("status").stderr
    assert collector.status("bob")["collector"]["security"]["keys_required"] is True
    refused = collector.client("silence", "rule=high_latency", key="bob")
    assert (refused.returncode, "forbidden: the key 'bob'" in refused.stderr) == (2, True)
    assert collector.client("silence", "rule=high_latency", key="anna").returncode == 0
    trace = collector.directory / "trace.jsonl"
    trace.write_text('{"t": 0, "latency_ms": 5.0, "model": "m"}\n')
    replayed = collector.client("replay", str(trace), "--speed", "max", key="shop")
    assert replayed.stdout.startswith("1 sent, 1 acknowledged, 0 lost"), replayed.stderr
    audit = [
        json.loads(line)
        for line in (collector.directory / "llmmon" / "audit.log").read_text().splitlines()
    ]
    assert [(line["by"], line["outcome"].split(":")[0]) for line in audit] == [
        ("bob", "forbidden"),
        ("anna", "ok"),
    ]
    # a revoked key ends while its holder is connected
    keys(collector, "revoke", "shop")
    eventually(
        lambda: len(collector.status("bob")["collector"]["security"]["keys"]) == 2, 10, "not seen"
    )
    assert service.record(50) == 100
    status = collector.status("bob")["collector"]
    assert status["security"]["refused"]["ingest"]["revoked key"] >= 1
    assert status["ingest"]["rejected_batches"] >= 1
    assert any("revoked key" in problem for problem in status["problems"])
    # and what waited is sent once the key is allowed again
    keys(collector, "allow", "shop")
    eventually(lambda: service.record(0) == 150, 20, "what waited is not taken")
    service.end()
    said = collector.log_text() + json.dumps([status, audit])
    assert not [secret for secret in collector.keys.secrets() if secret in said]
    assert collector.stored() == {"replay": 1, "shop-service": 150}


def test_an_agent_that_is_shut_out_says_why_and_gets_in_later(collector: KeyedCollector) -> None:
    keys(collector, "new", "bob", "--role", "viewer")
    keys(collector, "allow", "bob")
    keys(collector, "new", "shop")
    collector.start()
    service = collector.service("shop-service", "shop", flush_s=8.0)
    assert service.record(10) == 0
    keys(collector, "allow", "shop")
    assert service.record(0) == 10
    told = service.end()
    assert "does not let this process in: this key is not allowed there" in told
