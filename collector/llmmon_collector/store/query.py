"""Reading statements from outside, bounded: one statement, no writes, no files, rows and time."""

from __future__ import annotations

import threading
from typing import Final

import duckdb

from llmmon_collector.store.base import QueryError, QueryResult

_READING: Final = frozenset({duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN})
"""WITH, FROM, VALUES, DESCRIBE, SHOW and SUMMARIZE parse as SELECT."""

_CALLERS_FAULT: Final = (
    duckdb.DataError,
    duckdb.NotSupportedError,
    duckdb.PermissionException,
    duckdb.ProgrammingError,
    duckdb.TransactionException,
)


def run_query(
    connection: duckdb.DuckDBPyConnection, sql: str, limit: int, timeout_s: float
) -> QueryResult:
    """The first ``limit`` rows of ``sql`` on a ``connection`` of its own.

    What passes for a reading statement and still writes (EXPLAIN ANALYZE INSERT, a WITH that
    inserts) is stopped by the read-only transaction.

    Raises:
        QueryError: not one reading statement, too slow, or the database refused it.
    """
    statement = _reading_statement(connection, sql)
    late = threading.Event()

    def interrupt() -> None:
        late.set()
        connection.interrupt()

    timer = threading.Timer(timeout_s, interrupt)
    timer.daemon = True
    timer.start()
    try:
        connection.execute("BEGIN TRANSACTION READ ONLY")
        connection.execute(statement)
        columns = [column[0] for column in connection.description or ()]
        rows = connection.fetchmany(limit + 1)
    except duckdb.Error as error:
        if late.is_set():
            raise QueryError("timeout", f"the query took over {timeout_s:g} s") from None
        raise _refusal(error) from None
    finally:
        timer.cancel()
    return QueryResult(columns, rows[:limit], len(rows) > limit)


def _reading_statement(connection: duckdb.DuckDBPyConnection, sql: str) -> duckdb.Statement:
    try:
        statements = connection.extract_statements(sql)
    except duckdb.Error as error:
        raise _refusal(error) from None
    if len(statements) != 1:
        raise QueryError("bad_request", f"{len(statements)} statements, expected one")
    if statements[0].type not in _READING:
        kind = statements[0].type.name
        raise QueryError("bad_request", f"{kind} statement: expected SELECT, WITH, DESCRIBE, SHOW")
    return statements[0]


def _refusal(error: duckdb.Error) -> QueryError:
    reason = str(error)
    if "pytz" in reason:
        reason = "a column is a time with a zone: cast it, as in now()::TIMESTAMP"
    code = "bad_request" if isinstance(error, _CALLERS_FAULT) else "failed"
    return QueryError(code, reason)
