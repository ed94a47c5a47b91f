from __future__ import annotations

import json
from typing import Any

import pytest


@pytest.mark.parametrize(
    ("alert", "fail_on", "expected"),
    [
        (("warning", "firing"), "warning", 1),
        (("warning", "firing"), "critical", 0),
        (("critical", "firing"), "critical", 1),
        (("critical", "resolved"), "warning", 0),
        (("critical", "pending"), "warning", 0),
    ],
)
def test_fail_on_looks_at_firing_alerts(
    run: Any, collector: Any, make: Any, alert: tuple[str, str], fail_on: str, expected: int
) -> None:
    collector.snapshot = make.snapshot((make.alert(*alert),))
    assert run("status", "--fail-on", fail_on).exit_code == expected


def test_fail_on_passes_when_nothing_is_wrong(run: Any, collector: Any) -> None:
    assert run("status", "--fail-on", "warning").exit_code == 0


@pytest.mark.parametrize(
    ("status", "state"), [("ok", "ok"), ("degraded", "warning"), ("failing", "critical")]
)
def test_health_counts_too(run: Any, collector: Any, make: Any, status: str, state: str) -> None:
    collector.snapshot = make.snapshot((), (make.check(status),))
    assert json.loads(run("status", "--json").output)["state"] == state


def test_a_problem_of_the_collector_is_a_warning(run: Any, collector: Any, make: Any) -> None:
    collector.snapshot = make.snapshot(problems=1)
    result = run("status", "--fail-on", "warning")
    assert result.exit_code == 1
    assert "problem: disk full" in result.output


def test_the_line_is_one_line(run: Any, collector: Any) -> None:
    output = run("status", "--line").output
    assert output == "test ok | 0.5/s | p95 1.20 s | err 25.0% | —/h | 0 firing\n"


def test_the_text_names_alerts_and_agents(run: Any, collector: Any, make: Any) -> None:
    collector.snapshot = make.snapshot((make.alert("critical"),))
    output = run("status").output
    assert "critical firing: high_latency" in output
    assert "bot" in output
    assert "up 1h" in output
    assert "\x1b" not in output


def test_line_and_json_exclude_each_other(run: Any, collector: Any) -> None:
    assert run("status", "--line", "--json").exit_code == 2


def test_times_of_agents_are_cut_to_what_a_person_reads(run: Any, collector: Any) -> None:
    status = collector.methods["status"]({})
    agents = [{**row, "heard_s_ago": 2.278741837} for row in status["agents"]]
    collector.methods["status"] = lambda _params: {**status, "agents": agents}
    output = run("status").output
    assert "2.3" in output
    assert "2.27" not in output
