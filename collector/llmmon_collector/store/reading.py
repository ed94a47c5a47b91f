"""Stored requests and rollups back into what the windows take. DuckDB to arrays, no rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import duckdb
import numpy as np
from numpy.typing import NDArray

from llmmon_collector.requests import MISSING, Requests
from llmmon_collector.series import SeriesKey, SeriesTable
from llmmon_collector.store.base import MINUTE_NS, Rollup, Span
from llmmon_collector.store.rollup import delta_of
from llmmon_collector.store.schema import COUNTS, SERIES, select
from llmmon_collector.windows.delta import run_starts

_CHUNK_ROWS: Final = 262_144
_CHUNK_ROLLUPS: Final = 8192
_MINUTE_US: Final = MINUTE_NS // 1000
_INTEGERS: Final = {
    "start_ns": "start_ns",
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cached_tokens": "cached_tokens",
    "cache_write_tokens": "cache_write_tokens",
    "reasoning_tokens": "reasoning_tokens",
    "cost_pico": "cost_pico_usd",
}
_FLOATS: Final = {
    **{name: name for name in ("latency_ms", "ttft_ms", "max_gap_ms", "refusal")},
    **{name: name for name in ("relevance", "coherence", "safety", "format", "factuality")},
    "quality": "quality_score",
}
_SOURCE: Final = "CASE cost_source WHEN 'provider' THEN 1 WHEN 'priced' THEN 2 ELSE 0 END"
_SINCE: Final = "time >= make_timestamp(?)"
_IN_SPAN: Final = "time BETWEEN make_timestamp(?) AND make_timestamp(?)"


def read_requests(
    connection: duckdb.DuckDBPyConnection, since_ns: int, series: SeriesTable
) -> Iterator[Requests]:
    """Requests that ended at or after ``since_ns``, in the order they were stored."""
    since_us = -(-since_ns // 1000)
    bounds = select(["min(rowid)", "max(rowid)"], f"FROM requests WHERE {_SINCE}")
    first, last = connection.execute(bounds, [since_us]).fetchall()[0]
    if first is None:
        return
    rows = f"FROM requests WHERE {_SINCE}"
    connection.register("k", series_codes(connection, rows, [since_us], series))
    sql = select(
        [
            *(f"{column} AS {name}" for name, column in (_INTEGERS | _FLOATS).items()),
            "(error IS NOT NULL)::UTINYINT AS error",
            f"({_SOURCE})::UTINYINT AS cost_source",
            "coalesce(code, 0)::INTEGER AS series",
        ],
        f"FROM requests LEFT JOIN k ON {same_series('requests')} "
        f"WHERE requests.rowid >= ? AND requests.rowid < ? AND {_SINCE}",
    )
    for start in range(first, last + 1, _CHUNK_ROWS):
        stop = min(start + _CHUNK_ROWS, last + 1)
        yield _requests(connection.execute(sql, [start, stop, since_us]).fetchnumpy())


def same_series(table: str = "rollups") -> str:
    """The condition that a row of ``table`` is of the series in a row of ``k``."""
    return " AND ".join(f"{table}.{name} IS NOT DISTINCT FROM k.{name}" for name in SERIES)


def series_codes(
    connection: duckdb.DuckDBPyConnection, rows_sql: str, values: list[int], series: SeriesTable
) -> dict[str, NDArray[Any]]:
    """The numbers of all series among some rows: those that were stored first come first."""
    sql = select([*SERIES], f"{rows_sql} GROUP BY ALL ORDER BY min(rowid)")
    rows = connection.execute(sql, values).fetchall()
    codes: dict[str, NDArray[Any]] = {
        name: np.array([row[i] for row in rows], np.object_) for i, name in enumerate(SERIES)
    }
    keys = (SeriesKey(*(value or "" for value in row)) for row in rows)
    codes["code"] = np.array([series.code(key) for key in keys], np.int32)
    return codes


def _requests(fetched: Mapping[str, NDArray[Any]]) -> Requests:
    integers = {name: _filled(fetched[name], MISSING).astype(np.int64) for name in _INTEGERS}
    floats = {name: _filled(fetched[name], np.nan).astype(np.float32) for name in _FLOATS}
    latency_ns = np.nan_to_num(floats["latency_ms"].astype(np.float64)) * 1e6
    columns: dict[str, Any] = {**integers, **floats}
    return Requests(
        series=_filled(fetched["series"], 0).astype(np.int32),
        end_ns=integers["start_ns"] + latency_ns.astype(np.int64),
        error=_filled(fetched["error"], 0).astype(np.bool_),
        cost_source=_filled(fetched["cost_source"], 0).astype(np.uint8),
        **columns,
    )


def read_rollups(
    connection: duckdb.DuckDBPyConnection, span: Span, series: SeriesTable
) -> Iterator[Rollup]:
    """What the minutes of ``span`` add up to, a step at a time, ascending."""
    rows = f"FROM rollups WHERE {_IN_SPAN}"
    step = f"epoch_us(time) // {span.step_us}"
    sql = select([f"{step} AS step", "count(*)"], f"{rows} GROUP BY ALL ORDER BY ALL")
    found = connection.execute(sql, [span.first_us, span.last_us]).fetchall()
    if not found:
        return
    bounds = [span.first_us, span.last_us]
    connection.register("k", series_codes(connection, rows, bounds, series))
    sql = select(
        [f"{step} AS step", "code", *(f"rollups.{name}" for name in (*COUNTS, "sketch"))],
        f"FROM rollups LEFT JOIN k ON {same_series()} WHERE {_IN_SPAN} ORDER BY step",
    )
    for first, last in _chunks(found):
        chunk = max(first * span.step_us, span.first_us), (last + 1) * span.step_us - 1
        fetched = connection.execute(sql, [chunk[0], min(chunk[1], span.last_us)]).fetchnumpy()
        yield from _rollups(fetched, span.step_us)


def _chunks(found: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Runs of steps, first and last, that have about ``_CHUNK_ROLLUPS`` rows each."""
    first, rows = found[0][0], 0
    for i, (step, count) in enumerate(found):
        rows += count
        if rows >= _CHUNK_ROLLUPS or i == len(found) - 1:
            yield first, step
            first, rows = step + 1, 0


def _rollups(fetched: Mapping[str, NDArray[Any]], step_us: int) -> Iterator[Rollup]:
    rows = {name: _filled(column, 0) for name, column in fetched.items()}
    starts = run_starts(rows["step"])
    for start, stop in pairwise([*starts.tolist(), len(rows["step"])]):
        part = {name: column[start:stop] for name, column in rows.items()}
        yield Rollup(int(rows["step"][start]) * step_us * 1000, delta_of(part))


def read_minutes(
    connection: duckdb.DuckDBPyConnection, minutes_us: Sequence[int], series: SeriesTable
) -> list[Rollup]:
    """All that is stored of some minutes, ascending and at least one, merged."""
    bounds = [minutes_us[0], minutes_us[-1]]
    connection.register("m", {"at_us": np.array(minutes_us, np.int64)})
    where = f"WHERE {_IN_SPAN} AND epoch_us(time) IN (FROM m)"
    connection.register("k", series_codes(connection, f"FROM rollups {where}", bounds, series))
    sql = select(
        [f"epoch_us(time) // {_MINUTE_US} AS step", "code", *COUNTS, "sketch"],
        f"FROM rollups LEFT JOIN k ON {same_series()} {where} ORDER BY step",
    )
    fetched = connection.execute(sql, bounds).fetchnumpy()
    for view in ("k", "m"):
        connection.unregister(view)
    return list(_rollups(fetched, _MINUTE_US)) if len(fetched["step"]) else []


def read_begin_ns(connection: duckdb.DuckDBPyConnection, since_ns: int) -> int | None:
    """When the earliest request from ``since_ns`` on ended, or its minute if only that is known."""
    since_us = -(-since_ns // 1000)
    asked = "SELECT epoch_us(min(time)) FROM"
    request_us = connection.execute(f"{asked} requests WHERE {_SINCE}", [since_us]).fetchall()[0][0]
    minute_us = connection.execute(f"{asked} rollups WHERE {_SINCE}", [since_us]).fetchall()[0][0]
    if request_us is None or (minute_us is not None and minute_us + _MINUTE_US < request_us):
        return None if minute_us is None else int(minute_us) * 1000
    return int(request_us) * 1000


def _filled(column: NDArray[Any], value: Any) -> NDArray[Any]:
    if not isinstance(column, np.ma.MaskedArray):
        return column
    filled: NDArray[Any] = column.data.copy()
    filled[column.mask] = value
    return filled
