"""Structured logging, on a stream and to the collector."""

import io
import json
import logging
from datetime import datetime
from typing import Any

import pytest

import llmmon
from llmmon.testing import capture_events


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_logging_default_fields() -> None:
    stream = io.StringIO()
    log = llmmon.get_logger(
        "support-bot", service="support", environment="production", stream=stream
    )
    with capture_events() as events:
        log.info("started", port=8080)
    (line,) = lines(stream)
    assert list(line)[:6] == [
        *("timestamp", "level", "service", "environment", "logger", "message"),
    ]
    assert datetime.fromisoformat(line.pop("timestamp")).utcoffset() is not None
    assert line == {
        "level": "INFO",
        "service": "support",
        "environment": "production",
        "logger": "support-bot",
        "message": "started",
        "port": 8080,
    }
    (row,) = events.logs
    assert (row["level"], row["logger"], row["message"]) == ("INFO", "support-bot", "started")
    assert (row["service"], row["environment"]) == ("support", "production")
    assert row["tags"] == {"port": "8080"}
    assert row["time_ns"] > 1.6e18


def test_lines_and_events_carry_the_ids_of_the_running_request() -> None:
    stream = io.StringIO()
    log = llmmon.get_logger("ids", stream=stream)
    with (
        capture_events() as events,
        llmmon.track("outer") as outer,
        llmmon.track() as inner,
        inner.span("step"),
    ):
        log.warning("inside")
    (line,), (row,) = lines(stream), events.logs
    assert (line["trace_id"], line["request_id"]) == (outer.id, inner.id)
    assert (row["trace_id"], row["request_id"]) == (outer.id, inner.id)


def test_secrets_are_redacted_in_message_arguments_fields_and_tracebacks() -> None:
    stream = io.StringIO()
    log = llmmon.get_logger("secrets", stream=stream)
    with capture_events() as events:
        try:
            int("sk-abcdefghijklmnopqrstuvwx")
        except ValueError:
            log.exception(
                "failed with %s", "sk-abcdefghijklmnopqrstuvwx", request={"api_key": "hush"}
            )
    (line,) = lines(stream)
    assert line["message"] == "failed with [REDACTED]"
    assert line["error"] == "ValueError"
    assert "in test_secrets" in line["traceback"]
    for text in (stream.getvalue(), str(events.logs)):
        assert "hush" not in text
        assert "sk-abc" not in text


def test_levels_and_standard_logging_calls() -> None:
    stream = io.StringIO()
    log = llmmon.get_logger("levels", level="WARNING", stream=stream, publish=False)
    with capture_events() as events:
        log.debug("no")
        log.info("no")
        log.error("yes")
        log.critical("yes")
        logging.getLogger("levels").warning("plain %d", 5, extra={"user": "ann"})
    assert [line["level"] for line in lines(stream)] == ["ERROR", "CRITICAL", "WARNING"]
    assert lines(stream)[2]["message"] == "plain 5"
    assert lines(stream)[2]["user"] == "ann"
    assert events.logs == []


def test_asking_twice_does_not_print_twice() -> None:
    first, second = io.StringIO(), io.StringIO()
    llmmon.get_logger("twice", stream=first)
    log = llmmon.get_logger("twice", stream=second)
    with capture_events() as events:
        log.info("once")
    assert (first.getvalue(), len(lines(second)), len(events.logs)) == ("", 1, 1)


def test_a_field_never_hides_a_default_one() -> None:
    stream = io.StringIO()
    with capture_events():
        llmmon.get_logger("fields", stream=stream).info("kept", service="other", level="x")
    (line,) = lines(stream)
    assert line["level"] == "INFO"
    assert (line["field_service"], line["field_level"]) == ("other", "x")


def test_bad_arguments_do_not_raise() -> None:
    stream = io.StringIO()
    log = llmmon.get_logger("bad", stream=stream)
    with capture_events() as events:
        log.info("%d items", "many", value=object(), data={1: {2: b"x"}})
    assert "%d items" in lines(stream)[0]["message"]
    assert len(events.logs) == 1


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="LOUD"):
        llmmon.get_logger("loud", level="LOUD")


def test_any_field_name_can_be_used() -> None:
    stream = io.StringIO()
    with capture_events():
        llmmon.get_logger("names", stream=stream).info("kept", message="other", self=1)
    (line,) = lines(stream)
    assert (line["message"], line["field_message"], line["self"]) == ("kept", "other", 1)


def test_a_line_is_strict_json_and_can_be_written() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="utf-8", write_through=True)
    with capture_events():
        log = llmmon.get_logger("strict", stream=stream)
        log.info("half \ud83d a pair", ratio=float("nan"), most=[float("inf")])

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    line = json.loads(raw.getvalue(), parse_constant=refuse)
    assert line["message"] == "half ? a pair"
    assert (line["ratio"], line["most"]) == ("nan", ["inf"])
