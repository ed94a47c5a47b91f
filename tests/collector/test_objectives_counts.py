from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from llmmon_collector.objectives.burn import WINDOWS
from llmmon_collector.objectives.counts import Counts

START = 1_795_500_000 // 60
HOURS = 7 * 24
_steps = st.sampled_from([0, 1, 1, 5, 29, 60, 61, 1439, 4319, 4320, 4321, HOURS * 60, 15_000])
_ages = st.sampled_from(
    [0, 1, 4, 5, 59, 60, 119, 120, 1439, 1440, 4319, 4320, 9000, 10_079, 10_080]
)
_history = st.lists(
    st.tuples(_steps, _ages, st.integers(0, 3), st.integers(0, 9), st.integers(0, 9)), max_size=30
)


def matrix(group: int, total: int, bad: int) -> np.ndarray:
    counts = np.zeros((2, group + 1), np.int64)
    counts[:, group] = total, bad
    return counts


@settings(max_examples=50)
@given(_history)
def test_windows_and_period_hold_what_a_plain_list_of_events_does(
    history: list[tuple[int, int, int, int, int]],
) -> None:
    counts = Counts(HOURS, START)
    events: list[tuple[int, int, int, int]] = []
    now = START
    for step, age, group, total, bad in history:
        now += step
        counts.advance(now)
        counts.add(now - age, matrix(group, total, bad))
        events.append((now - age, group, total, bad))
        for window, length in enumerate(WINDOWS.values()):
            expected = summed(events, now - length + 1)
            assert counts.windows(4)[window].T.tolist() == expected
        assert counts.period(4).T.tolist() == summed(events, (now // 60 - HOURS + 1) * 60)


def summed(events: list[tuple[int, int, int, int]], first: int) -> list[list[int]]:
    sums = [[0, 0] for _ in range(4)]
    for minute, group, total, bad in events:
        if minute >= first:
            sums[group][0] += total
            sums[group][1] += bad
    return sums


def test_an_event_from_ahead_is_of_now() -> None:
    counts = Counts(HOURS, START)
    counts.add(START + 9, matrix(0, 1, 0))
    assert counts.windows(1)[0].tolist() == [[1], [0]]
    counts.advance(START + 5)
    assert counts.windows(1)[0].tolist() == [[0], [0]]


def test_going_back_changes_nothing() -> None:
    counts = Counts(HOURS, START)
    counts.add(START, matrix(0, 2, 1))
    counts.advance(START - 10_000)
    assert (counts.minute, counts.period(1).tolist()) == (START, [[2], [1]])
