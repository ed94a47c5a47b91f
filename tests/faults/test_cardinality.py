"""A cardinality bomb: memory is bounded, the rest is ``__other__``, others keep their series."""

from __future__ import annotations

import time

import pytest
from support.bystanders import Children, Memory, PoliteAgents, ingest_of, pid_of, restart_with
from support.collector import CollectorProcess, eventually
from support.report import Report

LABELS = 1_000_000
CONTROL_LABELS = 5_000
LABEL_GROWTH_MB = 600
"""Series in every window, and what the store takes to fold a million different texts."""

BOMB = """
import sys
import llmmon
llmmon.init(service="bomb", environment="faults", endpoint=sys.argv[1], flush_interval_s=0.05)
for i in range(int(sys.argv[2])):
    llmmon.record("chat", provider="openai", model=f"model-{i}", route=f"/users/{i}",
                  latency_ms=1.0, input_tokens=1, output_tokens=1)
    if i % 2000 == 0 and llmmon.stats().buffered > 8000:
        llmmon.flush(timeout_s=30)
outcome = llmmon.flush(timeout_s=120)
print(outcome.pending, sum(llmmon.stats().lost.values()), flush=True)
"""
BOUNDLESS = """
from llmmon_collector.series import SeriesTable
SeriesTable._has_room = lambda self, agent: True
from llmmon_collector.main import main
main()
"""


@pytest.mark.timeout(600)
def test_a_million_label_values(
    collector: CollectorProcess, children: Children, report: Report
) -> None:
    polite = PoliteAgents(children, collector.address)
    eventually(lambda: ingest_of(collector)["agents"] == 2, 30, "no agents")
    memory = Memory(pid_of(collector))
    began = time.monotonic()
    bomb = children.start("-c", BOMB, collector.address, str(LABELS))
    output, _ = bomb.communicate(timeout=400)
    took_s = time.monotonic() - began
    assert output.split() == ["0", "0"]
    growth_mb = memory.growth_mb()
    ingest = ingest_of(collector)
    assert ingest["series"] <= ingest["series_limit"]
    assert ingest["overflowed_series"] > 0
    services = _groups(collector, "service")
    assert {"polite-1", "polite-2", "__other__"} <= services
    events = polite.check(collector)
    [row] = collector.query(
        "SELECT count(*) AS n, count(DISTINCT model) AS models FROM requests WHERE service = 'bomb'"
    )
    assert row == {"n": LABELS, "models": LABELS}
    assert growth_mb < LABEL_GROWTH_MB
    report(
        f"{LABELS} label values from one agent",
        f"{took_s:.0f} s, memory +{growth_mb:.0f} MB, {ingest['series']} series, the others under "
        f"__other__; polite: {events} of {events} events exact",
    )


def _groups(collector: CollectorProcess, by: str) -> set[str]:
    return {group[by] for group in collector.snapshot("--by", by)["series"]}


@pytest.mark.timeout(300)
def test_control_without_a_limit_every_label_is_a_series(
    collector: CollectorProcess, children: Children, report: Report
) -> None:
    memory = Memory(restart_with(collector, BOUNDLESS).pid)
    output, _ = children.start("-c", BOMB, collector.address, str(CONTROL_LABELS)).communicate(
        timeout=200
    )
    growth_mb = memory.growth_mb()
    assert output.split() == ["0", "0"]
    eventually(lambda: ingest_of(collector)["series"] >= CONTROL_LABELS, 30, "a limit holds")
    ingest = ingest_of(collector)
    assert ingest["series"] >= CONTROL_LABELS > ingest["series_limit"]
    assert ingest["overflowed_series"] == 0
    report(
        "  control: no limit of series",
        f"{ingest['series']} series of {CONTROL_LABELS} label values, memory +{growth_mb:.0f} MB",
    )
