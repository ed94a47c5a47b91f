"""Queries from outside: one reading statement, bounded, with no way to write or to look around."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pytest
from tests.support.batches import START_NS, body, committed

from llmmon_collector.journal import Cursor
from llmmon_collector.pricing.book import PriceBook
from llmmon_collector.store import QueryError, StoreError
from llmmon_collector.store.duck import DuckStore
from llmmon_collector.store.query import Readers, run_query

ENDLESS = "SELECT count(*) FROM range(100000000) a, range(100000000) b"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckStore]:
    opened = DuckStore(
        tmp_path_factory.mktemp("store") / "s.duckdb", PriceBook(), memory_limit_mb=256
    )
    requests = [{"start_ns": START_NS, "counter": n, "latency_ms": float(n)} for n in range(50)]
    opened.fold([committed(body(requests))], Cursor(1, 8))
    yield opened
    opened.close()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) FROM requests",
        "WITH slow AS (SELECT * FROM requests WHERE latency_ms > 40) SELECT id FROM slow",
        "DESCRIBE requests",
        "SHOW TABLES",
        "SUMMARIZE requests",
        "EXPLAIN SELECT * FROM requests",
        "FROM requests LIMIT 3",
        "VALUES (1), (2)",
        " -- a comment\nSELECT 1 ; ",
    ],
)
def test_reading_statements_answer(store: DuckStore, sql: str) -> None:
    result = store.query(sql)
    assert result.columns
    assert result.rows
    assert not result.truncated


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "-- nothing",
        "SELEC 1",
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP TABLE requests",
        "SELECT * FROM nowhere",
        "SELECT * FROM requests WHERE id = ?",
        "SELECT 'x'::INTEGER",
        "DELETE FROM requests",
        "INSERT INTO logs (level) VALUES ('x')",
        "UPDATE requests SET id = 'x'",
        "DROP TABLE requests",
        "CREATE TEMP TABLE mine (i INTEGER)",
        "CREATE MACRO one() AS 1",
        "EXPLAIN ANALYZE DELETE FROM requests",
        "WITH gone AS (DELETE FROM requests RETURNING id) SELECT * FROM gone",
        "PRAGMA database_size",
        "CALL force_checkpoint()",
        "CHECKPOINT",
        "VACUUM",
        "SET memory_limit = '100GB'",
        "SET enable_external_access = true",
        "RESET lock_configuration",
        "BEGIN",
        "COMMIT",
        "PREPARE p AS SELECT 1",
        "ATTACH '/tmp/other.duckdb'",
        "USE memory",
        "INSTALL httpfs",
        "LOAD httpfs",
        "COPY requests TO '/tmp/llmmon-must-not-exist.csv'",
        "EXPORT DATABASE '/tmp/llmmon-must-not-exist'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM parquet_scan('/etc/passwd')",
        "SELECT * FROM sniff_csv('/etc/passwd')",
        "SELECT * FROM duckdb_secrets()",
        "SELECT * FROM query('DELETE FROM requests')",
        "SELECT * FROM store",
        "SELECT * FROM ENDLESS",
    ],
)
def test_everything_else_is_refused_and_changes_nothing(store: DuckStore, sql: str) -> None:
    with pytest.raises(QueryError) as caught:
        store.query(sql)
    assert caught.value.code == "bad_request"
    assert str(caught.value)
    assert store.query("SELECT count(*) FROM requests").rows == [(50,)]
    assert not list(Path("/tmp").glob("llmmon-must-not-exist*"))


def test_rows_are_bounded_and_it_says_so(store: DuckStore) -> None:
    some = store.query("SELECT latency_ms FROM requests ORDER BY latency_ms", limit=3)
    assert some.columns == ["latency_ms"]
    assert some.rows == [(0.0,), (1.0,), (2.0,)]
    assert some.truncated
    assert not store.query("SELECT latency_ms FROM requests", limit=50).truncated
    assert store.query("SELECT * FROM range(10000000000)", limit=2).rows == [(0,), (1,)]


def test_time_is_bounded_and_the_store_goes_on(store: DuckStore) -> None:
    with pytest.raises(QueryError, match=r"over 0\.2 s") as caught:
        store.query(ENDLESS, timeout_s=0.2)
    assert caught.value.code == "timeout"
    assert store.query("SELECT 1").rows == [(1,)]


def test_memory_is_bounded_and_the_store_goes_on(store: DuckStore) -> None:
    with pytest.raises(QueryError, match="Memory") as caught:
        store.query("SELECT list(range) FROM range(10000000000)")
    assert caught.value.code == "failed"
    assert store.query("SELECT 1").rows == [(1,)]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT repeat('x', 1000000) FROM range(1000)",
        "SELECT ['x', repeat('x', 1000000)] FROM range(1000)",
        "SELECT {'a': repeat('x', 1000000)} FROM range(1000)",
    ],
)
def test_bytes_are_bounded_and_the_store_goes_on(store: DuckStore, sql: str) -> None:
    with pytest.raises(QueryError, match="over 64 MiB") as caught:
        store.query(sql)
    assert caught.value.code == "too_big"
    assert store.query("SELECT 1").rows == [(1,)]


def test_closing_breaks_off_what_runs_and_what_is_about_to() -> None:
    readers, ready = Readers(), threading.Event()
    refused: list[QueryError] = []

    def ask() -> None:
        try:
            with duckdb.connect() as connection, readers.using(connection):
                ready.set()
                run_query(connection, ENDLESS, 10, timeout_s=60)
        except QueryError as error:
            refused.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    assert ready.wait(10)
    readers.close()
    asking.join()
    ask()
    assert [(e.code, e.reason) for e in refused] == [("failed", "the collector is stopping")] * 2


def test_a_store_closes_while_queries_run(tmp_path: Path) -> None:
    store = DuckStore(tmp_path / "s.duckdb", PriceBook(), memory_limit_mb=256)
    with ThreadPoolExecutor(2) as threads:
        asked = [threads.submit(store.query, ENDLESS, 10, 60.0) for _ in range(2)]
        store.close()
        assert all(isinstance(query.exception(), QueryError) for query in asked)


def test_a_closed_store_refuses_plainly(tmp_path: Path) -> None:
    store = DuckStore(tmp_path / "s.duckdb", PriceBook())
    store.close()
    with pytest.raises(QueryError) as caught:
        store.query("SELECT 1")
    assert caught.value.code == "failed"
    with pytest.raises(StoreError, match="cannot read"):
        store.agents()


def test_times_are_utc_whatever_the_machine_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    store = DuckStore(tmp_path / "s.duckdb", PriceBook())
    zone = "SELECT current_setting('TimeZone'), now()::TIMESTAMP = now() AT TIME ZONE 'UTC'"
    assert store.query(zone).rows == [("UTC", True)]
    with pytest.raises(QueryError, match=r"now\(\)::TIMESTAMP"):
        store.query("SELECT now()")
    store.close()
