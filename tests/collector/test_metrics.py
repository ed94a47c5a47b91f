from __future__ import annotations

import math

import numpy as np
import pytest

from llmmon_collector.metrics import MetricTable


@pytest.fixture
def table() -> MetricTable:
    values = {
        "requests": np.array([12.0, 0.0]),
        "errors": np.array([3.0, 0.0]),
        "input_tokens": np.array([2e9, math.nan]),
        "latency_p95": np.array([812.5, math.nan]),
        "error_rate": np.array([0.25, math.nan]),
        "cost_usd": np.array([2.0, 0.0]),
    }
    return MetricTable(({"model": "a"}, {"model": "b"}), values, np.array([12, 0]))


def test_counts_and_tokens_are_integers_and_the_rest_floats(table: MetricTable) -> None:
    row = table.row(0)
    assert row == {
        "requests": 12,
        "errors": 3,
        "input_tokens": 2_000_000_000,
        "latency_p95": 812.5,
        "error_rate": 0.25,
        "cost_usd": 2.0,
    }
    assert {name for name, value in row.items() if type(value) is int} == {
        "requests",
        "errors",
        "input_tokens",
    }


def test_no_value_is_none_and_zero_is_zero(table: MetricTable) -> None:
    row = table.row(1)
    assert row["latency_p95"] is row["error_rate"] is row["input_tokens"] is None
    assert (row["requests"], row["cost_usd"]) == (0, 0.0)


def test_a_table_is_as_long_as_its_labels(table: MetricTable) -> None:
    assert len(table) == 2
