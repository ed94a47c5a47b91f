from __future__ import annotations

import json
import re
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


def test_the_books_are_told_and_add_up(run: Any, collector: Any) -> None:
    lines = run("status").output.splitlines()
    assert "ledger: emitted 38 = stored 30 + lost 7 + in flight 1" in lines
    assert "lost: 5 shutdown, 2 queue_full" in lines
    assert "rejected messages: 4 bad_crc" in lines
    assert "throttled: 7 batches sent again later" in lines
    [bot] = [line for line in lines if line.startswith("bot")]
    assert re.sub(" +", " ", bot) == "bot h [1m 7 live 15 12 2 1 14 2s 7 2 queue_full"
    [total] = [line for line in lines if line.startswith("all agents")]
    assert total.split() == ["all", "agents", "—", "—", "—", "38", "30", "7", "1", "—", "—", "7"]


def test_agents_that_ended_are_one_line_unless_asked_for(run: Any, collector: Any) -> None:
    short, long = run("status").output, run("status", "--all").output
    assert "ended and accounted for, see --all: 1" in short
    assert "job" not in short
    assert "job" in long
    assert "0b" * 16 in long
    assert "accounted for" not in long


def test_books_that_do_not_add_up_are_told(run: Any, collector: Any) -> None:
    status = collector.methods["status"]({})
    status["ledger"]["emitted"] += 1
    collector.methods["status"] = lambda _params: status
    assert "emitted 39 IS NOT stored 30" in run("status").output


def test_an_agent_that_is_gone_with_events_is_shown(run: Any, collector: Any) -> None:
    status = collector.methods["status"]({})
    status["agents"] = [
        {**status["agents"][0], "service": name, "state": "gone", "missed": name == "missed"}
        for name in ("missed", "settled")
    ]
    status["agents_left_out"] = 3
    collector.methods["status"] = lambda _params: status
    output = run("status").output
    assert "missed" in output
    assert "settled" not in output
    assert "not told one by one: 3" in output
