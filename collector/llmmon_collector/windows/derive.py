"""Metrics out of exact counts and quantiles. Names and units: ``llmmon.protocol.names``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from llmmon.protocol.money import PICO_PER_USD
from llmmon.protocol.names import METRICS
from llmmon_collector.sketch import BINS, quantiles
from llmmon_collector.windows.counts import SCORE_COLUMNS, SCORE_UNIT, US_PER_MS, Count
from llmmon_collector.windows.delta import HISTOGRAMS, LATENCY, MAX_GAP, TPOT, TTFT

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

QUANTILES: Final = {
    "latency_p50": (LATENCY, 0.5),
    "latency_p90": (LATENCY, 0.9),
    "latency_p95": (LATENCY, 0.95),
    "latency_p99": (LATENCY, 0.99),
    "latency_max": (LATENCY, 1.0),
    "ttft_p50": (TTFT, 0.5),
    "ttft_p95": (TTFT, 0.95),
    "ttft_p99": (TTFT, 0.99),
    "max_gap_p95": (MAX_GAP, 0.95),
    "tpot_p50": (TPOT, 0.5),
    "tpot_p95": (TPOT, 0.95),
}
"""Histogram and fraction behind each metric that is a quantile."""


def derive(counts: Integers, quantile_values: Floats, seconds: Floats | float) -> dict[str, Floats]:
    """All metrics that a window's own content tells, a value a row.

    ``counts`` is ``int64[rows, COLUMNS]``, ``quantile_values`` ``float64[len(QUANTILES), rows]``,
    ``seconds`` the time that the rows cover. A mean or ratio of nothing is NaN; so is a sum over
    requests of which none told the value, while the sum over no requests is 0.
    """
    columns = counts.T
    requests = columns[Count.REQUESTS]
    output = known_sum(columns[Count.OUTPUT], columns[Count.OUTPUT_N] > 0, requests)
    values = {
        "requests": requests.astype(np.float64),
        "request_rate": requests / seconds,
        "errors": columns[Count.ERRORS].astype(np.float64),
        "error_rate": ratio(columns[Count.ERRORS], requests),
        "latency_mean": ratio(columns[Count.LATENCY_US], columns[Count.LATENCY_N]) / US_PER_MS,
        "tokens_per_second": output / seconds,
        "input_tokens": known_sum(columns[Count.INPUT], columns[Count.INPUT_N] > 0, requests),
        "output_tokens": output,
        "cached_tokens": known_sum(columns[Count.CACHED], columns[Count.CACHED_N] > 0, requests),
        "cached_token_ratio": ratio(columns[Count.CACHED], columns[Count.CACHED_OF]),
        "cost_usd": cost_usd(counts),
        "unpriced_requests": columns[Count.UNPRICED].astype(np.float64),
        "refusal_rate": ratio(columns[Count.REFUSED], columns[Count.JUDGED]),
        "scored_requests": columns[Count.QUALITY_N].astype(np.float64),
    }
    for score, column in SCORE_COLUMNS.items():
        name = "quality_score_mean" if score == "quality" else f"{score}_mean"
        values[name] = ratio(columns[column + 1], columns[column]) / SCORE_UNIT
    values.update(zip(QUANTILES, quantile_values, strict=True))
    return values


def quantiles_of(bins: Integers) -> Floats:
    """The values of ``QUANTILES`` of ``bins[rows, ROW]``: ``float64[len(QUANTILES), rows]``."""
    histograms = bins.reshape(-1, HISTOGRAMS, BINS)
    found = np.empty((len(QUANTILES), len(histograms)))
    wanted = list(QUANTILES.values())
    for histogram in range(HISTOGRAMS):
        rows = [i for i, (h, _) in enumerate(wanted) if h == histogram]
        found[rows] = quantiles(histograms[:, histogram], [wanted[i][1] for i in rows]).T
    return found


def cost_usd(counts: Integers) -> Floats:
    """Cost in USD of each row of ``counts``."""
    columns = counts.T
    return known_cost(columns[Count.COST_PICO], columns[Count.PRICED], columns[Count.UNPRICED])


def known_cost(cost_pico: Integers, priced: Integers, unpriced: Integers) -> Floats:
    """Cost in USD, NaN where requests cost something and no price is known for any."""
    return known_sum(cost_pico, priced > 0, unpriced) / PICO_PER_USD


def known_sum(total: Integers, told: NDArray[np.bool_], requests: Integers) -> Floats:
    """``total``, NaN where there are ``requests`` and none of them ``told`` anything."""
    return np.where(told | (requests == 0), total, np.nan)


def ratio(part: Integers, whole: Integers) -> Floats:
    """``part`` over ``whole``, NaN where that is nothing."""
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)


def in_order(values: Mapping[str, Floats]) -> dict[str, Floats]:
    """``values`` in the order of ``METRICS``."""
    return {name: values[name] for name in METRICS if name in values}
