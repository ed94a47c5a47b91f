from __future__ import annotations

import json
import os
from typing import Any

import pytest

from llmmon.errors import ControlError


def test_ack_names_the_alert_and_who(run: Any, collector: Any) -> None:
    result = run("ack", "high_latency/model=m1", "--by", "ann", "--note", "on it")
    assert result.exit_code == 0, result.output
    params = {"alert_id": "high_latency/model=m1", "by": "ann", "note": "on it"}
    assert collector.asked == [("acknowledge", params)]


def test_an_unknown_alert_is_a_usage_error(run: Any, collector: Any) -> None:
    def refuse(_params: dict[str, Any]) -> None:
        raise ControlError("not_found", "no alert 'x'")

    collector.methods["acknowledge"] = refuse
    result = run("ack", "x", "--by", "ann")
    assert result.exit_code == 2
    assert "no alert 'x'" in result.stderr


def test_silence_takes_globs_and_times(run: Any, collector: Any) -> None:
    result = run("silence", "rule=high_*", "model=a=b", "--for", "1h30m", "--by", "ann")
    assert result.exit_code == 0, result.output
    assert "s1" in result.output
    assert run("silence", "check=redis", "--in", "2h", "--comment", "move").exit_code == 0
    now, later = (asked[1] for asked in collector.asked)
    assert now == {
        "matchers": {"rule": "high_*", "model": "a=b"},
        "duration_s": 5400.0,
        "delay_s": 0.0,
        "by": "ann",
        "comment": "",
    }
    assert (later["delay_s"], later["duration_s"]) == (7200.0, 3600.0)


def test_silence_refuses_what_is_no_matcher_and_no_time(run: Any, collector: Any) -> None:
    assert run("silence", "red").exit_code == 2
    assert run("silence").exit_code == 2
    assert run("silence", "model=m", "--for", "0s").exit_code == 2
    assert run("silence", "model=m", "--in", "soon").exit_code == 2
    assert collector.asked == []


SILENCE = {
    "id": "s1",
    "matchers": {"rule": "high_*", "model": "m\x1b[2J"},
    "starts_ns": 1_700_000_000 * 10**9,
    "ends_ns": 1_700_003_600 * 10**9,
    "by": "ann",
    "comment": "deploy",
    "state": "active",
}


def test_silences_are_listed(run: Any, collector: Any) -> None:
    collector.methods["silences"] = lambda _params: [SILENCE]
    result = run("silences")
    assert result.exit_code == 0, result.output
    header, line = result.output.splitlines()
    assert header.split() == ["id", "state", "matches", "from", "to", "by", "why"]
    assert "s1  active  rule=high_* model=m [2J  2023-11-14T22:13:20" in line
    assert json.loads(run("silences", "--json").output) == [SILENCE]
    collector.methods["silences"] = lambda _params: []
    assert run("silences").output == "no silences\n"


def test_an_answer_that_is_no_list_of_silences_is_said(run: Any, collector: Any) -> None:
    collector.methods["silences"] = lambda _params: [{"id": "s1"}]
    result = run("silences")
    assert result.exit_code == 3
    assert "silences: expected a list of them" in result.stderr


def test_a_silence_is_ended_by_its_id(run: Any, collector: Any) -> None:
    collector.methods["end_silence"] = lambda _params: {}
    result = run("unsilence", "s1", "--by", "ann")
    assert result.exit_code == 0, result.output
    assert collector.asked == [("end_silence", {"id": "s1", "by": "ann"})]


def test_a_login_without_a_name_is_told_by_its_number(
    run: Any, collector: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(uid: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", nobody)
    result = run("ack", "a")
    assert result.exit_code == 0, result.output
    assert collector.asked[0][1]["by"] == f"uid {os.getuid()}"
