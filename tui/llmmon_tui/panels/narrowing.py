"""What the view narrows rows of the store to, as SQL: its window, its group and its filter."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from llmmon.errors import SchemaError
from llmmon_tui.filtering.kinds import KINDS
from llmmon_tui.filtering.parse import parse_filter
from llmmon_tui.filtering.sql import literal, where_sql
from llmmon_tui.model import Picture
from llmmon_tui.panels.values import first_limit

_SECOND_NS: Final = 1_000_000_000
_LOG_LABELS: Final = ("service", "environment")
"""What lines of the log tell of themselves; the rest is known of their request alone."""


def window_of(picture: Picture) -> int:
    """Length in s of the window shown."""
    return picture.view.window_s if picture.window is None else picture.window.window_s


def slow_ms(picture: Picture) -> float | None:
    """The latency above which a request is slow; None where no limit is known."""
    snapshot = picture.snapshot
    return None if snapshot is None else first_limit("latency_p95", snapshot.limits)


def requests_sql(picture: Picture) -> str:
    """A condition on the table `requests`."""
    labels = _labels_sql(picture, KINDS["requests"].texts)
    passes = where_sql(parse_filter(picture.view.filter), "requests", slow_ms(picture))
    return " AND ".join([span_sql(picture), *labels, passes])


def logs_sql(picture: Picture) -> str:
    """A condition on the table `logs`; by what only requests tell, the lines of such requests."""
    known = _labels_sql(picture, _LOG_LABELS)
    others = [name for name in KINDS["requests"].texts if name not in _LOG_LABELS]
    of_requests = _labels_sql(picture, others)
    if of_requests:
        inner = " AND ".join([span_sql(picture), *of_requests])
        known.append(f"request_id IN ({select_sql(('id',), 'requests', inner)})")
    return " AND ".join(
        [span_sql(picture), *known, where_sql(parse_filter(picture.view.filter), "logs")]
    )


def select_sql(columns: Iterable[str], table: str, where: str, rest: str = "") -> str:
    """A statement that reads `columns` of the rows of `table` for which `where` holds."""
    parts = ["SELECT", ", ".join(columns), "FROM", table, "WHERE", where, rest]
    return " ".join(filter(None, parts))


def span_sql(picture: Picture) -> str:
    """The window up to the instant shown."""
    until_us = picture.at_ns // 1000
    since_us = until_us - window_of(picture) * 1_000_000
    return f"time BETWEEN make_timestamp({since_us}) AND make_timestamp({until_us})"


def about(picture: Picture) -> tuple[Any, ...]:
    """What an answer about such rows is about besides the instant."""
    view = picture.view
    return window_of(picture), view.filter, tuple(sorted(view.where.items()))


def refresh_s(picture: Picture) -> float:
    """How long rows of the window are worth showing: a long one costs more to read."""
    return min(30.0, max(2.0, window_of(picture) / 150))


def parse_table(result: Any) -> list[dict[str, Any]]:
    """The rows that the control method `query` tells, by the names of their columns.

    Raises:
        SchemaError: another shape than the protocol's.
    """
    match result:
        case {"columns": list(columns), "rows": list(rows)}:
            return [dict(zip(map(str, columns), row, strict=False)) for row in rows]
    raise SchemaError("query: expected columns and rows")


def _labels_sql(picture: Picture, names: tuple[str, ...] | list[str]) -> list[str]:
    return [
        f"coalesce({name}, '') = {literal(value)}"
        for name, value in picture.view.where.items()
        if name in names
    ]
