"""SQL for looking up requests: any text is a value and never code. Results are plain values."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from decimal import Decimal
from typing import Any
from uuid import UUID

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.batches import START_NS, body, committed, series
from support.live import PRICES

from llmmon.errors import ControlError
from llmmon.protocol.codec import pack, unpack
from llmmon.protocol.event import Kind
from llmmon_collector.control.records import (
    as_rows,
    epoch_ns,
    literal,
    plain,
    recent_requests,
    trace_queries,
)
from llmmon_collector.journal import Cursor
from llmmon_collector.store.duck import DuckStore

SECOND = 10**9


@pytest.fixture(scope="module")
def memory() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


@settings(deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"])))
@example(text="'")
@example(text="''; DROP TABLE requests; --")
@example(text="\0")
@example(text="a\0'\0b")
@example(text="\\' \\0 \n\r\t \u202e\N{GRINNING FACE}e\u0301")
@example(text="$$ %s {0} ? :name -- /* ")
def test_a_literal_is_its_text(memory: duckdb.DuckDBPyConnection, text: str) -> None:
    assert memory.execute(f"SELECT {literal(text)}").fetchall() == [(text,)]
    compared = memory.execute(f"SELECT 'x' = {literal(text)}, {literal(text)} IN ({literal(text)})")
    assert compared.fetchall() == [(text == "x", True)]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckStore]:
    opened = DuckStore(tmp_path_factory.mktemp("s") / "s.duckdb", PRICES)
    requests = [
        {"id": "plain", "latency_ms": 10.0},
        {"id": "slow", "latency_ms": 9000.0, "trace_id": "t1"},
        {"id": "failed", "error": "timeout", "latency_ms": 500.0, "trace_id": "t1"},
        {"id": "it's", "error": "rate_limit", "trace_id": "t'2"},
        {"id": "a\0b", "latency_ms": 1.0},
        {"id": "ab", "latency_ms": 2.0},
    ]
    for n, request in enumerate(requests):
        request |= {"series": n % 2, "start_ns": START_NS + n * SECOND}
    others = {
        Kind.SPAN: [{"id": "s1", "trace_id": "t1", "name": "retrieve", "start_ns": START_NS}],
        Kind.LOG: [
            {"time_ns": START_NS + 7, "message": "of the trace", "trace_id": "t1"},
            {"time_ns": START_NS + 8, "message": "of the request", "request_id": "slow"},
            {"time_ns": START_NS + 9, "message": "of another", "request_id": "plain"},
        ],
        Kind.SCORE: [{"request_id": "slow", "name": "thumb", "value": 1.0, "time_ns": START_NS}],
    }
    keys = [series(model="m", route="/ask"), series(model="o'hara")]
    opened.fold([committed(body(requests, keys=keys, others=others))], Cursor(1, 8))
    yield opened
    opened.close()


def asked(store: DuckStore, sql: str) -> list[dict[str, Any]]:
    result = store.query(sql)
    return as_rows(result.columns, result.rows)


def ids(store: DuckStore, only: str = "all", limit: int = 100, **where: str) -> list[str]:
    return [row["id"] for row in asked(store, recent_requests(limit, only, where.items(), None))]


def test_the_last_requests_come_first(store: DuckStore) -> None:
    assert ids(store) == ["ab", "a\0b", "it's", "failed", "slow", "plain"]
    assert ids(store, limit=2) == ["ab", "a\0b"]


def test_errors_and_slow_ones(store: DuckStore) -> None:
    assert ids(store, "errors") == ["it's", "failed"]
    assert ids(store, "slow", limit=3) == ["slow", "failed", "plain"]
    assert "it's" not in ids(store, "slow")


def test_requests_of_some_series(store: DuckStore) -> None:
    assert ids(store, model="o'hara") == ["ab", "it's", "slow"]
    assert ids(store, "errors", model="m", route="/ask") == ["failed"]
    assert ids(store, model="' OR 1=1 --") == []


def test_the_empty_text_finds_requests_that_do_not_say(store: DuckStore) -> None:
    assert ids(store, route="") == ["ab", "it's", "slow"]
    assert ids(store, "errors", route="", provider="") == ["it's"]


def test_requests_since(store: DuckStore) -> None:
    sql = recent_requests(10, "all", (), START_NS + 4 * SECOND)
    assert [row["id"] for row in asked(store, sql)] == ["ab", "a\0b"]


def test_what_a_row_tells(store: DuckStore) -> None:
    row = asked(store, recent_requests(1, "errors", (("model", "m"),), None))[0]
    assert row["time_ns"] == START_NS + 2 * SECOND + 500_000_000
    assert (row["service"], row["operation"], row["provider"]) == ("shop", "chat", None)
    assert (row["error"], row["trace_id"], row["cost_usd"]) == ("timeout", "t1", None)
    assert "time" not in row


@pytest.mark.parametrize(
    ("only", "where", "told"),
    [
        ("worst", (), "only: 'worst' is not one of all, errors, slow"),
        ("all", (("colour", "red"),), "where: 'colour' is not one of"),
        ("all", (("model = '' OR model", "m"),), "where: "),
    ],
)
def test_what_is_not_known_is_refused(only: str, where: Any, told: str) -> None:
    with pytest.raises(ControlError, match=told) as raised:
        recent_requests(10, only, where, None)
    assert raised.value.code == "bad_request"


def traced(store: DuckStore, wanted: str) -> dict[str, list[str]]:
    names = {"requests": "id", "spans": "name", "logs": "message", "scores": "name"}
    found = {table: asked(store, sql) for table, sql in trace_queries(wanted).items()}
    return {table: [row[names[table]] for row in rows] for table, rows in found.items()}


@pytest.mark.parametrize("wanted", ["t1", "slow", "failed"])
def test_a_trace_is_found_by_its_id_and_by_its_requests(store: DuckStore, wanted: str) -> None:
    assert traced(store, wanted) == {
        "requests": ["slow", "failed"],
        "spans": ["retrieve"],
        "logs": ["of the trace", "of the request"],
        "scores": ["thumb"],
    }


def test_a_request_without_a_trace_is_found_with_its_logs(store: DuckStore) -> None:
    found = traced(store, "plain")
    assert (found["requests"], found["spans"], found["logs"]) == (["plain"], [], ["of another"])


@pytest.mark.parametrize(
    ("wanted", "requests"),
    [
        ("it's", ["it's"]),
        ("t'2", ["it's"]),
        ("a\0b", ["a\0b"]),
        ("ab", ["ab"]),
        ("", []),
        ("x", []),
    ],
)
def test_ids_of_any_text(store: DuckStore, wanted: str, requests: list[str]) -> None:
    assert traced(store, wanted)["requests"] == requests


def test_log_times_keep_their_nanoseconds(store: DuckStore) -> None:
    rows = asked(store, trace_queries("t1")["logs"])
    assert [row["time_ns"] for row in rows] == [START_NS + 7, START_NS + 8]


@given(us=st.integers(-(10**15), 4 * 10**15))
def test_stored_times_are_utc_to_the_microsecond(us: int) -> None:
    stored = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None) + timedelta(microseconds=us)
    assert epoch_ns(stored) == us * 1000


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, None),
        (True, True),
        (2**64 - 1, 2**64 - 1),
        (-(2**63), -(2**63)),
        (2**64, str(2**64)),
        (-(2**63) - 1, str(-(2**63) - 1)),
        (Decimal("0.000000000001"), 1e-12),
        (datetime(2026, 11, 24, 6, 0, 0, 5), "2026-11-24T06:00:00.000005"),
        (date(2026, 11, 24), "2026-11-24"),
        (clock_time(6, 5), "06:05:00"),
        (timedelta(days=1, seconds=2), "1 day, 0:00:02"),
        (b"\x00\xff", "00ff"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ([Decimal(1), [2**70]], [1.0, [str(2**70)]]),
        ((1, None), [1, None]),
        ({1: date(2026, 1, 1), "a": b"\x01"}, {"1": "2026-01-01", "a": "01"}),
    ],
)
def test_values_become_plain(value: Any, told: Any) -> None:
    assert plain(value) == told
    assert type(plain(value)) is type(told)
    assert unpack(pack(plain(value))) == told


def test_every_type_of_the_database_becomes_plain(memory: duckdb.DuckDBPyConnection) -> None:
    sql = (
        "SELECT 1::HUGEINT * 170141183460469231731687303715884105727, 0.5::DECIMAL(38, 10), "
        "'2026-11-24 06:00:00.5'::TIMESTAMP, '2026-11-24'::DATE, '06:00'::TIME, "
        "INTERVAL 90 MINUTE, 'ab'::BLOB, uuid(), [1, NULL], {'a': 1::DECIMAL(4, 2)}, "
        "MAP {DATE '2026-01-01': 1}, 'x'::ENUM ('x', 'y'), '1010'::BIT, 1.5::FLOAT, TRUE, "
        "'nan'::DOUBLE, '290000-01-01'::TIMESTAMP, 18446744073709551615::UBIGINT"
    )
    row = memory.execute(sql).fetchall()[0]
    told = plain(list(row))
    assert told[:5] == [
        str(2**127 - 1),
        0.5,
        "2026-11-24T06:00:00.500000",
        "2026-11-24",
        "06:00:00",
    ]
    assert told[6] == "6162"
    assert len(unpack(pack(told))) == len(row)
