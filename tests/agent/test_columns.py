"""Rows to columns."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmon.packing.columns import ROW, clean_cost, event_columns, request_columns
from llmmon.protocol.event import Kind
from llmmon.protocol.money import pico_usd
from llmmon.protocol.wire import decode_series
from llmmon.recording import Series

DIMS = ("chat", "openai", "gpt-4o", None, "/ask", None)


def row(**values: Any) -> tuple[Any, ...]:
    defaults = {"series": DIMS, "counter": 1, "end_ns": 10**18, "latency_ms": 5.0}
    return tuple((defaults | values).get(name) for name in ROW)


def test_one_series_however_it_is_named_within_a_recorder() -> None:
    series = Series(DIMS)
    packed, columns = request_columns(
        [row(series=series), row(series=series), row(series=("x", *DIMS[1:]))], "shop", "test"
    )
    assert columns["series"] == [0, 0, 1]
    assert decode_series(packed[0]) == ("shop", "test", *DIMS)


def test_the_start_is_the_end_less_the_latency_unless_told() -> None:
    rows = [row(), row(latency_ms=None), row(latency_ms="?"), row(extra={"start_ns": 7})]
    assert request_columns(rows, "s", "e").columns["start_ns"] == [
        *(10**18 - 5_000_000, 10**18, 10**18, 7),
    ]


def test_extras_become_fields_or_tags_and_leave_others_empty() -> None:
    rows = [row(), row(extra={"status_code": 429, "colour": "red", "tags": {"a": "b"}})]
    columns = request_columns(rows, "s", "e").columns
    assert list(columns["status_code"]) == [None, 429]
    assert list(columns["tags"]) == [None, {"colour": "red", "a": "b"}]


@given(st.floats(0, 999, allow_nan=False))
def test_small_float_costs_are_exact_to_a_pico_dollar(cost_usd: float) -> None:
    cost = clean_cost(cost_usd)
    assert cost is not None
    assert abs(cost - pico_usd(cost_usd)) <= 1


@given(st.integers(0, 10**12))
def test_costs_in_whole_nano_dollars_are_exact(nano: int) -> None:
    assert clean_cost(float(Decimal(nano).scaleb(-9))) == nano * 1000


@pytest.mark.parametrize("cost", [-1.0, float("nan"), float("inf"), 1e9, "much", object(), []])
def test_nonsense_costs_are_left_out(cost: object) -> None:
    assert clean_cost(cost) is None


def test_a_score_without_a_request_is_refused() -> None:
    with pytest.raises(ValueError, match="request_id"):
        event_columns(Kind.SCORE, [{"name": "x", "value": 1.0}])
