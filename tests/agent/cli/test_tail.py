from __future__ import annotations

import json
from typing import Any


def test_one_json_object_a_line(run: Any, collector: Any) -> None:
    collector.publish("tail.requests", {"rows": [{"id": "a"}, {"id": "b"}], "sampled_out": 0})
    collector.publish("tail.requests", {"rows": [{"id": "c"}], "sampled_out": 0})
    result = run("tail", "requests", "--json", "--limit", "3")
    assert result.exit_code == 0, result.output
    assert [json.loads(line)["id"] for line in result.output.splitlines()] == ["a", "b", "c"]


def test_text_leaves_out_what_is_missing_and_strips_controls(run: Any, collector: Any) -> None:
    row = {"id": "a", "error": None, "message": "one\ntwo\x1b[2J"}
    collector.publish("tail.logs", {"rows": [row], "sampled_out": 0})
    result = run("tail", "logs", "--limit", "1")
    assert result.stdout == "id=a  message=one two [2J\n"


def test_text_has_dates_and_short_numbers(run: Any, collector: Any) -> None:
    row = {"time_ns": 1_700_000_000_123_456_789, "latency_ms": 1500.1234130859375}
    collector.publish("tail.requests", {"rows": [row], "sampled_out": 0})
    result = run("tail", "requests", "--limit", "1")
    assert result.stdout == "time_ns=2023-11-14T22:13:20.123+00:00  latency_ms=1500.12\n"


def test_what_was_left_out_is_told(run: Any, collector: Any) -> None:
    collector.publish("tail.errors", {"rows": [{"id": "a"}], "sampled_out": 41})
    collector.publish("tail.errors", {"rows": [{"id": "b"}], "sampled_out": 0})
    result = run("tail", "errors", "--limit", "2")
    assert "41" in result.stderr


def test_rubbish_is_an_error_not_a_traceback(run: Any, collector: Any) -> None:
    collector.publish("tail.alerts", ["what"])
    result = run("tail", "alerts", "--limit", "1")
    assert result.exit_code == 3
    assert "sampled_out" in result.stderr


def test_other_topics_are_usage_errors(run: Any, collector: Any) -> None:
    assert run("tail", "everything").exit_code == 2
