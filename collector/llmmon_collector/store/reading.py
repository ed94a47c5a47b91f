"""Stored requests and rollups back into what the windows take. DuckDB to arrays, no rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import duckdb
import numpy as np
from numpy.typing import NDArray

from llmmon_collector.requests import MISSING, Requests
from llmmon_collector.series import SeriesKey, SeriesTable
from llmmon_collector.store.base import Rollup
from llmmon_collector.store.rollup import MINUTE_NS, delta_of
from llmmon_collector.store.schema import SERIES, select, written

_CHUNK_ROWS: Final = 262_144
_MINUTES_AT_ONCE: Final = 16
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


def read_requests(
    connection: duckdb.DuckDBPyConnection, since_ns: int, series: SeriesTable
) -> Iterator[Requests]:
    """Requests that ended at or after ``since_ns``, in the order they were stored."""
    since_us = -(-since_ns // 1000)
    bounds = select(["min(rowid)", "max(rowid)"], f"FROM requests WHERE {_SINCE}")
    first, last = connection.execute(bounds, [since_us]).fetchall()[0]
    if first is None:
        return
    connection.register("k", _series_codes(connection, since_us, series))
    same = " AND ".join(f"requests.{name} IS NOT DISTINCT FROM k.{name}" for name in SERIES)
    sql = select(
        [
            *(f"{column} AS {name}" for name, column in (_INTEGERS | _FLOATS).items()),
            "(error IS NOT NULL)::UTINYINT AS error",
            f"({_SOURCE})::UTINYINT AS cost_source",
            "coalesce(code, 0)::INTEGER AS series",
        ],
        f"FROM requests LEFT JOIN k ON {same} "
        f"WHERE requests.rowid >= ? AND requests.rowid < ? AND {_SINCE}",
    )
    for start in range(first, last + 1, _CHUNK_ROWS):
        stop = min(start + _CHUNK_ROWS, last + 1)
        yield _requests(connection.execute(sql, [start, stop, since_us]).fetchnumpy())


def _series_codes(
    connection: duckdb.DuckDBPyConnection, since_us: int, series: SeriesTable
) -> dict[str, NDArray[Any]]:
    sql = select(SERIES, f"FROM requests WHERE {_SINCE} GROUP BY ALL")
    rows = connection.execute(sql, [since_us]).fetchall()
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
    connection: duckdb.DuckDBPyConnection, since_ns: int, series: SeriesTable
) -> Iterator[Rollup]:
    """Minutes that end after ``since_ns``, each once, ascending."""
    sql = "SELECT DISTINCT epoch_us(time) FROM rollups WHERE time > make_timestamp(?) ORDER BY 1"
    found = connection.execute(sql, [(since_ns - MINUTE_NS) // 1000]).fetchall()
    minutes_us = [row[0] for row in found]
    for i in range(0, len(minutes_us), _MINUTES_AT_ONCE):
        group = minutes_us[i : i + _MINUTES_AT_ONCE]
        yield from _read_minutes(connection, group[0], group[-1], series)


def read_minute(
    connection: duckdb.DuckDBPyConnection, minute_ns: int, series: SeriesTable
) -> Rollup | None:
    """All that is stored of one minute, merged."""
    at_us = minute_ns // 1000
    return next(_read_minutes(connection, at_us, at_us, series), None)


def _read_minutes(
    connection: duckdb.DuckDBPyConnection, first_us: int, last_us: int, series: SeriesTable
) -> Iterator[Rollup]:
    names = [name for name in written("rollups") if name != "time"]
    sql = select(
        ["epoch_us(time) AS minute_us", *names],
        "FROM rollups WHERE time BETWEEN make_timestamp(?) AND make_timestamp(?) ORDER BY time",
    )
    fetched = connection.execute(sql, [first_us, last_us]).fetchnumpy()
    rows = {name: _filled(column, None) for name, column in fetched.items()}
    minutes_us, starts = np.unique(rows["minute_us"], return_index=True)
    for minute_us, start, stop in zip(
        minutes_us, starts, [*starts[1:], len(rows["minute_us"])], strict=True
    ):
        part = {name: column[start:stop] for name, column in rows.items()}
        yield Rollup(int(minute_us) * 1000, delta_of(part, series))


def _filled(column: NDArray[Any], value: Any) -> NDArray[Any]:
    if not isinstance(column, np.ma.MaskedArray):
        return column
    filled: NDArray[Any] = column.data.copy()
    filled[column.mask] = value
    return filled
