"""The population stability index and what it says."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmon_tui.drift import LEAST, Finding, compare, stability_index

COUNTS = st.lists(st.integers(0, 10**6), min_size=5, max_size=5)


def test_the_formula_by_hand():
    now, before = (0.5, 0.5), (0.25, 0.75)
    by_hand = sum((a - e) * math.log(a / e) for a, e in zip(now, before, strict=True))
    big = 10**9
    index = stability_index([big, big], [big, 3 * big])
    assert index == pytest.approx(by_hand, rel=1e-6)


@given(COUNTS, COUNTS)
def test_it_is_symmetric_and_never_below_zero(now, before):
    index = stability_index(now, before)
    assert index >= 0
    assert index == pytest.approx(stability_index(before, now))


@given(COUNTS)
def test_the_same_distribution_has_not_moved(counts):
    assert stability_index(counts, counts) == 0


def test_an_empty_bucket_is_no_infinity():
    assert math.isfinite(stability_index([0, 0, 0, 0, 1000], [1000, 0, 0, 0, 0]))


@pytest.mark.parametrize(
    ("now", "before", "finding"),
    [
        ([10, 20, 100, 200, 100], [10, 20, 100, 200, 100], Finding.STEADY),
        ([0, 0, 0, 60, 40], [0, 0, 0, 100, 100], Finding.STEADY),
        ([1000, 1000, 1000, 1000, 1000], [500, 700, 1000, 1300, 1500], Finding.MOVED),
        ([2000, 1000, 1000, 500, 500], [100, 500, 1000, 1500, 2000], Finding.SHIFTED),
        ([20, 10, 10, 10, 10], [10, 10, 10, 10, 20], Finding.CHANCE),
        ([LEAST - 1, 0, 0, 0, 0], [0, 0, 0, 0, 1000], Finding.TOO_FEW),
        ([0, 0, 0, 0, 0], [0, 0, 0, 0, 0], Finding.TOO_FEW),
    ],
)
def test_findings(now, before, finding):
    drift = compare(now, before)
    assert drift.finding is finding
    assert (drift.scored, drift.scored_before) == (sum(now), sum(before))
    assert (drift.psi is None) is (finding is Finding.TOO_FEW)
