"""The DuckDB store: what agents sent is what queries, windows and rollups read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.batches import AGENT, START_NS, body, committed, series
from tests.support.snapshots import alert
from tests.support.strategies import losses, series_keys, tables

from llmmon.protocol.codec import encode_map
from llmmon.protocol.event import Heartbeat, Kind
from llmmon.protocol.segment import decode_body, encode_body
from llmmon.protocol.snapshot import AlertView, HealthView
from llmmon.protocol.wire import Header, Message, encode_batch, encode_heartbeat, encode_message
from llmmon_collector.journal import Cursor
from llmmon_collector.pricing.book import PriceBook
from llmmon_collector.pricing.model import PriceOverride
from llmmon_collector.requests import RequestDecoder, Requests
from llmmon_collector.series import SeriesTable
from llmmon_collector.store import Committed, StoreError
from llmmon_collector.store.base import FORGOTTEN, Span
from llmmon_collector.store.duck import DuckStore
from llmmon_collector.store.schema import TABLES, markdown
from llmmon_collector.windows.delta import merge
from llmmon_collector.windows.fold import fold

DOCS = Path(__file__).parents[2] / "docs" / "store.md"
END = Cursor(1, 8)
HOUR_NS = 3600 * 10**9
MINUTE_NS = 60 * 10**9
PRICES = [
    PriceOverride(model="m", input_per_mtok=1, output_per_mtok=2),
    PriceOverride(model="dear", input_per_mtok="0.15", output_per_mtok=600),
]


def request(second: float = 0, **values: Any) -> dict[str, Any]:
    known = {"series": 0, "counter": 1, "start_ns": START_NS + round(second * 1e9)}
    return {**known, "latency_ms": 100.0, "input_tokens": 10, "output_tokens": 5, **values}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DuckStore]:
    opened = DuckStore(tmp_path / "store.duckdb", PriceBook(PRICES))
    yield opened
    opened.close()


def row(store: DuckStore, sql: str) -> dict[str, Any]:
    result = store.query(sql)
    assert len(result.rows) == 1
    return dict(zip(result.columns, result.rows[0], strict=True))


def rows(store: DuckStore, sql: str) -> list[tuple[Any, ...]]:
    return store.query(sql).rows


def given_values(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if value is not None}


def test_a_request_is_stored_field_by_field(store: DuckStore) -> None:
    sent = {
        "id": "r1",
        "trace_id": "t1",
        "parent_id": "p1",
        "user_id": "u",
        "session_id": "s",
        "latency_ms": 1500.25,
        "ttft_ms": 300.5,
        "max_gap_ms": 20.0,
        "stream": 1,
        "input_tokens": 100,
        "output_tokens": 50,
        "cached_tokens": 40,
        "cache_write_tokens": 0,
        "reasoning_tokens": 7,
        "error": "Timeout",
        "retries": 2,
        "status_code": 504,
        "finish_reason": "length",
        "relevance": 0.5,
        "safety": 1.0,
        "refusal": 0.25,
        "score_sample": 0.5,
        "tags": {"a": "b"},
        "query": "q",
        "response": "r",
        "context": "c",
    }
    names = ("environment", "provider", "response_model", "route", "prompt_version")
    key = series(model="m", **{name: f"its {name}" for name in names})
    store.fold([committed(body([request(**sent)], keys=[key], seq=3))], Cursor(1, 8))
    found = row(store, "SELECT * EXCLUDE (time) FROM requests")
    assert found == {
        **{name: value for name, value in sent.items() if name != "tags"},
        **{name: f"its {name}" for name in names},
        "service": "shop",
        "operation": "chat",
        "model": "m",
        "host": "host-1",
        "start_ns": START_NS,
        "stream": True,
        "tags": '{"a":"b"}',
        "quality_score": 0.75,
        "cost_pico_usd": None,
        "cost_usd": None,
        "cost_source": None,
        "coherence": None,
        "format": None,
        "factuality": None,
        "agent_id": AGENT.hex(),
        "epoch": 7,
        "seq": 3,
    }
    assert rows(store, "SELECT epoch_us(time) FROM requests") == [(START_NS // 1000 + 1_500_250,)]


def test_missing_is_null_and_never_zero(store: DuckStore) -> None:
    bare = {"start_ns": START_NS, "counter": 255}
    store.fold([committed(body([bare, bare | {"series": 0}, bare | {"series": 9}]))], Cursor(1, 8))
    sql = "SELECT * EXCLUDE (time, agent_id, epoch, seq) FROM requests ORDER BY rowid"
    result = store.query(sql)
    found = [given_values(dict(zip(result.columns, row, strict=True))) for row in result.rows]
    known = {"id": "a1b2-ff", "start_ns": START_NS, "host": "host-1"}
    assert found == [known, known | {"service": "shop", "operation": "chat", "model": "m"}, known]


def test_spans_logs_and_scores_are_stored(store: DuckStore) -> None:
    others = {
        Kind.SPAN: [{"id": "s", "name": "find", "start_ns": START_NS, "duration_ms": 20.5}],
        Kind.LOG: [{"time_ns": START_NS, "level": "INFO", "message": "hi", "tags": {"k": "v"}}],
        Kind.SCORE: [{"request_id": "r", "name": "thumb", "value": 0.1, "time_ns": START_NS}],
    }
    assert store.fold([committed(body(others=others))], Cursor(1, 8)) == 3
    span = given_values(row(store, "SELECT * EXCLUDE (agent_id, epoch, seq, host) FROM spans"))
    assert span.pop("time").microsecond == 20_500
    assert span == others[Kind.SPAN][0]
    log = given_values(row(store, "SELECT * EXCLUDE (time, agent_id, epoch, seq, host) FROM logs"))
    assert log == others[Kind.LOG][0] | {"tags": '{"k":"v"}'}
    score = given_values(row(store, "SELECT request_id, name, value, time_ns FROM scores"))
    assert score == others[Kind.SCORE][0]
    assert rows(store, "SELECT count(*) FROM requests") == [(0,)]


def test_cost_by_model_and_by_day(store: DuckStore) -> None:
    keys = [series(model="m"), series(model="dear"), series(model="unknown")]
    requests = [
        request(86_400 * day, series=number, counter=10 * day + number, input_tokens=1_000_001)
        for day in range(3)
        for number in range(3)
    ]
    store.fold([committed(body(requests, keys=keys))], Cursor(1, 8))
    by_model = rows(store, "SELECT model, sum(cost_usd) FROM requests GROUP BY model ORDER BY ALL")
    cheap, dear = Decimal("1.000011"), Decimal("0.15300015")
    assert by_model == [("dear", 3 * dear), ("m", 3 * cheap), ("unknown", None)]
    by_day = rows(
        store,
        "SELECT sum(cost_usd), count(*) FROM requests GROUP BY time::DATE ORDER BY time::DATE",
    )
    assert by_day == [(cheap + dear, 3)] * 3
    rolled = rows(
        store, "SELECT model, sum(cost_usd), sum(unpriced) FROM rollups GROUP BY 1 ORDER BY 1"
    )
    assert rolled == [("dear", 3 * dear, 0), ("m", 3 * cheap, 0), ("unknown", 0, 3)]


def test_a_cost_that_the_caller_was_told_goes_before_the_price_list(store: DuckStore) -> None:
    told = request(cost_pico_usd=10**15)
    store.fold([committed(body([told, request(counter=2)]))], Cursor(1, 8))
    assert rows(store, "SELECT cost_source, cost_usd FROM requests ORDER BY cost_usd DESC") == [
        ("provider", Decimal(1000)),
        ("priced", Decimal("0.00002")),
    ]


def test_batches_that_are_stored_already_are_passed_over(store: DuckStore) -> None:
    batches = [committed(body([request()], seq=n, first_event=n - 1)) for n in (1, 2, 3)]
    assert store.fold(batches[:2], Cursor(1, 20)) == 2
    assert store.fold(batches, Cursor(1, 30)) == 1
    assert store.fold(batches, Cursor(1, 30)) == 0
    assert store.cursor() == Cursor(1, 30)
    assert rows(store, "SELECT seq FROM requests ORDER BY seq") == [(1,), (2,), (3,)]


def test_agents_are_remembered_with_what_is_lost(tmp_path: Path, store: DuckStore) -> None:
    first = committed(body([request()], seq=1, first_event=4, received_ns=START_NS))
    later = START_NS + HOUR_NS
    gap = body([request()] * 2, seq=5, first_event=9, lost={"queue_full": 8}, received_ns=later)
    bad = committed(body([request()] * 3, seq=6, first_event=11, received_ns=later))
    other = committed(body([request()], epoch=2**64 - 1))
    store.fold([first, committed(gap), bad._replace(batch=None), other], Cursor(1, 8))
    store.close()
    again = DuckStore(tmp_path / "store.duckdb", PriceBook())
    known = {agent.epoch: agent for agent in again.agents()}
    again.close()
    agent = known[7]
    assert (agent.agent_id, agent.service, agent.host) == (AGENT, "shop", "host-1")
    assert (agent.last_seq, agent.next_event) == (6, 14)
    assert (agent.stored, agent.lost) == (3, 4 + 4 + 3)
    assert (agent.claims, agent.poisoned) == ({"queue_full": 8}, 3)
    assert (agent.first_seen_ns, agent.last_seen_ns) == (START_NS, later)
    assert known[2**64 - 1].stored == 1


def word(message: Message, payload: bytes = b"", **header: int) -> Committed:
    """What a store folds for a message that is no batch."""
    frames = encode_message(message, Header(AGENT, header.pop("epoch", 7), **header), payload)
    received_ns, envelope = decode_body(memoryview(encode_body(START_NS, frames)))
    return Committed(received_ns, envelope, None)


def test_other_messages_in_the_journal_only_move_the_cursor(store: DuckStore) -> None:
    others = [word(Message.HELLO), word(Message.BYE, b"\xc1", first_event=9)]
    assert store.fold(others, Cursor(2, 9)) == 0
    assert store.agents() == []
    assert store.cursor() == Cursor(2, 9)


def test_a_goodbye_ends_an_agent_with_what_it_lost(store: DuckStore) -> None:
    store.fold([committed(body([request()] * 2))], Cursor(1, 8))
    store.fold([word(Message.BYE, encode_map({"shutdown": 3}), first_event=5)], Cursor(1, 9))
    row = rows(store, "SELECT emitted, stored, lost, claims, parted FROM agents")
    assert row == [(5, 2, 3, '{"shutdown":3}', True)]


def test_a_noted_heartbeat_tells_what_is_in_flight(store: DuckStore) -> None:
    heartbeat = Heartbeat("shop", "prod", "host-2", 1, "0", 9, {}, 7, 2.0)
    noted = word(Message.HEARTBEAT, encode_heartbeat(heartbeat))
    store.fold([noted, committed(body([request()] * 2)), noted], Cursor(1, 8))
    [agent] = store.agents()
    assert (agent.emitted, agent.stored, agent.in_flight, agent.host) == (9, 2, 7, "host-2")
    assert not agent.parted


def test_agents_that_ended_are_forgotten_all_but_their_sums(
    tmp_path: Path, store: DuckStore
) -> None:
    for epoch in (7, 8, 9):
        lost = {"queue_full": epoch}
        store.fold([committed(body([request()], epoch=epoch, first_event=epoch, lost=lost))], END)
        if epoch < 9:
            bye = word(Message.BYE, encode_map(lost), epoch=epoch, first_event=epoch + 1)
            store.fold([bye], END)
    sums = "SELECT sum(emitted), sum(stored), sum(lost) FROM agents"
    before = rows(store, sums)
    assert store.forget_agents(START_NS) == 0
    assert store.forget_agents(START_NS + 1) == 2
    assert store.forget_agents(START_NS + 1) == 0
    assert rows(store, sums) == before == [(27, 3, 24)]
    sums_row, left = sorted(store.agents(), key=lambda agent: agent.epoch)
    assert (sums_row.agent_id, sums_row.epoch) == FORGOTTEN
    assert sums_row.claims == {"queue_full": 15}
    assert left.epoch == 9
    store.fold([word(Message.BYE, encode_map({}), epoch=9, first_event=10)], END)
    assert store.forget_agents(START_NS + 1) == 1
    assert rows(store, sums) == before
    assert len(store.agents()) == 1


def live(records: list[bytes]) -> tuple[Requests, SeriesTable]:
    table = SeriesTable(100)
    batches = [item.batch for item in map(committed, records) if item.batch is not None]
    return RequestDecoder(table, PriceBook(PRICES)).decode(batches), table


def varied(count: int) -> list[bytes]:
    keys = [series(model=f"m{i}" if i else "m") for i in range(3)]
    made = []
    for n in range(count):
        some = [
            request(37 * i + n, series=i % 3, latency_ms=1.5**i, relevance=0.1) for i in range(40)
        ]
        some.append({"series": 1, "start_ns": START_NS, "error": "Timeout", "counter": n})
        made.append(body(some, keys=keys, seq=n + 1, first_event=41 * n))
    return made


def test_requests_read_back_are_those_that_the_windows_saw(store: DuckStore) -> None:
    records = varied(5)
    store.fold([committed(record) for record in records], Cursor(1, 8))
    expected, table = live(records)
    found = list(store.recent_requests(0, table))
    assert len(found) == 1
    for field in fields(Requests):
        column = getattr(found[0], field.name)
        np.testing.assert_array_equal(column, getattr(expected, field.name), field.name)
        assert column.dtype == getattr(expected, field.name).dtype, field.name


def test_only_requests_since_are_read_back(store: DuckStore) -> None:
    assert list(store.recent_requests(0, SeriesTable(9))) == []
    records = varied(2)
    store.fold([committed(record) for record in records], Cursor(1, 8))
    expected, table = live(records)
    since_ns = START_NS + 300 * 10**9
    found = list(store.recent_requests(since_ns, table))
    assert sorted(found[0].end_ns) == sorted(expected.end_ns[expected.end_ns >= since_ns])
    assert list(store.recent_requests(START_NS + 9 * HOUR_NS, table)) == []


def test_series_beyond_the_limit_read_back_as_the_other_one(store: DuckStore) -> None:
    store.fold([committed(record) for record in varied(1)], Cursor(1, 8))
    found = list(store.recent_requests(0, SeriesTable(1)))
    assert set(found[0].series) == {0, 1}


def deltas(requests: Requests) -> dict[int, Any]:
    return dict(fold(requests, requests.end_ns // MINUTE_NS))


def assert_rollups(store: DuckStore, records: list[bytes], since_ns: int = 0) -> None:
    requests, table = live(records)
    expected = {
        minute: delta
        for minute, delta in deltas(requests).items()
        if (minute + 1) * MINUTE_NS > since_ns
    }
    found = list(store.rollups(Span.of(since_ns, 2**62, MINUTE_NS), table))
    assert [rollup.start_ns // MINUTE_NS for rollup in found] == sorted(expected)
    for rollup in found:
        delta = merge([expected[rollup.start_ns // MINUTE_NS]])
        for name in ("bins", "bin_counts", "series", "counts"):
            np.testing.assert_array_equal(getattr(rollup.delta, name), getattr(delta, name), name)


def test_rollups_add_up_to_what_the_windows_count(store: DuckStore) -> None:
    records = varied(6)
    for n, record in enumerate(records):
        store.fold([committed(record)], Cursor(1, 8 + n))
    assert_rollups(store, records)
    assert_rollups(store, records, START_NS + 5 * MINUTE_NS)


def test_rollups_are_read_in_steps_up_to_the_minute_that_has_begun(store: DuckStore) -> None:
    records = varied(6)
    store.fold([committed(record) for record in records], Cursor(1, 8))
    requests, table = live(records)
    step_ns = 5 * MINUTE_NS
    until_ns = START_NS + 17 * MINUTE_NS
    begun = requests.take(requests.end_ns < until_ns - until_ns % MINUTE_NS + MINUTE_NS)
    expected = dict(fold(begun, begun.end_ns // step_ns))
    found = list(store.rollups(Span.of(0, until_ns, step_ns), table))
    assert [rollup.start_ns // step_ns for rollup in found] == sorted(expected)
    for rollup in found:
        delta = expected[rollup.start_ns // step_ns]
        np.testing.assert_array_equal(rollup.delta.counts, delta.counts)
        np.testing.assert_array_equal(rollup.delta.bin_counts, delta.bin_counts)
    assert list(store.rollups(Span.of(START_NS + 99 * HOUR_NS, 2**62, step_ns), table)) == []


def test_the_beginning_is_known_to_the_minute_where_requests_are_forgotten(
    store: DuckStore,
) -> None:
    assert store.begin_ns(0) is None
    rows_of_two = [request(), request(7200, counter=2)]
    store.fold([committed(body(rows_of_two))], Cursor(1, 8))
    first_ns, second_ns = (START_NS + second * 10**9 + 10**8 for second in (0, 7200))
    assert store.begin_ns(0) == first_ns
    assert store.begin_ns(first_ns + 1000) == second_ns
    store.retain(START_NS + HOUR_NS, 0)
    assert store.begin_ns(0) == first_ns - first_ns % MINUTE_NS
    assert store.begin_ns(second_ns + 1000) is None


def test_compacting_changes_no_number_and_leaves_a_row_a_series(
    tmp_path: Path, store: DuckStore
) -> None:
    records = varied(6)
    for n, record in enumerate(records):
        store.fold([committed(record)], Cursor(1, 8 + n))
    parts = "SELECT max(n) FROM (SELECT count(*) AS n FROM rollups GROUP BY time, model)"
    assert rows(store, parts) == [(6,)]
    assert store.compact(START_NS + MINUTE_NS) == 1
    store.close()
    again = DuckStore(tmp_path / "store.duckdb", PriceBook(PRICES))
    assert again.compact(START_NS + 9 * HOUR_NS) > 1
    assert again.compact(START_NS + 9 * HOUR_NS) == 0
    assert rows(again, parts) == [(1,)]
    assert_rollups(again, records)
    again.close()


def test_requests_scattered_over_the_centuries_are_rolled_up(store: DuckStore) -> None:
    scattered = [request(start_ns=n * 10**15, counter=n) for n in range(200)]
    record = body(scattered)
    store.fold([committed(record)], Cursor(1, 8))
    assert rows(store, "SELECT count(*), sum(requests) FROM rollups") == [(200, 200)]


def test_retention_forgets_events_first_and_rollups_later(store: DuckStore) -> None:
    day_s = 86_400
    old, new = ([request(day_s * n, counter=n) for n in some] for some in ((0, 1), (2, 3)))
    others = {Kind.LOG: [{"time_ns": START_NS, "message": "old"}]}
    store.fold([committed(body(old, others=others))], Cursor(1, 8))
    received_ns = START_NS + 20 * day_s * 10**9
    store.fold([committed(body(new, epoch=8, received_ns=received_ns))], Cursor(1, 9))
    store.retain(START_NS + 2 * day_s * 10**9, START_NS + day_s * 10**9)
    assert rows(store, "SELECT counter FROM (SELECT id AS counter FROM requests) ORDER BY 1") == [
        ("a1b2-2",),
        ("a1b2-3",),
    ]
    assert rows(store, "SELECT count(*) FROM logs") == [(0,)]
    assert rows(store, "SELECT sum(requests) FROM rollups") == [(3,)]
    assert [agent.epoch for agent in store.agents()] == [7, 8]


def test_alerts_and_health_are_written_down(store: DuckStore) -> None:
    firing: AlertView = alert(labels={"model": "m"}, value=None, since_ns=START_NS)
    check = HealthView("api", "http", "ok", START_NS, START_NS, 12.5, 0.5, "s", "fine")
    store.append_alerts(START_NS + 10**9, [firing, firing])
    store.append_health(START_NS + 10**9, [check])
    store.append_health(START_NS, [])
    found = rows(store, "SELECT DISTINCT rule, labels, value, epoch_us(since) FROM alerts")
    assert found == [(firing.rule, '{"model":"m"}', None, START_NS // 1000)]
    found = rows(store, "SELECT name, status, took_ms, value, unit, epoch_us(time) FROM health")
    assert found == [("api", "ok", 12.5, 0.5, "s", START_NS // 1000 + 10**6)]


def test_a_file_that_another_process_or_format_has_is_a_plain_error(tmp_path: Path) -> None:
    (tmp_path / "store.duckdb").write_bytes(b"this is no database" * 1000)
    with pytest.raises(StoreError, match="cannot open"):
        DuckStore(tmp_path / "store.duckdb", PriceBook())


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(made=tables(), keys=series_keys, lost=losses, seq=st.integers(1, 2**40))
def test_whatever_the_protocol_lets_through_is_stored(
    store: DuckStore, made: dict[Kind, Any], keys: list[bytes], lost: dict[str, int], seq: int
) -> None:
    events = sum(count for count, _ in made.values())
    payload = encode_batch("host", "prefix", keys, made, lost)
    epoch = len(store.agents()) + 1
    header = Header(AGENT, epoch, seq, seq, 0, events)
    record = encode_body(START_NS, encode_message(Message.BATCH, header, payload))
    before = sum(agent.stored for agent in store.agents())
    assert store.fold([committed(record)], Cursor(1, epoch)) == events
    assert sum(agent.stored for agent in store.agents()) == before + events
    total = " + ".join(f"(SELECT count(*) FROM {kind}s)" for kind in Kind)
    assert rows(store, f"SELECT {total}") == [(before + events,)]


def test_the_largest_numbers_that_travel_are_stored(store: DuckStore) -> None:
    most = {"status_code": 2**32 - 1, "retries": 2**32 - 1, "input_tokens": 2**32 - 1}
    store.fold([committed(body([request(**most)]))], Cursor(1, 8))
    assert rows(store, f"SELECT {', '.join(most)} FROM requests") == [(2**32 - 1,) * 3]


def test_the_documentation_lists_every_column() -> None:
    assert DOCS.read_text().endswith(markdown())
    assert all(column.meaning for columns in TABLES.values() for column in columns)


def test_memory_is_let_go_of_once_much_was_written_and_nobody_reads(store: DuckStore) -> None:
    store.fold([committed(body([request(), request(counter=2)]))], Cursor(1, 8))
    count = "SELECT count(*) FROM requests"
    pieces = store.recent_requests(0, SeriesTable(10))
    next(pieces)
    store.let_go(most_events=2)  # not now: somebody reads
    assert list(pieces) == []
    for _ in range(2):
        store.let_go(most_events=2)
        assert rows(store, count) == [(2,)]
    store.fold([committed(body([request()], seq=2, first_event=2))], Cursor(1, 16))
    assert (rows(store, count), store.cursor()) == ([(3,)], Cursor(1, 16))
