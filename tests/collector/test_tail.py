"""Tails: the first rows of a tick as a viewer reads them, the others counted and never lost."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from support.frames import series_key
from support.live import NOW_NS, PRICES, request_batch, row

from llmmon.protocol.codec import unpack
from llmmon.protocol.event import Kind
from llmmon.protocol.wire import Batch, decode_batch, encode_batch
from llmmon_collector.requests import RequestDecoder
from llmmon_collector.series import SeriesTable
from llmmon_collector.tail import ALERTS, ERRORS, LOGS, MOST_ROWS, REQUESTS, Tail

EVERYTHING = frozenset({REQUESTS, ERRORS, LOGS, ALERTS})


def fed(*batches: Batch, wanted: frozenset[str] = EVERYTHING) -> Tail:
    tail = Tail()
    feed(tail, *batches, wanted=wanted)
    return tail


def feed(tail: Tail, *batches: Batch, wanted: frozenset[str] = EVERYTHING) -> None:
    requests = RequestDecoder(SeriesTable(10), PRICES).decode(batches)
    tail.add_batches(batches, requests, wanted)


def drained(tail: Tail) -> dict[str, dict[str, Any]]:
    return {topic: unpack(payload) for topic, payload in tail.drain().items()}


def rows(tail: Tail, topic: str) -> list[dict[str, Any]]:
    return drained(tail)[topic]["rows"]


def log_batch(count: int) -> Batch:
    columns = {"time_ns": list(range(count)), "message": [f"line {n}" for n in range(count)]}
    return decode_batch(encode_batch("h", "pre", [], {Kind.LOG: (count, columns)}, {}), count)


def test_a_request_is_told_as_the_store_will_tell_it() -> None:
    request = row(
        counter=255,
        trace_id="t1",
        user_id="u",
        ttft_ms=20.0,
        input_tokens=1000,
        output_tokens=100,
        status_code=200,
        relevance=0.5,
        safety=1.0,
    )
    (told,) = rows(fed(request_batch([request])), REQUESTS)
    expected = {
        "id": "pre-ff",
        "service": "svc",
        "model": "gpt-4o",
        "route": "/ask",
        "response_model": None,
        "trace_id": "t1",
        "user_id": "u",
        "error": None,
        "status_code": 200,
        "latency_ms": 100.0,
        "ttft_ms": 20.0,
        "input_tokens": 1000,
        "output_tokens": 100,
        "time_ns": NOW_NS - 900_000_000,
        "cost_usd": 0.0035,
        "quality_score": 0.75,
    }
    assert {name: told[name] for name in expected} == expected


def test_what_is_not_known_is_none() -> None:
    (told,) = rows(fed(request_batch([{"start_ns": NOW_NS, "counter": None}], model="m")), REQUESTS)
    unknown = ("id", "latency_ms", "ttft_ms", "input_tokens", "cost_usd", "quality_score")
    assert [told[name] for name in unknown] == [None] * len(unknown)
    assert told["time_ns"] == NOW_NS


def test_values_that_can_not_be_are_not_known() -> None:
    (told,) = rows(fed(request_batch([row(latency_ms=float("nan"), ttft_ms=-5.0)])), REQUESTS)
    assert told["latency_ms"] is told["ttft_ms"] is None


def test_an_id_of_its_own_goes_before_the_counter() -> None:
    (told,) = rows(fed(request_batch([row(id="chatcmpl-1", counter=7)])), REQUESTS)
    assert told["id"] == "chatcmpl-1"


def test_a_request_of_no_known_series_is_told_without_one() -> None:
    columns = {"series": [0, 9, None], "start_ns": [1, 2, 3], "counter": [1, 2, 3]}
    payload = encode_batch("h", "pre", [series_key()], {Kind.REQUEST: (3, columns)}, {})
    told = rows(fed(decode_batch(payload, 3)), REQUESTS)
    assert [row.get("model") for row in told] == ["gpt-4o", None, None]


def test_two_hundred_rows_a_tick_and_then_a_count() -> None:
    tail = fed(request_batch([row()] * 150), request_batch([row()] * 100))
    feed(tail, request_batch([row()] * 5))
    told = drained(tail)[REQUESTS]
    assert (len(told["rows"]), told["sampled_out"]) == (MOST_ROWS, 55)
    feed(tail, request_batch([row()]))
    told = drained(tail)[REQUESTS]
    assert (len(told["rows"]), told["sampled_out"]) == (1, 0)


def test_a_batch_over_the_limit_is_counted_whole() -> None:
    told = drained(fed(request_batch([row()] * 4096)))[REQUESTS]
    assert (len(told["rows"]), told["sampled_out"]) == (MOST_ROWS, 3896)


def test_errors_have_a_topic_and_a_limit_of_their_own() -> None:
    many = [row()] * 300 + [row(error="timeout", counter=n) for n in range(250)]
    told = drained(fed(request_batch(many)))
    assert (len(told[ERRORS]["rows"]), told[ERRORS]["sampled_out"]) == (MOST_ROWS, 50)
    assert {row["error"] for row in told[ERRORS]["rows"]} == {"timeout"}
    assert [row["id"] for row in told[ERRORS]["rows"]][:2] == ["pre-0", "pre-1"]
    assert {row["error"] for row in told[REQUESTS]["rows"]} == {None}


def test_no_errors_means_no_message() -> None:
    assert set(drained(fed(request_batch([row()])))) == {REQUESTS}


def test_rows_go_with_their_own_requests_across_batches() -> None:
    fast, slow = ([row(latency_ms=ms)] * n for ms, n in ((1.0, 40), (2.0, 3)))
    told = rows(fed(log_batch(2), request_batch(fast), request_batch(slow, model="m")), REQUESTS)
    assert [(r["model"], r["latency_ms"]) for r in told] == [("gpt-4o", 1.0)] * 40 + [
        ("m", 2.0)
    ] * 3


def test_logs() -> None:
    told = drained(fed(log_batch(MOST_ROWS + 7)))[LOGS]
    assert told["rows"][0] == {"time_ns": 0, "message": "line 0"}
    assert (len(told["rows"]), told["sampled_out"]) == (MOST_ROWS, 7)


def test_only_what_is_wanted_is_kept() -> None:
    batches = [request_batch([row(error="timeout")]), log_batch(3)]
    assert drained(fed(*batches, wanted=frozenset())) == {}
    for topic in (REQUESTS, ERRORS, LOGS):
        assert set(drained(fed(*batches, wanted=frozenset({topic})))) == {topic}


def test_alerts_and_draining() -> None:
    tail = Tail()
    tail.add_alerts([])
    assert drained(tail) == {}
    tail.add_alerts([{"rule": "r", "state": "firing"}])
    assert drained(tail)[ALERTS] == {"rows": [{"rule": "r", "state": "firing"}], "sampled_out": 0}
    assert drained(tail) == {}


@given(sizes=st.lists(st.tuples(st.integers(1, 90), st.integers(0, 90)), max_size=8))
def test_shown_and_left_out_add_up(sizes: list[tuple[int, int]]) -> None:
    batches = [
        request_batch([row(error="e" if i < failed else None) for i in range(events)])
        for events, failed in sizes
    ]
    told = drained(fed(*batches))
    totals = {
        REQUESTS: sum(events for events, _ in sizes),
        ERRORS: sum(min(events, failed) for events, failed in sizes),
    }
    for topic, total in totals.items():
        message = told.get(topic, {"rows": [], "sampled_out": 0})
        assert len(message["rows"]) + message["sampled_out"] == total
        assert len(message["rows"]) == min(total, MOST_ROWS)
