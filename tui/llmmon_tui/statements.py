"""SQL that screens send to the collector's store: literals, conditions, and what comes back. Pure.

Instants always come in as arguments, never from the database's clock, so that the same statement
tells of the past.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from llmmon.errors import SchemaError
from llmmon_tui.filtering.sql import literal

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO_NS: Final = 1_000

KNOWN_SINCE: Final = "SELECT epoch_ns(min(time)) FROM rollups"
"""Where the sums that are stored begin."""
ROW_LIMIT: Final = 10_000
"""Rows asked for at most."""


def instant(at_ns: int) -> str:
    """An instant (ns since 1970) as a TIMESTAMP of the store: UTC, to the microsecond below."""
    at = _EPOCH + timedelta(microseconds=at_ns // _MICRO_NS)
    return f"TIMESTAMP '{at:%Y-%m-%d %H:%M:%S.%f}'"


def select(values: str, source: str, condition: str, rest: str = "") -> str:
    """A reading statement of these parts, which are SQL themselves."""
    return " ".join(("SELECT", values, "FROM", source, "WHERE", condition, rest)).rstrip()


def between(since_ns: int, until_ns: int, where: Mapping[str, str]) -> str:
    """The condition for rows from `since_ns` to before `until_ns` that have these labels.

    A label that is empty stands for rows without it.
    """
    span = f"time >= {instant(since_ns)} AND time < {instant(until_ns)}"
    return " AND ".join([span, *(_has(name, value) for name, value in where.items())])


def asked(sql: str, limit: int = ROW_LIMIT) -> dict[str, Any]:
    """Parameters of the method `query`; the collector gives up after its own ten seconds."""
    return {"sql": sql, "limit": limit}


def answered(result: Any, columns: int) -> tuple[list[list[Any]], bool]:
    """The rows of an answer to `query`, and whether others were left out.

    Raises:
        SchemaError: another shape, or rows that do not have so many columns.
    """
    match result:
        case {"rows": list() as rows, "truncated": bool() as truncated}:
            if all(isinstance(row, Sequence) and len(row) == columns for row in rows):
                return [list(row) for row in rows], truncated
    raise SchemaError(f"query: expected rows of {columns} columns, and truncated")


def whole_number(value: Any) -> int:
    """A count or an amount; 0 for NULL, which a sum over no rows is.

    What is too large for the protocol's integers comes as text.

    Raises:
        SchemaError: not a whole number.
    """
    if value is None:
        return 0
    if type(value) is int or (isinstance(value, str) and value.isdecimal()):
        return int(value)
    raise SchemaError(f"query: expected a whole number, got {str(value)[:32]!r}")


def _has(name: str, value: str) -> str:
    return f"coalesce({name}, '') = {literal(value)}"
