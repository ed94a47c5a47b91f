"""The store in an embedded DuckDB file."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np

from llmmon.errors import ProtocolError
from llmmon.protocol.snapshot import AlertView, HealthView
from llmmon_collector.journal import Cursor
from llmmon_collector.requests import Prices, Requests
from llmmon_collector.series import SeriesTable
from llmmon_collector.store.base import (
    AgentRow,
    Committed,
    QueryError,
    QueryResult,
    Rollup,
    Span,
    StoreError,
    Stretch,
)
from llmmon_collector.store.fold import EventFold
from llmmon_collector.store.handle import Handle
from llmmon_collector.store.inserts import (
    delete_agents,
    delete_minutes,
    insert_events,
    insert_rows,
)
from llmmon_collector.store.query import Readers, run_query, time_limit
from llmmon_collector.store.reading import read_begin_ns, read_minutes, read_requests, read_rollups
from llmmon_collector.store.rollup import rows_of
from llmmon_collector.store.schema import SERIES, ddl, delete, select
from llmmon_collector.store.streams import Key, book, fold_away
from llmmon_collector.store.sums import read_sums
from llmmon_collector.store.views import AGENTS_SQL, agent_of, agent_rows, alert_rows, health_rows

_DAY_NS: Final = 86_400 * 10**9
_PARTIAL_NS: Final = 2 * _DAY_NS
"""How far back an opened store is searched for minutes that were left in parts."""
_MINUTES_AT_ONCE: Final = 16
"""Merged in one transaction."""
_WRITTEN_AT_MOST: Final = 20_000_000
"""Events after which the file is opened anew: that holds about as many bytes."""
_EVENTS: Final = ("requests", "spans", "logs", "scores", "health")
_AGGREGATES: Final = ("rollups", "alerts")
_POISON: Final = (duckdb.DataError, duckdb.ProgrammingError, duckdb.IntegrityError)
_LOCKED: Final = {
    "enable_external_access": "false",
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
    "python_enable_replacements": "false",
    "allocator_flush_threshold": "16MB",
    "checkpoint_threshold": "64MB",
}
_AFTER_OPENING: Final = ("SET GLOBAL TimeZone = 'UTC'", "SET lock_configuration = true")
"""No query reaches a file, the network, an extension or a variable of this process.

A checkpoint every 64 MB of log, not every 16, saves a third of the time of small folds. Memory that
a fold leaves free is given back at once.
"""


class DuckStore:
    """See :class:`~llmmon_collector.store.base.Store`. One process at a time can have the file."""

    def __init__(
        self,
        path: Path,
        prices: Prices,
        max_series: int = 10_000,
        memory_limit_mb: int = 128,
        threads: int = 1,
    ) -> None:
        """Open the database at ``path``, made if need be.

        One of ``threads`` is the caller's own. With a second, threads wait for each other to read
        Python's texts, which takes a fold up to three times as long.

        Raises:
            StoreError: it cannot be opened, or another process has it.
        """
        self._path = path
        self._max_series = max_series
        self._config: dict[str, Any] = {
            "memory_limit": f"{memory_limit_mb}MB",
            "threads": str(threads),
            **_LOCKED,
        }
        self._events = EventFold(prices, max_series)
        self._writing = threading.Lock()
        self._readers = Readers()
        self._known: dict[Key, AgentRow] | None = None
        self._handle = Handle(self._open)
        self._written = 0
        self._partial = set[int]()
        self._partial_known = False

    def fold(self, committed: Sequence[Committed], cursor: Cursor) -> int:
        """See :class:`~llmmon_collector.store.base.Store`."""
        with self._transaction() as connection:
            known = self._load_agents() if self._known is None else self._known
            booked = book(known, committed)
            minutes = self._insert(connection, booked.fresh)
            if booked.changed:
                rows = agent_rows(list(booked.changed.values()))
                delete_agents(connection, rows)
                insert_rows(connection, "agents", rows)
            connection.execute("DELETE FROM cursor")
            connection.execute("INSERT INTO cursor VALUES (?, ?)", list(cursor))
        self._known = {**known, **booked.changed}
        self._partial |= minutes
        stored = sum(item.envelope.header.events for item in booked.fresh)
        self._written += stored
        return stored

    def let_go(self, most_events: int = _WRITTEN_AT_MOST) -> None:
        """Open the file anew when ``most_events`` were written to it; see :class:`Handle`.

        Raises:
            StoreError: it cannot be opened.
        """
        if self._written >= most_events:
            with self._writing:
                self._written *= not self._handle.renew()

    def cursor(self) -> Cursor:
        """See :class:`~llmmon_collector.store.base.Store`."""
        rows = self._ask("SELECT segment, position FROM cursor")
        return Cursor(*rows[0]) if rows else Cursor(0, 0)

    def agents(self) -> list[AgentRow]:
        """See :class:`~llmmon_collector.store.base.Store`."""
        return [agent_of(row) for row in self._ask(AGENTS_SQL)]

    def rollups(self, span: Span, series: SeriesTable) -> Iterator[Rollup]:
        """See :class:`~llmmon_collector.store.base.Store`."""
        with self._reading() as connection:
            yield from read_rollups(connection, span, series)

    def sums(
        self, stretches: Sequence[Stretch], series: SeriesTable, timeout_s: float
    ) -> Iterator[Rollup]:
        """See :class:`~llmmon_collector.store.base.Store`."""
        with (
            self._handle.cursor() as connection,
            self._readers.using(connection),
            time_limit(connection, timeout_s) as late,
        ):
            yield from read_sums(connection, stretches, series, late)

    def begin_ns(self, since_ns: int) -> int | None:
        """See :class:`~llmmon_collector.store.base.Store`."""
        with self._reading() as connection:
            return read_begin_ns(connection, since_ns)

    def recent_requests(self, since_ns: int, series: SeriesTable) -> Iterator[Requests]:
        """See :class:`~llmmon_collector.store.base.Store`."""
        with self._reading() as connection:
            yield from read_requests(connection, since_ns, series)

    def query(self, sql: str, limit: int = 10_000, timeout_s: float = 10.0) -> QueryResult:
        """See :class:`~llmmon_collector.store.base.Store`."""
        try:
            with self._handle.cursor() as connection, self._readers.using(connection):
                return run_query(connection, sql, limit, timeout_s)
        except duckdb.Error as error:
            raise QueryError("failed", f"cannot read {self._path}: {error}") from error

    def append_alerts(self, at_ns: int, alerts: Sequence[AlertView]) -> None:
        """See :class:`~llmmon_collector.store.base.Store`."""
        with self._transaction() as connection:
            insert_rows(connection, "alerts", alert_rows(at_ns, alerts))

    def append_health(self, at_ns: int, checks: Sequence[HealthView]) -> None:
        """See :class:`~llmmon_collector.store.base.Store`."""
        with self._transaction() as connection:
            insert_rows(connection, "health", health_rows(at_ns, checks))

    def compact(self, before_ns: int) -> int:
        """See :class:`~llmmon_collector.store.base.Store`."""
        if not self._partial_known:
            self._partial |= self._partial_minutes(before_ns - _PARTIAL_NS)
            self._partial_known = True
        due_us = sorted(at for at in self._partial if at * 1000 < before_ns)
        for i in range(0, len(due_us), _MINUTES_AT_ONCE):
            some_us = due_us[i : i + _MINUTES_AT_ONCE]
            series = SeriesTable(self._max_series)
            with self._transaction() as connection:
                merged = read_minutes(connection, some_us, series)
                delete_minutes(connection, some_us)
                rows = rows_of([(r.start_ns, r.delta) for r in merged], series)
                insert_rows(connection, "rollups", rows)
            self._partial.difference_update(some_us)
        return len(due_us)

    def retain(self, before_ns: int, rollups_before_ns: int) -> None:
        """See :class:`~llmmon_collector.store.base.Store`."""
        ages = dict.fromkeys(_EVENTS, before_ns) | dict.fromkeys(_AGGREGATES, rollups_before_ns)
        with self._transaction() as connection:
            for table, oldest_ns in ages.items():
                sql = delete(table, "WHERE time < make_timestamp(?)")
                connection.execute(sql, [oldest_ns // 1000])

    def forget_agents(self, before_ns: int) -> int:
        """See :class:`~llmmon_collector.store.base.Store`."""
        known = self._load_agents()
        forgotten, sums = fold_away(known, before_ns)
        if forgotten:
            with self._transaction() as connection:
                delete_agents(connection, agent_rows([*forgotten, sums]))
                insert_rows(connection, "agents", agent_rows([sums]))
            self._known = None
        return len(forgotten)

    def close(self) -> None:
        """See :class:`~llmmon_collector.store.base.Store`."""
        self._readers.close()
        with self._writing:
            self._handle.connection.close()

    def _insert(
        self, connection: duckdb.DuckDBPyConnection, fresh: Sequence[Committed]
    ) -> set[int]:
        """Insert what ``fresh`` holds; the minutes that it touches, in microseconds."""
        if not fresh:
            return set()
        try:
            folded = self._events.fold(fresh)
        except (ProtocolError, ValueError, OverflowError) as error:
            raise StoreError(f"cannot decode a batch: {error}", poison=True) from error
        insert_events(connection, folded)
        return set(folded.rollups["time"].astype(np.int64).tolist())

    def _open(self) -> duckdb.DuckDBPyConnection:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            connection = duckdb.connect(str(self._path), config=self._config)
            for statement in (*_AFTER_OPENING, *ddl()):
                connection.execute(statement)
        except (duckdb.Error, OSError) as error:
            raise StoreError(f"cannot open {self._path}: {error}") from error
        return connection

    @contextmanager
    def _transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._writing:
            try:
                self._handle.connection.execute("BEGIN TRANSACTION")
                yield self._handle.connection
                self._handle.connection.execute("COMMIT")
            except BaseException as error:
                self._roll_back()
                if isinstance(error, duckdb.Error):
                    poison = isinstance(error, _POISON)
                    raise StoreError(f"cannot write {self._path}: {error}", poison) from error
                raise

    def _roll_back(self) -> None:
        # A COMMIT that failed may have reached the disk: where agents stand is read again, so
        # that what is stored after all is not stored twice.
        self._known = None
        try:
            self._handle.connection.execute("ROLLBACK")
            self._handle.connection.execute("SELECT 1")
        except duckdb.Error:
            self._handle.mend()

    @contextmanager
    def _reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        try:
            with self._handle.cursor() as connection:
                yield connection
        except duckdb.Error as error:
            raise StoreError(f"cannot read {self._path}: {error}") from error

    def _ask(self, sql: str, values: Sequence[int] = ()) -> list[Any]:
        with self._reading() as connection:
            return connection.execute(sql, values).fetchall()

    def _load_agents(self) -> dict[Key, AgentRow]:
        return {(row.agent_id, row.epoch): row for row in self.agents()}

    def _partial_minutes(self, since_ns: int) -> set[int]:
        """Minutes from then on that have more than one row for a series, in microseconds."""
        repeated = f"GROUP BY time, {', '.join(SERIES)} HAVING count(*) > 1"
        rows_sql = f"FROM rollups WHERE time >= make_timestamp(?) {repeated}"
        rows = self._ask(select(["DISTINCT epoch_us(time)"], rows_sql), [since_ns // 1000])
        return {row[0] for row in rows}
