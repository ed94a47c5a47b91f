"""Sums that move along with the slots are those that adding up the slots would give."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from llmmon_collector.windows.counts import COLUMNS
from llmmon_collector.windows.delta import Delta
from llmmon_collector.windows.whole import WholeRing

SIZE = 12
LENGTH = SIZE // 2
STEP = st.one_of(
    st.tuples(st.just("add"), st.integers(0, SIZE - 1)),
    st.tuples(st.just("advance"), st.integers(1, SIZE + 3)),
    st.tuples(st.just("ask"), st.just(0)),
)


def delta(number: int) -> Delta:
    counts = np.full((1, COLUMNS), number, np.int64)
    return Delta(np.array([number]), np.array([number], np.int32), np.array([0]), counts)


@given(steps=st.lists(STEP, max_size=40))
def test_sums_that_move_on_are_those_of_the_slots(steps: list[tuple[str, int]]) -> None:
    ring, slot = WholeRing(SIZE), 100
    for number, (step, value) in enumerate([*steps, ("ask", 0)], 1):
        if step == "add":
            ring.add(slot - value, delta(number))
        elif step == "advance":
            ring.clear(slot + 1, slot + value)
            slot += value
        else:
            for first, last in ((LENGTH - 1, 0), (2 * LENGTH - 1, LENGTH), (1, 0)):
                counts, bins = ring.recent(slot, first, last)
                expected = ring.sums(np.array([slot - first, slot - last + 1]))
                np.testing.assert_array_equal(counts, expected[0])
                np.testing.assert_array_equal(bins, expected[1])
