"""SQL for looking up single requests, and results as viewers can read them. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from llmmon.errors import ControlError
from llmmon.protocol.names import DIMENSIONS

MOST_ROWS: Final = 1000
_RECENT: Final = (
    "id",
    "trace_id",
    "time",
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
    "all": ("", "start_ns DESC"),
    "errors": ("error IS NOT NULL", "start_ns DESC"),
    "slow": ("latency_ms IS NOT NULL", "latency_ms DESC"),
}
_INTEGERS: Final = range(-(2**63), 2**64)


def literal(text: str) -> str:
    """``text`` as an SQL expression."""
    parts = ["'" + part.replace("'", "''") + "'" for part in text.split("\0")]
    return parts[0] if len(parts) == 1 else f"({' || chr(0) || '.join(parts)})"


def recent_requests(
    limit: int,
    only: str,
    where: Iterable[tuple[str, str]],
    since_ns: int | None,
    until_ns: int | None = None,
) -> str:
    """The last, failed or slowest requests of the series that ``where`` picks, of those that began
    at or after ``since_ns`` and ended before ``until_ns``.

    Raises:
        ControlError: ``only`` or a dimension is unknown.
    """
    if only not in _ORDER:
        raise ControlError("bad_request", f"only: {only!r} is not one of {', '.join(_ORDER)}")
    condition, order = _ORDER[only]
    conditions = [condition] if condition else []
    for name, value in where:
        if name not in DIMENSIONS:
            raise ControlError("bad_request", f"where: {name!r} is not one of {DIMENSIONS}")
        conditions.append(_equals(name, value))
    if since_ns is not None:
        conditions.append(f"start_ns >= {since_ns:d}")
    if until_ns is not None:
        conditions.append(f"time < make_timestamp({-(-until_ns // 1000):d})")
    return _select("requests", _RECENT, conditions, f"{order} LIMIT {min(limit, MOST_ROWS):d}")


def _equals(dimension: str, value: str) -> str:
    """A condition; the empty text stands for requests that do not say."""
    same = f"{dimension} = {literal(value)}"
    return same if value else f"({same} OR {dimension} IS NULL)"


def trace_queries(trace_id: str) -> dict[str, str]:
    """What belongs to a trace, or to the trace of a request, by table."""
    wanted = literal(trace_id)
    inner = _select("requests", ["coalesce(max(trace_id), max(id))"], [f"id = {wanted}"])
    of_trace = f"trace_id = coalesce(({inner}), {wanted})"
    ids = "(" + _select("requests", ["id"], [f"({of_trace} OR id = {wanted})"]) + ")"
    return {
        "requests": _select("requests", "*", [f"({of_trace} OR id = {wanted})"], "start_ns"),
        "spans": _select("spans", "*", [of_trace], "start_ns"),
        "logs": _select("logs", "*", [f"({of_trace} OR request_id IN {ids})"], "time_ns"),
        "scores": _select("scores", "*", [f"request_id IN {ids}"], "time_ns"),
    }


def _select(table: str, columns: Sequence[str], conditions: Sequence[str], order: str = "") -> str:
    parts = ["SELECT", ", ".join(columns), "FROM", table]
    if conditions:
        parts += ["WHERE", " AND ".join(conditions)]
    if order:
        parts += ["ORDER BY", order]
    return " ".join(parts)


def as_rows(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    """Query results as one dict a row; ``time`` becomes ``time_ns``."""
    return [
        {
            "time_ns" if isinstance(value, datetime) and name == "time" else name: (
                epoch_ns(value) if isinstance(value, datetime) and name == "time" else plain(value)
            )
            for name, value in zip(columns, row, strict=True)
        }
        for row in rows
    ]


def epoch_ns(time: datetime) -> int:
    """Nanoseconds since 1970 of a stored time, which is UTC."""
    since = time.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000


def plain(value: Any) -> Any:
    """``value`` of a query as msgpack and JSON know it.

    Decimals become floats (``cost_pico_usd`` is there for exact sums), times ISO 8601 text, bytes
    hexadecimal text, integers beyond 64 bits text.
    """
    if value is None or isinstance(value, bool | float | str):
        return value
    if isinstance(value, int):
        return value if value in _INTEGERS else str(value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return _as_text_or_number(value)


def _as_text_or_number(value: Any) -> Any:
    match value:
        case Decimal():
            return float(value)
        case datetime() | date():
            return value.isoformat()
        case bytes():
            return value.hex()
    return str(value)
