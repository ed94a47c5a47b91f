"""Requests as the collector tells them, one by one: the tail and what was asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from llmmon.errors import SchemaError
from llmmon.protocol.codec import unpack
from llmmon.protocol.snapshot import MAX_ITEMS
from llmmon_tui import fields

KEPT: Final = 400
KEPT_FAILED: Final = 100
"""Failed requests kept beyond those: a busy minute must not push out the few that failed."""
_MESSAGES: Final = 20
"""Of the tail, over which its share is told: some seconds."""
_TEXTS: Final = (
    *("id", "model", "operation", "route", "error", "user_id"),
    *("provider", "service", "environment", "trace_id"),
)
_NUMBERS: Final = (
    "latency_ms",
    "ttft_ms",
    "cost_usd",
    "quality_score",
)
_COUNTS: Final = ("time_ns", "status_code", "input_tokens", "output_tokens")


class RequestRow(NamedTuple):
    """One request that has ended; None where it was not told."""

    id: str
    time_ns: int
    model: str | None
    operation: str | None
    route: str | None
    latency_ms: float | None
    ttft_ms: float | None
    error: str | None
    status_code: int | None
    cost_usd: float | None
    quality_score: float | None
    input_tokens: int | None
    output_tokens: int | None
    user_id: str | None
    provider: str | None = None
    service: str | None = None
    environment: str | None = None
    trace_id: str | None = None

    @property
    def failed(self) -> bool:
        """Whether it ended in an error."""
        return self.error is not None or (self.status_code or 0) >= 400


def parse_row(plain: Any) -> RequestRow | None:
    """A row, or None when it has no id or time; fields of a wrong type count as not told."""
    if not isinstance(plain, dict):
        return None
    texts = {name: fields.text(plain.get(name)) for name in _TEXTS}
    numbers = {name: fields.number(plain.get(name)) for name in _NUMBERS}
    counts = {name: fields.whole(plain.get(name)) for name in _COUNTS}
    if not texts["id"] or counts["time_ns"] is None:
        return None
    values: Mapping[str, Any] = {**texts, **numbers, **counts}
    return RequestRow(**values)


def parse_rows(plain: Any) -> list[RequestRow]:
    """The readable rows of a list.

    Raises:
        SchemaError: not a list.
    """
    if not isinstance(plain, list):
        raise SchemaError("requests: expected a list of rows")
    return [row for item in plain if (row := parse_row(item)) is not None]


def decode_tail(payload: bytes) -> tuple[list[RequestRow], int]:
    """The rows of one message of `tail.requests`, and how many it says were left out.

    Raises:
        SchemaError: another shape than the protocol's.
    """
    match unpack(payload, MAX_ITEMS):
        case {"rows": list() as rows, "sampled_out": int() as sampled_out}:
            return parse_rows(rows), sampled_out
    raise SchemaError("tail: expected rows and sampled_out")


class TailShare:
    """How much of what comes the tail has shown of late, by its last messages."""

    def __init__(self) -> None:
        self._told: deque[tuple[int, int]] = deque(maxlen=_MESSAGES)

    def add(self, shown: int, sampled_out: int) -> None:
        """A message with so many rows came, and so many were left out of it."""
        self._told.append((shown, sampled_out))

    @property
    def share(self) -> float | None:
        """From 0 to 1; None before anything came."""
        shown = sum(one for one, _ in self._told)
        came = shown + sum(left_out for _, left_out in self._told)
        return shown / came if came else None


def merge_rows(
    known: Iterable[RequestRow],
    news: Iterable[RequestRow],
    kept: int = KEPT,
    kept_failed: int = KEPT_FAILED,
) -> tuple[RequestRow, ...]:
    """Both without repeats, newest first: the newest `kept`, and older ones that failed."""
    by_id = {row.id: row for row in known} | {row.id: row for row in news}
    rows = sorted(by_id.values(), key=lambda row: -row.time_ns)
    failed = [row for row in rows[kept:] if row.failed]
    return (*rows[:kept], *failed[:kept_failed])
