from __future__ import annotations

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


def test_silence_takes_matchers_and_a_time(run: Any, collector: Any) -> None:
    result = run("silence", "rule=high_latency", "model=a=b", "--for", "1h30m", "--by", "ann")
    assert result.exit_code == 0, result.output
    (asked,) = collector.asked
    assert asked[1]["matchers"] == {"rule": "high_latency", "model": "a=b"}
    assert asked[1]["duration_s"] == 5400.0
    assert "s1" in result.output


def test_silence_refuses_other_names_and_times(run: Any, collector: Any) -> None:
    assert run("silence", "colour=red").exit_code == 2
    assert run("silence").exit_code == 2
    assert run("silence", "model=m", "--for", "0s").exit_code == 2
    assert collector.asked == []


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
