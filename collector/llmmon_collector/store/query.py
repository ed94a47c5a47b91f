"""Reading statements from outside, one at a time, bounded in rows, bytes and time. No writes."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final

import duckdb

from llmmon_collector.store.base import QueryError, QueryResult

_READING: Final = frozenset({duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN})
"""WITH, FROM, VALUES, DESCRIBE, SHOW and SUMMARIZE parse as SELECT."""

_STOPPING: Final = "the collector is stopping"
_CALLERS_FAULT: Final = (
    duckdb.DataError,
    duckdb.NotSupportedError,
    duckdb.PermissionException,
    duckdb.ProgrammingError,
    duckdb.TransactionException,
)
MOST_BYTES: Final = 64 << 20
"""About what the rows of one answer may take."""
_CHUNK_ROWS: Final = 64
"""Rows fetched before their bytes are counted."""
_AGAIN_S: Final = 0.05
MOST_AT_ONCE: Final = 4


def reader_threads() -> Executor:
    """Threads for ``MOST_AT_ONCE`` queries; more wait. Nothing else should run on them."""
    return ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="llmmon-query")


class Readers:
    """The connections that queries run on, so that closing waits for none of them."""

    def __init__(self) -> None:
        self._running: set[duckdb.DuckDBPyConnection] = set()
        self._changed = threading.Condition()
        self._closed = False

    @contextmanager
    def using(self, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """Have what runs on ``connection`` broken off by :meth:`close`.

        Raises:
            QueryError: it is closed already.
        """
        with self._changed:
            if self._closed:
                raise QueryError("failed", _STOPPING)
            self._running.add(connection)
        try:
            yield
        finally:
            with self._changed:
                self._running.discard(connection)
                self._changed.notify_all()

    def close(self) -> None:
        """Break off what runs, wait until it has ended, and let nothing begin any more."""
        with self._changed:
            self._closed = True
            while self._running:
                # a statement that is only about to begin does not hear the first time
                for connection in self._running:
                    connection.interrupt()
                self._changed.wait(_AGAIN_S)


@contextmanager
def time_limit(
    connection: duckdb.DuckDBPyConnection, timeout_s: float
) -> Iterator[threading.Event]:
    """Break off what runs on ``connection`` after ``timeout_s``, which the event tells.

    Raises:
        QueryError: it took too long, or the database refused it.
    """
    late = threading.Event()

    def interrupt() -> None:
        late.set()
        connection.interrupt()

    timer = threading.Timer(timeout_s, interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield late
    except duckdb.Error as error:
        if late.is_set():
            raise QueryError("timeout", f"the query took over {timeout_s:g} s") from None
        raise _refusal(error) from None
    finally:
        timer.cancel()


def run_query(
    connection: duckdb.DuckDBPyConnection, sql: str, limit: int, timeout_s: float
) -> QueryResult:
    """The first ``limit`` rows of ``sql`` on a ``connection`` of its own.

    What passes for a reading statement and still writes (EXPLAIN ANALYZE INSERT, a WITH that
    inserts) is stopped by the read-only transaction.

    Raises:
        QueryError: not one reading statement, too slow, too big, or the database refused it.
    """
    statement = _reading_statement(connection, sql)
    with time_limit(connection, timeout_s) as late:
        connection.execute("BEGIN TRANSACTION READ ONLY")
        connection.execute(statement)
        columns = [column[0] for column in connection.description or ()]
        rows = _fetch(connection, limit + 1, late)
    return QueryResult(columns, rows[:limit], len(rows) > limit)


def _fetch(
    connection: duckdb.DuckDBPyConnection, most: int, late: threading.Event
) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    size = 0
    while chunk := connection.fetchmany(min(_CHUNK_ROWS, most - len(rows))):
        if late.is_set():
            raise duckdb.InterruptException
        rows += chunk
        size += sum(map(_size, chunk))
        if size > MOST_BYTES:
            raise QueryError("too_big", f"the answer is over {MOST_BYTES >> 20} MiB: ask for less")
    return rows


def _size(values: Sequence[Any]) -> int:
    """Bytes of ``values``, about."""
    size = 8 * len(values)
    for value in values:
        if isinstance(value, str | bytes):
            size += len(value)
        elif isinstance(value, list | tuple):
            size += _size(value)
        elif isinstance(value, dict):
            size += _size((*value.keys(), *value.values()))
    return size


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
    if isinstance(error, duckdb.InterruptException):
        return QueryError("failed", _STOPPING)
    reason = str(error)
    if "pytz" in reason:
        reason = "a column is a time with a zone: cast it, as in now()::TIMESTAMP"
    code = "bad_request" if isinstance(error, _CALLERS_FAULT) else "failed"
    return QueryError(code, reason)
