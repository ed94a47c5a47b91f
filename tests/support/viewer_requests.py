"""Answers to what the lists of requests and of log lines ask of the store."""

from __future__ import annotations

from typing import Any, Final

from support.snapshots import AT_NS
from support.viewer_data import SECOND_NS, request_row
from support.viewer_peer import ViewerPeer

STORED_TOTAL: Final = 4812
LEVELS: Final = ("INFO", "INFO", "DEBUG", "WARNING", "INFO", "ERROR")


def table_of(rows: list[dict[str, Any]], columns: tuple[str, ...] = ()) -> dict[str, Any]:
    """Rows as the method ``query`` tells them."""
    names = list(rows[0]) if rows else list(columns)
    return {"columns": names, "rows": [list(row.values()) for row in rows], "truncated": False}


def stored_rows() -> list[dict[str, Any]]:
    """The slowest of the window: three that the tail no longer has, the worst first."""
    return [request_row(240 + number, latency_ms=41_500.0 - 9000 * number) for number in range(3)]


def log_row(number: int, **changes: Any) -> dict[str, Any]:
    """The ``number``th line, two seconds older than the one before."""
    fields = {
        "time_ns": AT_NS - number * 2 * SECOND_NS,
        "level": LEVELS[number % len(LEVELS)],
        "service": ("gateway", "retriever")[number % 2],
        "logger": "app.chat",
        "message": f"line {number}: upstream timeout after {number} s, will try again",
        "trace_id": f"trace-{number}" if number % 3 == 0 else None,
        "request_id": f"req-{number:04d}" if number % 3 == 0 else None,
        "environment": "prod",
        "host": "web-1",
        "tags": "{}",
    }
    return fields | changes


def level_rows() -> list[dict[str, Any]]:
    """Counts by level and bucket: errors in the newest bucket alone."""
    counts = [("INFO", bucket, 40 + bucket) for bucket in range(30)]
    counts += [("WARNING", bucket, bucket % 3) for bucket in range(30) if bucket % 3]
    counts += [("ERROR", 29, 7)]
    return [{"level": level, "bucket": bucket, "n": n} for level, bucket, n in counts]


def answer_queries(peer: ViewerPeer) -> None:
    """Let ``peer`` answer what these lists ask by SQL."""

    def query(params: dict[str, Any]) -> dict[str, Any]:
        sql = params["sql"]
        if "bucket" in sql:
            return table_of(level_rows())
        if "FROM logs" in sql:
            return table_of([log_row(number) for number in range(60)])
        if sql.startswith("SELECT count(*)"):
            return table_of([{"count_star()": STORED_TOTAL}])
        return table_of(stored_rows())

    peer.answers["query"] = query
