from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import islice, takewhile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import llmmon.demo
from llmmon.demo.corpus import Arrival, Corpus, Measured, Pair, load_corpus
from llmmon.demo.workload import (
    SHARES,
    Incident,
    PlannedRequest,
    moments,
    plan,
)

INCIDENT = Incident(start_s=600, slow_s=300, failing_s=300)


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return load_corpus()


def first(requests: Iterator[PlannedRequest], count: int) -> list[PlannedRequest]:
    return list(islice(requests, count))


def until(requests: Iterator[PlannedRequest], end_s: float) -> list[PlannedRequest]:
    return list(takewhile(lambda request: request.start_s < end_s, requests))


def test_the_shipped_data_is_whole_and_small(corpus: Corpus) -> None:
    assert (len(corpus.arrivals), len(corpus.measured), len(corpus.pairs)) == (19_366, 2_845, 606)
    data = Path(llmmon.demo.__file__).parent / "data"
    assert sum(file.stat().st_size for file in data.iterdir()) < 1_000_000
    licences = (data / "LICENSES.md").read_text()
    assert all(file.name in licences for file in data.glob("*.gz"))


def test_failed_calls_have_no_latency_that_was_not_measured(corpus: Corpus) -> None:
    refused = [request for request in corpus.measured if request.status_code == 429]
    assert len(refused) == 392
    assert all(request.latency_ms is None and request.ttft_ms is None for request in refused)


def test_the_same_seed_plays_the_same_requests(corpus: Corpus) -> None:
    one = first(plan(corpus, random.Random(7), INCIDENT), 2000)
    assert one == first(plan(corpus, random.Random(7), INCIDENT), 2000)
    assert one != first(plan(corpus, random.Random(8), INCIDENT), 2000)


def test_every_number_is_a_measured_one(corpus: Corpus) -> None:
    measured = set(corpus.measured)
    sizes = {arrival.input_tokens for arrival in corpus.arrivals}
    pairs = set(corpus.pairs)
    for request in first(plan(corpus, random.Random(1), INCIDENT), 10_000):
        assert request.measured in measured
        assert request.pair in pairs
        if request.measured.error is None:
            assert request.input_tokens in sizes
        else:
            assert request.input_tokens is None


def test_arrivals_are_the_trace_s_and_start_over(corpus: Corpus) -> None:
    count = len(corpus.arrivals)
    starts = [r.start_s for r in first(plan(corpus, random.Random(1)), count + 2)]
    assert starts[:count] == [arrival.t_s for arrival in corpus.arrivals]
    assert starts[count] > starts[count - 1]
    assert starts == sorted(starts)


def test_speed_moves_arrivals_and_not_latencies(corpus: Corpus) -> None:
    slow = first(plan(corpus, random.Random(1)), 100)
    fast = first(plan(corpus, random.Random(1), speed=10), 100)
    assert [r.measured for r in fast] == [r.measured for r in slow]
    assert [r.start_s * 10 for r in fast] == pytest.approx([r.start_s for r in slow])


def test_the_incident_slows_then_fails_then_ends(corpus: Corpus) -> None:
    requests = until(plan(corpus, random.Random(1), INCIDENT), 1800)
    by_phase: dict[str, list[PlannedRequest]] = {
        "before": [],
        "slow": [],
        "failing": [],
        "after": [],
    }
    for request in requests:
        phase = INCIDENT.phase(request.start_s)
        if phase == "steady":
            phase = "before" if request.start_s < INCIDENT.start_s else "after"
        by_phase[phase].append(request)
    slow = {phase: share_over(rows, 10_000) for phase, rows in by_phase.items()}
    failed = {phase: share_failed(rows) for phase, rows in by_phase.items()}
    assert slow["slow"] > 0.05
    assert max(slow["before"], slow["failing"], slow["after"]) < 0.01
    assert failed["failing"] > 0.05
    assert max(failed["before"], failed["slow"], failed["after"]) < 0.01


def share_over(rows: list[PlannedRequest], limit_ms: float) -> float:
    return sum((row.measured.latency_ms or 0) > limit_ms for row in rows) / len(rows)


def share_failed(rows: list[PlannedRequest]) -> float:
    return sum(row.measured.error is not None for row in rows) / len(rows)


def test_steady_traffic_breaks_no_built_in_limit(corpus: Corpus) -> None:
    requests = until(plan(corpus, random.Random(1)), 3000)
    assert share_over(requests, 5_000) < 0.05
    assert share_over(requests, 10_000) < 0.01
    assert share_failed(requests) < 0.05


def test_traffic_spreads_over_all_providers(corpus: Corpus) -> None:
    requests = first(plan(corpus, random.Random(1)), 2000)
    assert {request.measured.provider for request in requests} == set(SHARES)


@given(st.lists(st.tuples(st.floats(0, 1000), st.floats(0, 1e6)), max_size=50))
def test_requests_begin_and_end_in_order_of_time(times: list[tuple[float, float]]) -> None:
    requests = [a_request(start_s, latency_ms) for start_s, latency_ms in sorted(times)]
    seen = list(moments(requests))
    assert [moment.t_s for moment in seen] == sorted(moment.t_s for moment in seen)
    assert [moment.request for moment in seen if not moment.ended] == requests
    begun: set[int] = set()
    for moment in seen:
        assert (moment.number in begun) == moment.ended
        (begun.remove if moment.ended else begun.add)(moment.number)
        assert moment.t_s == (moment.request.end_s if moment.ended else moment.request.start_s)
    assert begun == set()


def a_request(start_s: float, latency_ms: float) -> PlannedRequest:
    measured = Measured("p", "m", 1, latency_ms, None, None, None)
    return PlannedRequest(start_s, measured, 1, Pair("r", "chat", "q", "a", None), "u", "s")


def test_one_arrival_is_enough_to_go_on_for_ever(corpus: Corpus) -> None:
    lonely = corpus._replace(arrivals=(Arrival(5.0, 1, 1),))
    starts = [request.start_s for request in first(plan(lonely, random.Random(1)), 3)]
    assert starts == [0.0, 1.0, 2.0]


def test_an_arrival_gets_a_request_of_about_its_size(corpus: Corpus) -> None:
    sizes = range(10, 400, 10)
    measured = tuple(Measured(p, "m", n, 1.0, None, None, None) for p in SHARES for n in sizes)
    arrivals = (Arrival(0.0, 1, 20), Arrival(1.0, 1, 380))
    small = corpus._replace(arrivals=arrivals, measured=measured)
    short, long = first(plan(small, random.Random(1)), 2)
    assert (short.measured.output_tokens or 0) <= 300
    assert (long.measured.output_tokens or 0) >= 100
