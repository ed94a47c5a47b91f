"""Nested operations of a service, from its own calls to everybody's numbers."""

from __future__ import annotations

import json
import random
import subprocess
import sys

import numpy as np
import pytest
from support.collector import CollectorProcess

SERVICE = """
import json, sys
import llmmon
llmmon.init(service="agent", environment="test", endpoint=sys.argv[1])
for latencies in json.loads(sys.argv[2]):
    with llmmon.track("invoke_agent", route="/plan"):
        for operation, latency_ms in latencies.items():
            llmmon.record(operation, latency_ms=latency_ms, model="gpt-4o", provider="openai",
                          input_tokens=100, output_tokens=10)
print(llmmon.flush(timeout_s=30).pending)
"""

NESTED = """
import sys
import llmmon
llmmon.init(service="agent", environment="test", endpoint=sys.argv[1])
for _ in range(7):
    with llmmon.track("invoke_agent", model="gpt-4o", provider="openai") as agent:
        for operation in ("chat", "embeddings"):
            with llmmon.track(operation, model="gpt-4o", provider="openai") as req:
                req.usage(input_tokens=100, output_tokens=10)
        agent.usage(input_tokens=200, output_tokens=20)
print(llmmon.flush(timeout_s=30).pending)
"""


def test_track_nested_operations_count_mean_p50_p95_p99_min_max(
    collector: CollectorProcess,
) -> None:
    """Seed behaviour: what ran inside what, and how long each operation takes."""
    rng = random.Random(3)
    runs = [
        {"chat": rng.lognormvariate(6, 1), "embeddings": rng.lognormvariate(3, 0.5)}
        for _ in range(200)
    ]
    done = subprocess.run(
        [sys.executable, "-c", SERVICE, collector.address, json.dumps(runs)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == "0"
    stored = {
        row["operation"]: row
        for row in collector.query(
            "SELECT operation, count(*) AS n, avg(latency_ms) AS mean, min(latency_ms) AS low, "
            "max(latency_ms) AS high, quantile_disc(latency_ms, [0.5, 0.95, 0.99]) AS quantiles "
            "FROM requests GROUP BY operation"
        )
    }
    live = {s["operation"]: s for s in collector.snapshot("--by", "operation")["series"]}
    assert set(stored) == set(live) == {"chat", "embeddings", "invoke_agent"}
    for operation in ("chat", "embeddings"):
        exact = np.array([run[operation] for run in runs])
        row, series = stored[operation], live[operation]
        assert row["n"] == series["requests"] == 200
        assert (row["low"], row["high"]) == pytest.approx((exact.min(), exact.max()), rel=1e-6)
        assert row["mean"] == pytest.approx(exact.mean(), rel=1e-6)
        assert series["latency_mean"] == pytest.approx(exact.mean(), rel=1e-4)
        assert series["latency_max"] == pytest.approx(exact.max(), rel=0.01)
        for name, q in (("latency_p50", 0.5), ("latency_p95", 0.95), ("latency_p99", 0.99)):
            lower = float(np.quantile(exact, q, method="lower"))
            assert series[name] == pytest.approx(lower, rel=0.01)
    assert stored["invoke_agent"]["n"] == 200


def test_children_name_their_parent_and_tokens_are_counted_once(
    collector: CollectorProcess,
) -> None:
    subprocess.run(
        [sys.executable, "-c", NESTED, collector.address],
        capture_output=True,
        timeout=60,
        check=True,
    )
    [row] = collector.query(
        "SELECT count(*) AS n, count(DISTINCT c.trace_id) AS traces FROM requests c "
        "JOIN requests p ON c.parent_id = p.id AND c.trace_id = p.trace_id "
        "WHERE p.operation = 'invoke_agent'"
    )
    assert row == {"n": 14, "traces": 7}
    total = collector.snapshot()["total"]
    assert (total["requests"], total["input_tokens"], total["output_tokens"]) == (21, 1400, 140)
