"""The audit log: one line a change, whole, private, without secrets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from llmmon_collector.security.audit import AuditLog

AT_NS = 1_700_000_000_123_000_000


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def log(path: Path) -> AuditLog:
    return AuditLog(path, lambda: AT_NS)


def test_a_line_says_when_who_what_and_what_came_of_it(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    log(path).append("anna", "silence", {"matchers": {"rule": "r"}, "duration_s": 60.0}, "ok")
    log(path).append("local", "reload", {}, "failed: line 3")
    first, second = lines(path)
    assert first == {
        "at": "2023-11-14T22:13:20.123+00:00",
        "by": "anna",
        "method": "silence",
        "params": {"matchers": {"rule": "r"}, "duration_s": 60.0},
        "outcome": "ok",
    }
    assert (second["by"], second["outcome"]) == ("local", "failed: line 3")
    assert path.stat().st_mode & 0o777 == 0o600


def test_secrets_are_masked(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    params = {"note": "rotate sk-abcdefghijklmnop now", "api_key": "hunter2"}
    log(path).append("anna", "acknowledge", params, "failed: token=abcdef")
    text = path.read_text()
    for secret in ("abcdefghijklmnop", "hunter2", "abcdef"):
        assert secret not in text


def test_text_cannot_forge_a_line_and_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    log(path).append("anna", "acknowledge", {"note": 'x\n{"by": "bob"}\x1b[2J'}, "ok")
    log(path).append("anna", "acknowledge", {"note": "x" * 60_000}, "y" * 60_000)
    assert [line["by"] for line in lines(path)] == ["anna", "anna"]
    assert "\x1b" not in path.read_text()
    assert path.stat().st_size < 10_000


def test_a_torn_line_does_not_spoil_the_next(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    log(path).append("anna", "reload", {}, "ok")
    path.write_bytes(path.read_bytes() + b'{"at": "20')
    log(path).append("bob", "reload", {}, "ok")
    whole = [line for line in path.read_text().splitlines() if line.endswith("}")]
    assert [json.loads(line)["by"] for line in whole] == ["anna", "bob"]


def test_a_disk_that_does_not_take_it_is_told_until_it_does(tmp_path: Path) -> None:
    audit = log(tmp_path / "gone" / "audit.log")
    audit.append("anna", "reload", {}, "ok")
    assert "audit.log: No such file" in audit.problem
    (tmp_path / "gone").mkdir()
    audit.append("anna", "reload", {}, "ok")
    assert audit.problem == ""
