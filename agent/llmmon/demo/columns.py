"""Which column of a trace is which field of a request, and how its text becomes a value. Pure.

Names are compared in lower case, with every run of other characters as one underscore, so that
``Request tokens``, ``request_tokens`` and ``Request-Tokens`` are one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

TIME: Final = "t"
"""The pseudo field of a row's place in time, in seconds."""
ERROR: Final = "error"
STATUS: Final = "status_code"
_NONE_TEXTS: Final = frozenset({"", "none", "null", "nan", "n/a", "-"})
_FINE_TEXTS: Final = frozenset({"0", "false", "ok", "success"})
_NOT_NAME: Final = re.compile(r"[^a-z0-9]+")


class Column(NamedTuple):
    """What a known column means."""

    field: str
    convert: Callable[[Any], Any]
    """Raises ValueError or TypeError with what was expected."""


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError("expected a number")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError("expected a number") from None
    if not math.isfinite(number):
        raise ValueError("expected a finite number")
    return number


def _positive(value: Any) -> float:
    number = _number(value)
    if number < 0:
        raise ValueError("expected 0 or more")
    return number


def _seconds(value: Any) -> float:
    return _positive(value) * 1000.0


def _count(value: Any) -> int:
    number = _positive(value)
    if number != int(number) or number >= 2**32:
        raise ValueError("expected a whole number below 2^32")
    return int(number)


def _score(value: Any) -> float:
    number = _positive(value)
    if number > 1:
        raise ValueError("expected 0 to 1")
    return number


def _text(value: Any) -> str:
    if isinstance(value, dict | list):
        raise TypeError("expected text")
    return str(value)


def _status(value: Any) -> int:
    number = _count(value)
    if not 100 <= number <= 599:
        raise ValueError("expected an HTTP status of 100 to 599")
    return number


def _error(value: Any) -> str | None:
    text = "error" if value is True else str(value).strip()
    return None if text.lower() in _FINE_TEXTS else text[:256]


def _flag(value: Any) -> bool:
    text = str(value).strip().lower()
    if text in ("1", "true", "yes", "streaming"):
        return True
    if text in ("0", "false", "no"):
        return False
    raise ValueError("expected true or false")


def _moment(value: Any) -> float:
    """Seconds: as they are, or those of an ISO 8601 date and time (UTC where it names no zone)."""
    try:
        return _number(value)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(_to_microseconds(str(value)))
    except ValueError:
        raise ValueError("expected seconds or an ISO 8601 time") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _to_microseconds(text: str) -> str:
    return re.sub(r"(\.\d{6})\d+", r"\1", text)


def _moment_ms(value: Any) -> float:
    return _number(value) / 1000.0


_SPELLINGS: Final[dict[Column, str]] = {
    Column(TIME, _moment): "t time timestamp start arrival_time arrived_at start_time",
    Column(TIME, _moment_ms): "t_ms timestamp_ms",
    Column("latency_ms", _seconds): (
        "end_to_end_latency_s latency_s duration_s e2e_latency_s elapsed_time"
    ),
    Column("latency_ms", _positive): "latency_ms duration_ms end_to_end_latency_ms",
    Column("ttft_ms", _seconds): "ttft_s time_to_first_token_s",
    Column("ttft_ms", _positive): "ttft_ms time_to_first_token_ms",
    Column("max_gap_ms", _positive): "max_gap_ms",
    Column("input_tokens", _count): (
        "input_tokens prompt_tokens context_tokens contexttokens request_tokens input_length "
        "num_prefill_tokens"
    ),
    Column("output_tokens", _count): (
        "output_tokens completion_tokens generated_tokens generatedtokens response_tokens "
        "output_length num_decode_tokens"
    ),
    Column("cached_tokens", _count): (
        "cached_tokens cached_input_tokens cached_input_tokens_if_infinite_cache "
        "cache_read_input_tokens"
    ),
    Column("cache_write_tokens", _count): "cache_write_tokens cache_creation_input_tokens",
    Column("reasoning_tokens", _count): "reasoning_tokens",
    Column("cost_usd", _positive): "cost_usd cost",
    Column(ERROR, _error): "error error_code error_type",
    Column(STATUS, _status): "status_code http_status",
    Column("retries", _count): "retries",
    Column("finish_reason", _text): "finish_reason",
    Column("provider", _text): "provider",
    Column("model", _text): "model model_name",
    Column("operation", _text): "operation",
    Column("route", _text): "route endpoint",
    Column("user_id", _text): "user_id user",
    Column("session_id", _text): "session_id conversation_id",
    Column("stream", _flag): "stream",
    Column("query", _text): "query prompt",
    Column("response", _text): "response completion",
    Column("context", _text): "context",
    **{
        Column(name, _score): name
        for name in ("relevance", "coherence", "safety", "format", "factuality", "refusal")
    },
}
COLUMNS: Final[Mapping[str, Column]] = {
    spelling: column for column, spellings in _SPELLINGS.items() for spelling in spellings.split()
}
"""Every accepted column name."""


def find_column(name: str) -> Column | None:
    """What the column called ``name`` means, None where nothing is known of it."""
    return COLUMNS.get(_NOT_NAME.sub("_", name.lower()).strip("_"))


def is_missing(value: Any) -> bool:
    """Whether a cell says that there is no value."""
    return value is None or (isinstance(value, str) and value.strip().lower() in _NONE_TEXTS)
