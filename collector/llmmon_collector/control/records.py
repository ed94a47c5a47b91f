"""SQL for looking up single requests, and rows as viewers read them. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from llmmon.errors import ControlError
from llmmon.protocol.names import DIMENSIONS

MOST_ROWS: Final = 1000
_RECENT: Final = (
    "id",
    "trace_id",
    "end_ns",
    *DIMENSIONS,
    "user_id",
    "latency_ms",
    "ttft_ms",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "error",
    "status_code",
    "quality_score",
)
_ORDER: Final = {
    "all": ("", "end_ns DESC"),
    "errors": ("error IS NOT NULL", "end_ns DESC"),
    "slow": ("latency_ms IS NOT NULL", "latency_ms DESC"),
}


def literal(text: str) -> str:
    """``text`` as an SQL literal."""
    return "'" + text.replace("\0", "").replace("'", "''") + "'"


def recent_requests(limit: int, only: str, where: Mapping[str, str], since_ns: int | None) -> str:
    """The last, failed or slowest requests of the series that ``where`` picks.

    Raises:
        ControlError: ``only`` or a dimension is unknown.
    """
    if only not in _ORDER:
        raise ControlError("bad_request", f"only: {only!r} is not one of {', '.join(_ORDER)}")
    condition, order = _ORDER[only]
    conditions = [condition] if condition else []
    for name, value in where.items():
        if name not in DIMENSIONS:
            raise ControlError("bad_request", f"where: {name!r} is not one of {DIMENSIONS}")
        conditions.append(f"{name} = {literal(value)}")
    if since_ns is not None:
        conditions.append(f"end_ns >= {since_ns:d}")
    clause = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    columns = ", ".join(_RECENT)
    return (
        f"SELECT {columns} FROM requests{clause} ORDER BY {order} LIMIT {min(limit, MOST_ROWS):d}"
    )


def trace_queries(trace_id: str) -> dict[str, str]:
    """What belongs to a trace, or to the trace of a request, by table."""
    wanted = literal(trace_id)
    trace = f"(SELECT coalesce(max(trace_id), {wanted}) FROM requests WHERE id = {wanted})"
    of_trace = f"trace_id = {trace}"
    ids = f"(SELECT id FROM requests WHERE {of_trace} OR id = {wanted})"
    return {
        "requests": f"SELECT * FROM requests WHERE {of_trace} OR id = {wanted} ORDER BY start_ns",
        "spans": f"SELECT * FROM spans WHERE {of_trace} ORDER BY start_ns",
        "logs": f"SELECT * FROM logs WHERE {of_trace} OR request_id IN {ids} ORDER BY time_ns",
        "scores": f"SELECT * FROM scores WHERE request_id IN {ids} ORDER BY time_ns",
    }


def as_rows(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    """Query results as one dict a row."""
    return [dict(zip(columns, row, strict=True)) for row in rows]
