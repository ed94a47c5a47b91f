from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from llmmon_collector.sketch import (
    BINS,
    LARGEST_MS,
    SMALLEST_MS,
    bin_of,
    maximum,
    quantiles,
    value_of,
)

QS = (0.0, 0.5, 0.9, 0.95, 0.99, 1.0)
LATENCIES = Path(__file__).parent / "data" / "latency" / "llmperf.csv"

values_ms = st.floats(SMALLEST_MS, LARGEST_MS, allow_nan=False)


def histogram(values: NDArray[np.floating]) -> NDArray[np.int64]:
    return np.bincount(bin_of(values), minlength=BINS)


def check(values: NDArray[np.floating], qs: tuple[float, ...] = QS) -> None:
    exact = np.quantile(values, qs, method="lower")
    np.testing.assert_allclose(quantiles(histogram(values), qs), exact, rtol=0.01)


@given(hnp.arrays(np.float64, st.integers(1, 300), elements=values_ms))
def test_any_quantile_is_within_one_percent(values: NDArray[np.float64]) -> None:
    check(values)


def test_every_magnitude_is_within_one_percent() -> None:
    values = np.geomspace(SMALLEST_MS, LARGEST_MS, 200_000)
    np.testing.assert_allclose(value_of(bin_of(values)), values, rtol=0.01)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("shape", ["lognormal", "pareto", "bimodal"])
def test_distributions_are_within_one_percent(shape: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    if shape == "lognormal":
        values = rng.lognormal(6.5, 1.2, 20_000)
    elif shape == "pareto":
        values = 50 * (1 + rng.pareto(1.1, 20_000))
    else:
        values = np.where(rng.random(20_000) < 0.6, rng.normal(8, 1, 20_000), 9000.0)
    check(np.clip(values, SMALLEST_MS, LARGEST_MS))


def test_measured_latencies_are_within_one_percent() -> None:
    series: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    with LATENCIES.open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            series[row["model"], "latency"].append(float(row["latency_ms"]))
            series[row["model"], "ttft"].append(float(row["ttft_ms"]))
    assert sum(map(len, series.values())) > 800
    for values in series.values():
        check(np.array(values))


def test_float32_and_float64_fall_into_the_same_bin() -> None:
    values = np.random.default_rng(3).lognormal(6, 2, 10_000).astype(np.float32)
    np.testing.assert_array_equal(bin_of(values), bin_of(values.astype(np.float64)))


def test_out_of_range_goes_into_the_end_bins() -> None:
    values = np.array([0.0, 1e-9, SMALLEST_MS, 1e12, np.inf, np.nan])
    np.testing.assert_array_equal(bin_of(values), [0, 0, 0, BINS - 1, BINS - 1, 0])


def test_bins_are_monotonic_in_their_values() -> None:
    assert np.all(np.diff(value_of(np.arange(BINS))) > 0)


def test_the_input_is_left_alone() -> None:
    values = np.array([1.0, 1e12], np.float32)
    bin_of(values)
    np.testing.assert_array_equal(values, np.array([1.0, 1e12], np.float32))


@given(
    hnp.arrays(np.float64, st.integers(1, 200), elements=values_ms),
    st.lists(st.integers(0, 200), max_size=4),
    st.randoms(use_true_random=False),
)
def test_merging_parts_in_any_order_gives_the_whole(
    values: NDArray[np.float64], cuts: list[int], random: Random
) -> None:
    order = list(range(len(values)))
    random.shuffle(order)
    parts = np.split(values[order], sorted(min(cut, len(values)) for cut in cuts))
    merged = sum((histogram(part) for part in parts), np.zeros(BINS, np.int64))
    np.testing.assert_array_equal(merged, histogram(values))


def test_empty_has_no_quantile_and_no_maximum() -> None:
    empty = np.zeros((2, BINS), np.int32)
    assert np.isnan(quantiles(empty, (0.5, 0.99))).all()
    assert np.isnan(maximum(empty)).all()


def test_leading_axes_are_kept_apart() -> None:
    rng = np.random.default_rng(5)
    samples = rng.lognormal(5, 1, (2, 3, 500))
    hist = np.array([[histogram(sample) for sample in row] for row in samples], np.int32)
    hist[1, 2] = 0
    found = quantiles(hist, (0.5, 0.95))
    assert found.shape == (2, 3, 2)
    exact = np.moveaxis(np.quantile(samples, (0.5, 0.95), axis=-1, method="lower"), 0, -1)
    assert np.isnan(found[1, 2]).all()
    exact[1, 2] = np.nan
    np.testing.assert_allclose(found, exact, rtol=0.01)
    np.testing.assert_allclose(maximum(hist)[0], samples[0].max(axis=-1), rtol=0.01)


def test_counts_beyond_32_bits_do_not_wrap() -> None:
    hist = np.zeros(BINS, np.int32)
    hist[[100, 101, 900]] = 2_000_000_000
    found = quantiles(hist, (0.5, 0.99))
    np.testing.assert_allclose(found, value_of(np.array([101, 900])))
