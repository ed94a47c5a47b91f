"""What one agent may send: bounded by its bucket, shared fairly, less when things fall behind."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from llmmon_collector.intake.admission import BURST_S, CREDIT, Admission

SECOND = 10**9
FLOOD, POLITE = b"flood", b"polite"


def test_a_burst_is_taken_and_then_only_the_rate() -> None:
    admission = Admission(1000)
    taken = sum(500 for _ in range(100) if admission.admit(FLOOD, 500, 0) == 0)
    assert taken == 1000 * BURST_S
    wait_ms = admission.admit(FLOOD, 500, 0)
    assert wait_ms == 501
    assert admission.admit(FLOOD, 500, wait_ms * 10**6) == 0


def test_a_refused_agent_waits_for_a_tenth_of_its_rate_at_least() -> None:
    admission = Admission(10_000)
    while not (wait_ms := admission.admit(FLOOD, 1, 0)):
        pass
    assert wait_ms == 101


def test_a_batch_larger_than_the_bucket_passes_when_that_is_full() -> None:
    admission = Admission(1)
    assert admission.admit(FLOOD, 100, 0) == 0
    wait_ms = admission.admit(FLOOD, 100, 0)
    assert wait_ms == 30_000
    assert admission.admit(FLOOD, 100, 200 * SECOND) == 0


def test_buckets_are_not_shared() -> None:
    admission = Admission(10)
    while not admission.admit(FLOOD, 10, 0):
        pass
    assert admission.admit(POLITE, 10, 0) == 0


@given(
    st.integers(1, 10_000),
    st.lists(st.tuples(st.integers(0, 3 * SECOND), st.integers(1, 4096)), max_size=60),
)
def test_no_history_takes_more_than_burst_and_rate(rate: int, steps: list[tuple[int, int]]) -> None:
    admission, now_ns, taken, largest = Admission(rate), 0, 0, 0
    for step_ns, events in steps:
        now_ns += step_ns
        wait_ms = admission.admit(FLOOD, events, now_ns)
        if wait_ms:
            assert 0 < wait_ms <= 30_000
        else:
            taken, largest = taken + events, max(largest, events)
    assert taken <= rate * (BURST_S + now_ns / SECOND) + largest + 1


@given(st.lists(st.tuples(st.integers(0, SECOND), st.integers(1, 512)), max_size=40))
def test_who_stays_below_the_rate_never_waits(steps: list[tuple[int, int]]) -> None:
    admission, now_ns = Admission(512), 0
    for step_ns, events in steps:
        now_ns += step_ns + SECOND
        assert admission.admit(POLITE, events, now_ns) == 0


def test_alone_an_agent_has_all_the_credit() -> None:
    admission = Admission(1e9)
    for tick in range(20):
        admission.admit(FLOOD, 4096, tick * SECOND // 10)
    assert admission.credit(FLOOD, 2 * SECOND) == CREDIT
    assert admission.credit(b"unknown", 2 * SECOND) == CREDIT


def contend(admission: Admission, flood: int, polite: int, agents: int = 4) -> int:
    """Two seconds of one agent beside ``agents`` others; when they are over."""
    for tick in range(20):
        now_ns = tick * SECOND // 10
        admission.admit(FLOOD, flood, now_ns)
        for agent in range(agents):
            admission.admit(POLITE + bytes([agent]), polite, now_ns)
    return 2 * SECOND


def test_more_than_a_fair_share_costs_credit_and_less_does_not() -> None:
    admission = Admission(1e9)
    now_ns = contend(admission, 4000, 400)
    assert admission.credit(POLITE + b"\0", now_ns) == CREDIT
    assert CREDIT // 8 <= admission.credit(FLOOD, now_ns) <= CREDIT // 2


def test_equals_have_equal_and_full_credit() -> None:
    admission = Admission(1e9)
    now_ns = contend(admission, 400, 400)
    assert admission.credit(FLOOD, now_ns) == admission.credit(POLITE + b"\0", now_ns) == CREDIT


def test_when_committing_falls_behind_the_greediest_gives_way_first() -> None:
    admission = Admission(1e9)
    now_ns = contend(admission, 40_000, 40)
    for _ in range(10):
        admission.worked(now_ns, 60_000_000)
    assert admission.credit(FLOOD, now_ns) == 1
    assert admission.credit(POLITE + b"\0", now_ns) > CREDIT * 3 // 4
    for second in range(12):
        contend(admission, 40_000, 40)
        admission.worked(now_ns + second * SECOND, 1_000_000)
    assert CREDIT // 8 <= admission.credit(FLOOD, now_ns) <= CREDIT // 4


@given(
    st.lists(
        st.tuples(st.binary(min_size=1, max_size=1), st.integers(1, 4096), st.integers(0, SECOND)),
        max_size=60,
    ),
    st.lists(st.integers(0, 10**9), max_size=20),
)
def test_credit_is_always_one_to_all(steps: list[tuple[bytes, int, int]], took: list[int]) -> None:
    admission, now_ns = Admission(5000), 0
    for took_ns in took:
        admission.worked(now_ns, took_ns)
    for agent_id, events, step_ns in steps:
        now_ns += step_ns
        admission.admit(agent_id, events, now_ns)
        assert 1 <= admission.credit(agent_id, now_ns) <= CREDIT


def test_agents_that_have_stopped_are_forgotten() -> None:
    admission = Admission(1000)
    for n in range(1000):
        admission.admit(n.to_bytes(2, "big"), 10, 0)
    admission.admit(POLITE, 10, 15 * SECOND)
    admission.credit(POLITE, 15 * SECOND)
    assert len(admission) == 1
