"""The daemon's log lines: JSON or key=value, levels, and nothing secret in them."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from llmmon_collector.logs import configure_logs, get_logger
from llmmon_collector.scrub import MASK, scrub, scrub_value


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("llmmon_collector").setLevel(logging.NOTSET)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object() -> None:
    stream = io.StringIO()
    configure_logs("info", stream)
    get_logger("llmmon_collector.intake").info("batch refused", agent="a\x1b[31m", count=3)
    (line,) = lines(stream)
    assert line.pop("at").endswith("Z")
    assert line == {
        "event": "batch refused",
        "level": "info",
        "logger": "llmmon_collector.intake",
        "agent": "a\x1b[31m",
        "count": 3,
    }


def test_a_terminal_gets_key_value_without_control_characters() -> None:
    stream = Terminal()
    configure_logs("info", stream)
    get_logger("llmmon_collector").warning("odd agent", agent="a\x1b[31m\nx")
    (line,) = stream.getvalue().splitlines()
    assert "level='warning' event='odd agent'" in line
    assert "\x1b" not in line


def test_levels() -> None:
    stream = io.StringIO()
    configure_logs("warning", stream)
    log = get_logger("llmmon_collector")
    log.info("no")
    log.error("yes")
    logging.getLogger("aiohttp").info("no")
    logging.getLogger("aiohttp").warning("library %s", "yes")
    assert [line["event"] for line in lines(stream)] == ["yes", "library yes"]
    with pytest.raises(ValueError, match="use one of debug, info, warning, error"):
        configure_logs("loud")


def test_debug_shows_our_own_lines() -> None:
    stream = io.StringIO()
    configure_logs("debug", stream)
    get_logger("llmmon_collector.rules").debug("evaluated")
    logging.getLogger("apprise").debug("payload with a routing key")
    assert [line["event"] for line in lines(stream)] == ["evaluated"]


def test_secrets_are_masked_in_fields_exceptions_and_library_lines() -> None:
    stream = io.StringIO()
    configure_logs("info", stream)
    log = get_logger("llmmon_collector")
    log.info("sent to https://hooks.slack.com/services/T0/B0/xyz", api_key="k" * 9, tokens=12)
    log.info("nested", request={"headers": [{"Authorization": "Bearer abc.def"}], "n": 1})
    try:
        int("postgresql://me:hunter2@db/x")
    except ValueError:
        log.exception("query failed")
    logging.getLogger("lib").warning("token=%s", "s3cr3t-s3cr3t")
    first, second, third, fourth = lines(stream)
    assert first["event"] == "sent to https://hooks.slack.com/***"
    assert (first["api_key"], first["tokens"]) == (MASK, 12)
    assert second["request"] == {"headers": [{"Authorization": MASK}], "n": 1}
    assert "hunter2" not in third["exception"]
    assert "ValueError" in third["exception"]
    assert fourth["event"] == f"token={MASK}"


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abcdefgh12345678",
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_abcdefghijklmnop1234",
        "xoxb-123456789-abc",
        "eyJhbGciOiJI.eyJzdWIiOiIx.c2ln",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_known_shapes_are_masked(secret: str) -> None:
    assert scrub(f"before {secret} after") == f"before {MASK} after"


def test_plain_text_is_kept() -> None:
    text = "p95 of chat is 5000 ms at http://127.0.0.1:8000/v1?limit=3, tokens: 12"
    assert scrub(text) == text


@given(st.recursive(st.text(max_size=20) | st.integers() | st.none(), st.lists, max_leaves=20))
def test_any_value_can_be_scrubbed(value: Any) -> None:
    json.dumps(scrub_value("field", value))
