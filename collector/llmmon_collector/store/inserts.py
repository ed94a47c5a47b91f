"""Column arrays into DuckDB tables. Arrays are scanned in place; nothing goes row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import duckdb
import numpy as np
from numpy.typing import NDArray

from llmmon_collector.store.fold import NO_COUNTER, NO_VALUE, Folded
from llmmon_collector.store.schema import delete, written

_SPECIAL: Final = {
    "id": f"COALESCE({{id}}, b.id_prefix || '-' || lower(to_hex(NULLIF(e.counter, {NO_COUNTER}))))",
    "cost_source": "CASE e.cost_source WHEN 1 THEN 'provider' WHEN 2 THEN 'priced' END",
    "stream": "CASE e.stream WHEN 1 THEN TRUE WHEN 0 THEN FALSE END",
}
_NEVER_MISSING: Final = frozenset({"start_ns", "time_ns"})

Columns = Mapping[str, NDArray[Any]]


def insert_events(connection: duckdb.DuckDBPyConnection, folded: Folded) -> None:
    """Insert the rows of every table in ``folded``, within the transaction that is open."""
    for table in ("requests", "spans", "logs", "scores"):
        events: Columns = getattr(folded, table)
        if len(events["batch"]):
            _insert_joined(connection, table, events, folded)
    insert_rows(connection, "rollups", folded.rollups)


def _insert_joined(
    connection: duckdb.DuckDBPyConnection, table: str, events: Columns, folded: Folded
) -> None:
    """Insert ``events`` with what their batch and their series key say of all their rows."""
    views = {"e": events, "b": folded.batches}
    joins = "e JOIN b ON e.batch = b.batch"
    if "key" in events and len(folded.keys["key"]):
        views["k"] = folded.keys
        joins += " LEFT JOIN k ON e.key = k.key"
    chosen = {name: _expression(name, views) for name in written(table)}
    _run(connection, f"{_into(table, chosen)} FROM {joins}", views)


def _expression(name: str, views: Mapping[str, Columns]) -> str:
    events = views["e"]
    if name in _SPECIAL and "counter" in events:
        return _SPECIAL[name].format(id="e.id" if "id" in events else "NULL")
    if name in events:
        is_integer = events[name].dtype == np.int64 and name not in _NEVER_MISSING
        return f"NULLIF(e.{name}, {NO_VALUE})" if is_integer else f"e.{name}"
    return next((f"{view}.{name}" for view in ("k", "b") if name in views.get(view, ())), "NULL")


def insert_rows(connection: duckdb.DuckDBPyConnection, table: str, rows: Columns) -> None:
    """Insert ``rows``, which hold every column that ``table`` is written by."""
    if len(next(iter(rows.values()))):
        chosen = {name: f"r.{name}" for name in written(table)}
        _run(connection, f"{_into(table, chosen)} FROM r", {"r": rows})


def delete_agents(connection: duckdb.DuckDBPyConnection, rows: Columns) -> None:
    """Delete the agents that ``rows`` name by ``agent_id`` and ``epoch``."""
    sql = "DELETE FROM agents USING r WHERE agents.agent_id = r.agent_id AND agents.epoch = r.epoch"
    _run(connection, sql, {"r": rows})


def delete_minutes(connection: duckdb.DuckDBPyConnection, minutes_us: Sequence[int]) -> None:
    """Delete the rollups of the minutes, ascending, that begin at ``minutes_us``."""
    within = f"BETWEEN make_timestamp({minutes_us[0]:d}) AND make_timestamp({minutes_us[-1]:d})"
    rest = f"USING r WHERE rollups.time = make_timestamp(r.at_us) AND rollups.time {within}"
    sql = delete("rollups", rest)
    _run(connection, sql, {"r": {"at_us": np.array(minutes_us, np.int64)}})


def _into(table: str, chosen: Mapping[str, str]) -> str:
    return f"INSERT INTO {table} ({', '.join(chosen)}) SELECT {', '.join(chosen.values())}"


def _run(connection: duckdb.DuckDBPyConnection, sql: str, views: Mapping[str, Columns]) -> None:
    """Execute ``sql`` over arrays. When it fails, the caller's rollback drops their views."""
    for name, columns in views.items():
        connection.register(name, dict(columns))
    connection.execute(sql)
    for name in views:
        connection.unregister(name)
