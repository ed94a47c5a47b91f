"""Objectives and limits in a real collector: they alert, and outlive restarts and reloads."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from support.collector import CollectorProcess, eventually

CONFIG = """
[channels.log]
type = "log"

[[slo]]
name = "up"
good = "error is None"
objective = 0.99

[[slo]]
name = "fast"
good = "latency_ms < 3000"
objective = 0.9
by = ["model"]

[[budget]]
name = "all"
limit_usd = 2

[[budget]]
name = "today"
limit_usd = 1000
period = "day"
by = ["model"]
"""
ADDED = """
[[slo]]
name = "added"
good = "latency_ms < 10000"
objective = 0.9

[[budget]]
name = "added"
limit_usd = 1
by = ["service"]
"""
SERVICE = """
import sys
import llmmon
llmmon.init(service="shop", environment="test", endpoint=sys.argv[1], flush_interval_s=0.05)
for i in range(int(sys.argv[2])):
    error = "timeout" if i % 4 == 0 else None
    llmmon.record("chat", provider="openai", model=f"m{i % 2}", latency_ms=1000.0 + i % 4 * 900,
                  error=error, cost_usd=0.005 if i % 2 else None, input_tokens=10, output_tokens=1)
result = llmmon.flush(timeout_s=30)
assert result.pending == 0, result
"""
Told = dict[tuple[str, ...], tuple[float | None, ...]]


@pytest.fixture
def watched(unstarted: Callable[[str], CollectorProcess]) -> CollectorProcess:
    process = unstarted(CONFIG)
    process.start()
    return process


def send(collector: CollectorProcess, requests: int) -> None:
    """As many requests of an agent, a quarter of them in error and a quarter slow."""
    command = [sys.executable, "-c", SERVICE, collector.address, str(requests)]
    subprocess.run(command, check=True, timeout=60)


def objectives(snapshot: dict[str, Any]) -> Told:
    """Good and all events, and the budget that is left, of each objective and group."""
    return {
        (slo["name"], *slo["labels"].values()): (
            slo["good_events"],
            slo["total_events"],
            slo["budget_left"],
        )
        for slo in snapshot["slos"]
    }


def limits(snapshot: dict[str, Any]) -> Told:
    """What is spent, and the unpriced requests, of each limit and group."""
    return {
        (budget["name"], *budget["labels"].values()): (
            budget["spent_usd"],
            budget["unpriced_requests"],
        )
        for budget in snapshot["budgets"]
    }


def firing(snapshot: dict[str, Any]) -> dict[tuple[str, ...], str]:
    """Severities of the firing alerts of objectives and limits."""
    return {
        (alert["rule"], *alert["labels"].values()): alert["severity"]
        for alert in snapshot["alerts"]
        if alert["state"] == "firing" and alert["rule"].startswith(("slo.", "budget."))
    }


SLOS = {
    ("up",): (300, 400, pytest.approx(-24)),
    ("fast", "m0"): (100, 200, pytest.approx(-4)),
    ("fast", "m1"): (100, 200, pytest.approx(-4)),
}
"""Of 400 requests 0, 4, 8 ... failed, and 3, 7, 11 ... took 3.7 s."""
BUDGETS = {
    ("all",): (pytest.approx(1.0), 200),
    ("today", "m0"): (0.0, 200),
    ("today", "m1"): (pytest.approx(1.0), 0),
}


def test_objectives_and_limits_outlive_restarts(watched: CollectorProcess) -> None:
    send(watched, 400)
    eventually(lambda: bool(firing(watched.snapshot())), 10, "no alert")
    before = watched.snapshot()
    assert objectives(before) == SLOS
    assert limits(before) == BUDGETS
    assert firing(before)["slo.up", "up"] == "critical"

    watched.kill()
    watched.start()
    assert firing(watched.snapshot()) == firing(before)
    eventually(lambda: objectives(watched.snapshot()) == objectives(before), 10, "counts differ")
    killed = watched.snapshot()
    assert limits(killed) == limits(before)
    assert firing(killed) == firing(before)

    assert watched.stop() == 0
    watched.start()
    eventually(lambda: objectives(watched.snapshot()) == objectives(before), 10, "counts differ")
    assert limits(watched.snapshot()) == limits(before)

    send(watched, 400)
    eventually(lambda: objectives(watched.snapshot())["up",][1] == 800, 10, "not counted")
    eventually(lambda: "budget.all" in str(firing(watched.snapshot())), 10, "limit not told")


def test_a_reload_keeps_what_was_counted_and_knows_what_was_spent(
    watched: CollectorProcess,
) -> None:
    send(watched, 400)
    eventually(lambda: objectives(watched.snapshot())["up",][1] == 400, 10, "not counted")
    watched.config.write_text(CONFIG + ADDED)
    eventually(lambda: ("added",) in objectives(watched.snapshot()), 10, "not reloaded")
    told = watched.snapshot()
    assert {key: objectives(told)[key] for key in SLOS} == SLOS
    assert limits(told) == {**BUDGETS, ("added", "shop"): (pytest.approx(1.0), 200)}
    assert objectives(told)["added",] == (0, 0, None), "the store is asked two minutes later"
