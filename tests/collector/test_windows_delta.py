from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from llmmon_collector.windows.counts import COLUMNS
from llmmon_collector.windows.delta import ROW, Delta, merge, pack, unpack
from llmmon_collector.windows.totals import Totals

amounts = st.one_of(
    st.integers(1, 3), st.integers(250, 260), st.integers(65_530, 65_540), st.just(2**40)
)


@st.composite
def deltas(draw: st.DrawFn) -> Delta:
    """Dense and sparse ones, with gaps and counts that do and do not fit a byte."""
    bins = draw(st.dictionaries(st.integers(0, 40 * ROW - 1), st.integers(1, 600), max_size=30))
    run = draw(st.integers(0, 300))
    bins |= dict.fromkeys(range(5 * ROW, 5 * ROW + run), 1)
    series = np.unique(np.array(sorted(bins), np.int64) // ROW)
    counts = np.zeros((len(series), COLUMNS), np.int64)
    if len(series):
        counts[:, 0] = 1
        counts[0, draw(st.integers(0, COLUMNS - 1))] = draw(amounts)
    keys = np.array(sorted(bins), np.int64)
    return Delta(keys, np.array([bins[key] for key in keys.tolist()], np.int32), series, counts)


def assert_same(one: Delta, other: Delta) -> None:
    np.testing.assert_array_equal(one.bins, other.bins)
    np.testing.assert_array_equal(one.bin_counts, other.bin_counts)
    np.testing.assert_array_equal(one.series, other.series)
    np.testing.assert_array_equal(one.counts, other.counts)


@given(deltas())
def test_packing_loses_nothing(delta: Delta) -> None:
    assert_same(unpack(pack(delta)), delta)


def test_a_dense_delta_packs_into_about_two_bytes_a_bin() -> None:
    bins = (np.arange(100)[:, None] * ROW + np.arange(400, 600)).ravel()
    counts = np.ones((100, COLUMNS), np.int64)
    packed = pack(Delta(bins, np.ones(len(bins), np.int32), np.arange(100), counts))
    size = sum(a.nbytes for a in (packed.gaps, packed.wide_gaps, packed.counts))
    assert size < 2.1 * len(bins)


@given(st.lists(deltas(), min_size=1, max_size=4))
def test_merging_is_adding_to_totals_one_after_the_other(parts: list[Delta]) -> None:
    apart, together = Totals(), Totals()
    for part in parts:
        apart.add(part)
    together.add(merge(parts))
    assert_same(apart.content(), together.content())


@given(st.lists(deltas(), min_size=1, max_size=4))
def test_totals_hold_what_was_added_and_not_what_was_taken_away(parts: list[Delta]) -> None:
    totals = Totals()
    for part in parts:
        totals.add(part)
    for part in parts[1:]:
        totals.subtract(part)
    assert_same(totals.content(), parts[0])
    totals.clear()
    assert not len(totals.content().bins)
    totals.add(parts[0])
    assert_same(totals.content(), parts[0])


@given(deltas(), st.sets(st.integers(0, 39)))
def test_only_some_series_are_left(delta: Delta, wanted: set[int]) -> None:
    members = np.array([i in wanted for i in range(max(wanted, default=-1) + 1)], bool)
    part = delta.only(members)
    assert set(part.series.tolist()) == wanted & set(delta.series.tolist())
    assert set((part.bins // ROW).tolist()) <= wanted
    rest = delta.only(np.array([i not in wanted for i in range(40)], bool))
    assert_same(merge([part, rest]), delta)
