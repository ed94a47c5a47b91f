"""The sender against a collector's double, over real sockets."""

import logging
import math
import threading
from collections.abc import Callable
from typing import Any

import pytest

import llmmon
from llmmon.buffer import HIGH
from llmmon.monitor import default
from llmmon.protocol.event import Kind
from llmmon.testing import capture_events

Until = Callable[[Callable[[], object]], None]


def test_flush_returns_when_the_collector_has_everything(service: Any) -> None:
    service.start()
    recorder = llmmon.recorder("chat", model="m")
    for number in range(700):
        recorder(float(number), 10, 20)
    result = llmmon.flush(timeout_s=10)
    assert (result.pending, result.dropped) == (0, 0)
    assert sorted(row["latency_ms"] for row in service.requests) == [float(n) for n in range(700)]
    assert llmmon.stats().acknowledged == llmmon.stats().emitted == 700


def test_what_is_recorded_goes_out_by_itself(service: Any, until: Until) -> None:
    service.start()
    llmmon.record("chat", latency_ms=1.0)
    until(lambda: service.requests)
    llmmon.record("chat", latency_ms=2.0)
    until(lambda: len(service.requests) == 2)


def test_without_a_collector_there_is_one_warning_and_delivery_when_it_comes(
    service: Any, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    def warnings() -> list[logging.LogRecord]:
        return [record for record in caplog.records if record.name == "llmmon"]

    default.warned.clear()
    ids = [llmmon.record("chat", latency_ms=1.0) for _ in range(300)]
    assert llmmon.flush(timeout_s=0.1) == (0, 300, 0)
    until(warnings)
    llmmon.flush(timeout_s=0.1)
    service.start()
    assert llmmon.flush(timeout_s=15).pending == 0
    assert sorted(row["id"] for row in service.requests) == sorted(ids)
    assert len(warnings()) == 1
    assert service.endpoint in warnings()[0].getMessage()


def test_a_collector_that_comes_and_goes_costs_no_event_and_repeats_none(service: Any) -> None:
    service.start()
    done = threading.Event()
    ids: list[str] = []

    def record() -> None:
        while not done.wait(0.001):
            ids.append(llmmon.record("chat", latency_ms=1.0))

    thread = threading.Thread(target=record)
    thread.start()
    for _ in range(3):
        llmmon.flush(timeout_s=15)
        service.stop()
        llmmon.flush(timeout_s=0.3)
        service.start()
    done.set()
    thread.join()
    assert llmmon.flush(timeout_s=15).pending == 0
    assert sorted(row["id"] for row in service.requests) == sorted(ids)
    assert service.lost == 0
    assert llmmon.stats().acknowledged == len(ids)


def test_lost_answers_are_made_up_for_by_sending_again(service: Any) -> None:
    service.start()
    llmmon.record("chat")
    assert llmmon.flush(timeout_s=10).pending == 0
    service.forget_acks = 1
    ids = [llmmon.record("chat") for _ in range(3)]
    assert llmmon.flush(timeout_s=10).pending == 0
    assert [row["id"] for row in service.requests][1:] == ids
    assert service.forget_acks == 0


def test_a_full_queue_drops_the_oldest_and_counts_them_everywhere(service: Any) -> None:
    default.capturing = True
    recorder = llmmon.recorder("chat")
    for number in range(10_007):
        recorder(float(number))
    assert llmmon.stats().lost == {"queue_full": 7}
    default.capturing = False
    service.start()
    recorder(0.5)
    assert llmmon.flush(timeout_s=15).pending == 0
    stats = llmmon.stats()
    assert stats.emitted == 10_008
    lost = stats.lost["queue_full"]
    assert stats.acknowledged == len(service.requests) == 10_008 - lost
    assert min(row["latency_ms"] for row in service.requests if row["latency_ms"] != 0.5) >= 7.0
    assert service.lost == lost


def test_in_a_backlog_texts_are_let_go_and_their_requests_stay() -> None:
    with capture_events() as events:
        for _ in range(HIGH + 10):
            with llmmon.track() as request:
                request.content(query="What is the capital of France?", response="Paris it is.")
        scored = ["relevance" in row for row in events.requests]
    assert scored == [True] * HIGH + [False] * 10


def test_an_event_that_cannot_be_told_is_counted_and_the_others_arrive(service: Any) -> None:
    service.start()
    nobody: Any = None
    llmmon.score(nobody, "nobody's", 1.0)
    llmmon.score("r-1", "thumbs_up", 1.0, "good")
    llmmon.score("r-1", "thumbs_up", float("nan"))
    assert llmmon.flush(timeout_s=10).pending == 0
    assert llmmon.stats().lost == {"unencodable": 2}
    (row,) = service.rows[Kind.SCORE]
    assert (row["request_id"], row["name"], row["value"]) == ("r-1", "thumbs_up", 1.0)
    assert (row["comment"], row["service"]) == ("good", "shop")


def test_heartbeats_tell_counters_and_requests_that_hang(service: Any, until: Until) -> None:
    service.start()
    with llmmon.track("chat", model="slow-model", route="/ask") as request:
        until(lambda: any(beat.open_requests for beat in service.heartbeats))
        (open_request,) = service.heartbeats[-1].open_requests
        assert open_request.id == request.id
        assert (open_request.model, open_request.route) == ("slow-model", "/ask")
        assert open_request.age_ms >= 1000
        assert open_request.since_chunk_ms is None
        assert llmmon.stats().open_requests == 1
    assert llmmon.flush(timeout_s=10).pending == 0
    seen = len(service.heartbeats)
    until(lambda: len(service.heartbeats) > seen)
    beat = service.heartbeats[-1]
    assert (beat.service, beat.environment, beat.emitted) == ("shop", "test", 1)
    assert beat.open_total == llmmon.stats().open_requests == 0


def test_shutdown_says_goodbye_and_later_records_are_counted(service: Any, until: Until) -> None:
    service.start()
    recorder = llmmon.recorder("chat")
    recorder(1.0)
    request = llmmon.track("chat")
    assert llmmon.shutdown(timeout_s=10).pending == 0
    until(lambda: service.byes)
    header, lost = service.byes[0]
    assert (header.first_event, lost) == (1, {})
    recorder(2.0)
    request.finish()
    assert llmmon.stats().lost == {"shutdown": 2}
    assert llmmon.flush(timeout_s=1) == (0, 0, 0)


def test_shutdown_without_a_collector_leaves_its_events_in_the_spool(service: Any) -> None:
    llmmon.record("chat")
    assert llmmon.shutdown(timeout_s=0.1).pending == 1
    stats = llmmon.stats()
    assert (stats.lost, stats.buffered, stats.spooled) == ({}, 1, 1)


def test_shutdown_without_collector_and_spool_counts_what_is_lost(service: Any) -> None:
    llmmon.init(service="shop", endpoint=service.endpoint, spool_dir="off")
    llmmon.record("chat")
    assert llmmon.shutdown(timeout_s=0.1).pending == 1
    stats = llmmon.stats()
    assert (stats.lost, stats.buffered, stats.spooled) == ({"shutdown": 1}, 0, 0)


def test_init_again_moves_to_another_collector(service: Any, tmp_path_factory: Any) -> None:
    other = type(service)(tmp_path_factory.mktemp("other"))
    other.start()
    try:
        llmmon.record("chat")
        llmmon.flush(timeout_s=0.05)
        llmmon.init(service="moved", endpoint=other.endpoint, flush_interval_s=0.02)
        llmmon.init(service="moved", endpoint=other.endpoint, flush_interval_s=0.02)
        assert llmmon.flush(timeout_s=10).pending == 0
        assert len(other.requests) == 1
    finally:
        llmmon.shutdown(timeout_s=1)
        other.close()


def test_a_collector_that_was_sent_something_keeps_the_epoch_and_another_gets_a_new_one(
    service: Any, tmp_path_factory: Any
) -> None:
    service.start()
    other = type(service)(tmp_path_factory.mktemp("other"))
    other.start()
    try:
        first = llmmon.record("chat")
        llmmon.flush(timeout_s=10)
        second = llmmon.record("chat")
        llmmon.init(service="shop", endpoint=other.endpoint, flush_interval_s=0.02)
        third = llmmon.record("chat")
        assert llmmon.flush(timeout_s=10).pending == 0
        assert [row["id"] for row in service.requests] == [first, second]
        assert [row["id"] for row in other.requests] == [third]
        assert other.lost == 0
        assert len({row["epoch"] for row in service.requests + other.requests}) == 2
    finally:
        llmmon.shutdown(timeout_s=1)
        other.close()


def test_a_refusal_is_told_once_with_its_reason_and_ends(
    service: Any, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    default.warned.clear()
    service.refusal = {"reason": "forbidden", "detail": "revoked key", "retry_after_ms": 20}
    service.start()
    llmmon.record("chat")
    until(lambda: [record for record in caplog.records if record.name == "llmmon"])
    assert llmmon.stats().buffered == 1
    service.refusal = {}
    assert llmmon.flush(timeout_s=10).pending == 0
    said = [record.getMessage() for record in caplog.records if record.name == "llmmon"]
    assert said == ["the collector refuses: revoked key"]


def test_init_after_shutdown_begins_a_new_epoch(service: Any) -> None:
    service.start()
    llmmon.record("chat")
    llmmon.shutdown(timeout_s=10)
    llmmon.init(service="shop", endpoint=service.endpoint, flush_interval_s=0.02)
    llmmon.record("chat")
    assert llmmon.flush(timeout_s=10).pending == 0
    assert len({row["epoch"] for row in service.requests}) == 2
    assert len({row["id"] for row in service.requests}) == 2


def test_many_threads_lose_nothing(service: Any) -> None:
    service.start()

    def work() -> None:
        recorder = llmmon.recorder("chat")
        for _ in range(500):
            recorder(1.0)
            with llmmon.track("chat"):
                pass

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert llmmon.flush(timeout_s=20).pending == 0
    stats = llmmon.stats()
    assert stats.emitted == 6000
    assert stats.acknowledged + sum(stats.lost.values()) == 6000
    assert len({row["id"] for row in service.requests}) == stats.acknowledged


def test_a_flush_ends_when_another_thread_shuts_down(service: Any, until: Until) -> None:
    llmmon.record("chat")
    results: list[Any] = []
    waiting = threading.Thread(
        target=lambda: results.append(llmmon.flush(timeout_s=3600)), daemon=True
    )
    waiting.start()
    until(lambda: default.sender is not None and default.sender.courier is not None)
    llmmon.shutdown(timeout_s=0.0)
    until(lambda: results)
    assert results == [(0, 1, 0)]
    assert llmmon.stats().spooled == 1


@pytest.mark.parametrize("timeout_s", [None, "2", math.inf, 1e300, object()])
def test_no_timeout_raises(service: Any, timeout_s: Any) -> None:
    service.start()
    llmmon.record("chat")
    assert llmmon.flush(timeout_s) == (1, 0, 0)


@pytest.mark.parametrize("timeout_s", [math.nan, -math.inf, -1])
def test_a_timeout_that_is_over_waits_for_nothing(service: Any, timeout_s: Any) -> None:
    llmmon.record("chat")
    assert llmmon.flush(timeout_s) == (0, 1, 0)
