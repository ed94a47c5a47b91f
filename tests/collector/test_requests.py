"""Batches as agents encode them, decoded to columns and compared with plain Python."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from llmmon.errors import SchemaError
from llmmon.protocol.codec import pack
from llmmon.protocol.event import Kind
from llmmon.protocol.names import SCORES
from llmmon.protocol.wire import Batch, decode_batch, encode_batch, encode_series
from llmmon_collector.requests import (
    FROM_PRICES,
    FROM_PROVIDER,
    MISSING,
    MOST_MS,
    MOST_PICO,
    REPEATS,
    UNKNOWN_SOURCE,
    RequestDecoder,
    Requests,
)
from llmmon_collector.series import SeriesTable

START = 1_700_000_000_000_000_000
TOKENS = (
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)
DURATIONS = ("latency_ms", "ttft_ms", "max_gap_ms")

Row = dict[str, Any]
Integers = NDArray[np.int64]


class FlatPrices:
    """A pico-dollar a token for models that are not called ``free``, one list a model name."""

    def __init__(self) -> None:
        self.asked: list[tuple[str | None, str]] = []

    def code(self, provider: str | None, model: str) -> int:
        self.asked.append((provider, model))
        return 0 if model in {"", "free"} else 1

    def cost(
        self, codes: NDArray[np.int32], at_ns: Integers, tokens: Sequence[Integers]
    ) -> Integers:
        total = np.maximum(tokens[0], 0) + np.maximum(tokens[1], 0)
        known = (codes > 0) & ((tokens[0] >= 0) | (tokens[1] >= 0))
        return np.where(codes == REPEATS, 0, np.where(known, total, MISSING))


def series_of(
    operation: str = "chat", model: str = "m", response_model: str | None = None
) -> bytes:
    key = ("bot", "production", operation, "openai", model, response_model, "/ask", None)
    return encode_series(key)


SERIES = (series_of(), series_of(model="free"), series_of("invoke_agent"))


def batch_of(rows: list[Row], series: tuple[bytes, ...] = SERIES) -> Batch:
    names = {name for row in rows for name in row}
    columns = {name: [row.get(name) for row in rows] for name in names}
    payload = encode_batch("host", "p", series, {Kind.REQUEST: (len(rows), columns)}, {})
    return decode_batch(payload, len(rows))


def decode(*batches: Batch) -> Requests:
    return RequestDecoder(SeriesTable(10), FlatPrices()).decode(batches)


def near(actual: float, wanted: float | None) -> bool:
    if wanted is None:
        return math.isnan(actual)
    return math.isclose(actual, wanted, rel_tol=1e-6, abs_tol=1e-7)


def check(found: Requests, i: int, row: Row) -> None:
    repeats = row["series"] == 2
    assert found.series[i] == row["series"] + 1
    assert found.start_ns[i] == row["start_ns"]
    assert found.error[i] == (row.get("error") is not None)
    for name in (*DURATIONS, *SCORES, "refusal"):
        assert near(float(getattr(found, name)[i]), row.get(name)), name
    for name in TOKENS:
        told = None if repeats else row.get(name)
        assert getattr(found, name)[i] == (MISSING if told is None else told), name
    latency_ms = float(np.nan_to_num(found.latency_ms[i]))
    assert abs(int(found.end_ns[i]) - row["start_ns"] - latency_ms * 1e6) <= 1
    scores = [row[name] for name in SCORES if row.get(name) is not None]
    assert near(float(found.quality[i]), sum(scores) / len(scores) if scores else None)
    assert (found.cost_pico[i], found.cost_source[i]) == cost_of(row)


def cost_of(row: Row) -> tuple[int, int]:
    counts = [row[n] for n in ("input_tokens", "output_tokens") if row.get(n) is not None]
    if row["series"] == 2:
        return 0, FROM_PRICES
    if row.get("cost_pico_usd") is not None:
        return row["cost_pico_usd"], FROM_PROVIDER
    if counts and row["series"] == 0:
        return sum(counts), FROM_PRICES
    return MISSING, UNKNOWN_SOURCE


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


rows_strategy = st.lists(
    st.fixed_dictionaries(
        {
            "series": st.integers(0, 2),
            "start_ns": st.integers(START, START + 10**15),
            "error": maybe(st.sampled_from(["TimeoutError", "RateLimitError", ""])),
            "cost_pico_usd": maybe(st.integers(0, MOST_PICO)),
            **{name: maybe(st.floats(0, MOST_MS, width=32)) for name in DURATIONS},
            **{name: maybe(st.floats(0, 1, width=32)) for name in (*SCORES, "refusal")},
            **{name: maybe(st.integers(0, 2**32 - 1)) for name in TOKENS},
        }
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(rows_strategy, min_size=1, max_size=3), st.sampled_from([1, 9, 40]))
def test_columns_hold_what_the_rows_held_whatever_form_they_travel_in(
    parts: list[list[Row]], repeat: int
) -> None:
    """``repeat`` makes tables that travel as lists, packed, sparse, or as one value."""
    tables = [rows * repeat for rows in parts]
    found = decode(*(batch_of(rows) for rows in tables))
    flat = [row for rows in tables for row in rows]
    assert len(found) == len(flat)
    for i, row in enumerate(flat):
        check(found, i, row)


def test_no_batches_are_no_requests() -> None:
    found = decode()
    assert len(found) == 0
    assert found.cost_pico.dtype == found.end_ns.dtype == np.int64
    assert found.latency_ms.dtype == found.quality.dtype == np.float32
    assert found.series.dtype == np.int32
    assert found.error.dtype == np.bool_


def test_batches_of_other_kinds_are_passed_over() -> None:
    logs = encode_batch("h", "p", (), {Kind.LOG: (1, {"message": ["hello"]})}, {})
    assert len(decode(decode_batch(logs, 1), batch_of([{"series": 0, "start_ns": START}]))) == 1


def test_the_same_series_has_one_number_wherever_it_stands_in_a_batch() -> None:
    rows = [{"series": 0, "start_ns": START}, {"series": 1, "start_ns": START}]
    one, other = batch_of(rows, SERIES[:2]), batch_of(rows, SERIES[1::-1])
    assert decode(one, other).series.tolist() == [1, 2, 2, 1]


def test_what_the_provider_answered_with_is_what_is_priced() -> None:
    prices = FlatPrices()
    batch = batch_of([{"series": 0, "start_ns": START}], (series_of("chat", "auto", "gpt-4o"),))
    RequestDecoder(SeriesTable(10), prices).decode([batch])
    assert ("openai", "gpt-4o") in prices.asked
    assert ("openai", "auto") not in prices.asked


def test_a_row_that_names_no_series_of_its_batch_goes_to_the_overflow_series() -> None:
    rows = [{"series": n, "start_ns": START, "input_tokens": 5} for n in (0, 3, 2**32 - 1)]
    found = decode(batch_of(rows))
    assert found.series.tolist() == [1, 0, 0]
    assert found.cost_pico.tolist() == [5, MISSING, MISSING]
    assert decode(batch_of(rows[:1], ())).series.tolist() == [0]


def test_nonsense_durations_and_scores_are_missing() -> None:
    nonsense = [-1.0, math.nan, math.inf, 1e300, 2e9]
    rows = [{"series": 0, "start_ns": START, "latency_ms": v, "safety": v} for v in nonsense]
    rows += [{"series": 0, "start_ns": START, "safety": 1.5, "relevance": 0.5}]
    found = decode(decode_batch(_unchecked(rows), len(rows)))
    assert np.isnan(found.latency_ms).all()
    assert np.isnan(found.safety).all()
    assert found.quality[-1] == 0.5
    assert found.end_ns.tolist() == found.start_ns.tolist()


def _unchecked(rows: list[Row]) -> bytes:
    """A batch as a hostile agent may pack it: doubles in a column of 32-bit floats."""
    latency, safety = ([row.get(name) for row in rows] for name in ("latency_ms", "safety"))
    relevance = [row.get("relevance") for row in rows]
    columns = [[1, "c", 0], [6, "c", START], [7, "l", latency], [25, "l", safety]]
    table = [len(rows), *columns, [23, "l", relevance]]
    return pack(["h", "p", list(SERIES), {"request": table}, {}])


def test_negative_costs_and_times_are_missing() -> None:
    rows = [{"series": 1, "start_ns": -5, "cost_pico_usd": -7}]
    found = decode(batch_of(rows))
    assert (found.start_ns[0], found.cost_pico[0]) == (0, MISSING)
    assert found.cost_source[0] == UNKNOWN_SOURCE


def test_a_malformed_series_key_is_an_error() -> None:
    with pytest.raises(SchemaError, match="series"):
        decode(batch_of([{"series": 0, "start_ns": START}], (b"\x01",)))


def test_take_picks_by_mask_index_and_slice() -> None:
    rows = [{"series": 0, "start_ns": START + i, "input_tokens": i} for i in range(6)]
    found = decode(batch_of(rows))
    for picked in (found.input_tokens > 2, np.array([3, 4, 5]), slice(3, None)):
        taken = found.take(picked)
        assert len(taken) == 3
        assert taken.input_tokens.tolist() == [3, 4, 5]
        assert taken.start_ns.tolist() == [START + 3, START + 4, START + 5]
