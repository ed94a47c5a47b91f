"""The live numbers: what comes in is in the next tables, and nothing is told that is not known."""

from __future__ import annotations

import pytest
from support.live import NOW_NS, SECOND, new_live, request_batch, row

from llmmon.protocol.event import Heartbeat, OpenRequest
from llmmon_collector.live import STALLED_MS, LiveMetrics, Open, count_open

NOTHING_OPEN = Open(0, 0)


@pytest.fixture
def live() -> LiveMetrics:
    return new_live()


def heartbeat(*open_requests: OpenRequest, open_total: int | None = None) -> Heartbeat:
    total = len(open_requests) if open_total is None else open_total
    return Heartbeat("svc", "test", "h", 1, "1", 0, {}, 0, 2.0, open_requests, total)


def waiting(age_ms: float, since_chunk_ms: float | None) -> OpenRequest:
    return OpenRequest("r", "gpt-4o", "/ask", age_ms, None, since_chunk_ms)


def test_batches_count_from_the_next_advance_on(live: LiveMetrics) -> None:
    live.advance(NOW_NS, NOTHING_OPEN)
    assert live.table(60).row(0)["requests"] == 0
    batches = [request_batch([row(), row(error="timeout")]), request_batch([row()], model="m")]
    requests = live.add(batches, NOW_NS)
    assert len(requests) == 3
    live.advance(NOW_NS, NOTHING_OPEN)
    total = live.table(60).row(0)
    assert (total["requests"], total["errors"]) == (3, 1)


def test_tables_group_and_filter(live: LiveMetrics) -> None:
    live.add([request_batch([row()] * 2), request_batch([row()], model="m", route="/b")], NOW_NS)
    live.advance(NOW_NS, NOTHING_OPEN)
    by_model = live.table(300, ("model",))
    counts = dict(zip([g["model"] for g in by_model.labels], by_model.requests, strict=True))
    assert (counts["gpt-4o"], counts["m"]) == (2, 1)
    assert live.table(300, (), lambda key: key.route == "/b").row(0)["requests"] == 1


def test_a_table_is_built_once_between_two_changes(live: LiveMetrics) -> None:
    live.advance(NOW_NS, NOTHING_OPEN)
    first = live.table(60, ("model",))
    assert live.table(60, ("model",)) is first
    live.advance(NOW_NS + SECOND, NOTHING_OPEN)
    assert live.table(60, ("model",)) is not first


def test_a_series_that_is_new_since_the_last_table_is_in_the_next(live: LiveMetrics) -> None:
    live.advance(NOW_NS, NOTHING_OPEN)
    before = live.table(60, ("model",))
    live.add([request_batch([row()], model="newcomer")], NOW_NS)
    live.advance(NOW_NS, NOTHING_OPEN)
    assert {"model": "newcomer"} not in before.labels
    assert {"model": "newcomer"} in live.table(60, ("model",)).labels


def test_open_requests_are_known_of_the_whole_only(live: LiveMetrics) -> None:
    live.add([request_batch([row()])], NOW_NS)
    live.advance(NOW_NS, Open(7, 2))
    total = live.table(60).row(0)
    assert (total["open_requests"], total["stalled_requests"]) == (7, 2)
    for part in (live.table(60, ("model",)), live.table(60, (), lambda _: True)):
        assert part.row(0)["open_requests"] is part.row(0)["stalled_requests"] is None


def test_late_requests_are_counted_unless_a_store_hands_them_back(live: LiveMetrics) -> None:
    old = [request_batch([row(age_s=120), row()])]
    live.add(old, NOW_NS)
    assert live.late_events == 1
    live.add(old, NOW_NS, warm=True)
    assert live.late_events == 1
    live.advance(NOW_NS, NOTHING_OPEN)
    assert live.table(300).row(0)["requests"] == 3


def test_requests_over_the_series_limit_are_counted_all_the_same() -> None:
    live = new_live(max_series=2)
    live.add([request_batch([row()], model=f"m{n}") for n in range(5)], NOW_NS)
    live.advance(NOW_NS, NOTHING_OPEN)
    assert live.table(60).row(0)["requests"] == 5
    by_model = live.table(60, ("model",))
    assert by_model.requests[by_model.labels.index({"model": "__other__"})] == 3


def test_open_requests_are_added_up_over_agents() -> None:
    heartbeats = [heartbeat(waiting(5, None)), heartbeat(open_total=80)]
    assert count_open(heartbeats) == Open(81, 0)
    assert count_open([]) == NOTHING_OPEN


@pytest.mark.parametrize(
    ("age_ms", "since_chunk_ms", "stalled"),
    [
        (STALLED_MS, None, 0),
        (STALLED_MS + 1, None, 1),
        (10 * STALLED_MS, STALLED_MS, 0),
        (10 * STALLED_MS, 0.0, 0),
        (10 * STALLED_MS, STALLED_MS + 1, 1),
    ],
)
def test_what_has_had_no_chunk_for_long_is_stalled(
    age_ms: float, since_chunk_ms: float | None, stalled: int
) -> None:
    assert count_open([heartbeat(waiting(age_ms, since_chunk_ms))]) == Open(1, stalled)
