"""Lanes: bounded, exact in their counts, shared by many threads."""

import threading

from hypothesis import given
from hypothesis import strategies as st

from llmmon.buffer import HIGH, Lane, Tally


class Gate:
    """Stands for the monitor: remembers how it was called."""

    def __init__(self) -> None:
        self.closed = False
        self.calls: list[bool] = []

    def wake(self, urgent: bool) -> None:
        self.calls.append(urgent)


def test_the_first_row_calls_and_the_next_ones_do_not() -> None:
    gate = Gate()
    lane = Lane(gate, 5000)
    for row in range(10):
        lane.put(row)
    assert gate.calls == [False]
    assert lane.take(100) == list(range(10))
    lane.put(10)
    assert gate.calls == [False, False]


def test_much_waiting_calls_urgently() -> None:
    gate = Gate()
    lane = Lane(gate, 5000)
    for row in range(HIGH + 1):
        lane.put(row)
    assert gate.calls == [False, True]


def test_after_closing_every_row_is_thrown_away_and_counted() -> None:
    gate = Gate()
    lane = Lane(gate, 5000)
    gate.closed = True
    for row in range(3):
        lane.put(row)
    assert (len(lane.rows), lane.discarded.value, lane.emitted) == (0, 3, 3)


@given(st.lists(st.one_of(st.just(-1), st.integers(1, 400)), max_size=30))
def test_counts_are_exact_and_the_oldest_goes(steps: list[int]) -> None:
    lane = Lane(Gate(), HIGH)
    put, taken = 0, list[int]()
    for step in steps:
        if step < 0:
            taken += lane.take(100)
        for _ in range(step):
            lane.put(put)
            put += 1
        assert lane.emitted == put
        assert lane.emitted == lane.taken + lane.dropped.value + len(lane.rows)
        assert len(lane.rows) <= HIGH
    kept = taken + lane.take(2 * HIGH)
    assert kept == sorted(kept)
    assert len(kept) + lane.dropped.value == put


def test_threads_bump_a_tally_without_losing_a_count() -> None:
    tally = Tally()
    threads = [
        threading.Thread(target=lambda: [tally.bump() for _ in range(5000)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tally.value == 20_000
