"""Metric tables for tests of rules and alerts, written as values a group."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from llmmon.protocol.names import METRICS
from llmmon_collector.metrics import MetricTable

Row = tuple[dict[str, str], Mapping[str, float | None]]


def make_table(rows: Sequence[Row], requests: int = 100) -> MetricTable:
    """A table of labels and values a row; what is not named has no value."""
    columns = {
        name: np.array([_number(values.get(name)) for _, values in rows], np.float64)
        for name in METRICS
        if name != "requests"
    }
    counts = np.full(len(rows), requests, np.int64)
    return MetricTable(tuple(labels for labels, _ in rows), columns, counts)


def _number(value: float | None) -> float:
    return np.nan if value is None else value


@pytest.fixture(scope="session")
def grouped() -> Callable[..., MetricTable]:
    """``grouped([(labels, values), …], requests=100)``."""
    return make_table


@pytest.fixture(scope="session")
def whole() -> Callable[..., MetricTable]:
    """``whole(requests=100, latency_p95=…)``: one row without labels."""
    return lambda requests=100, **values: make_table([({}, values)], requests)
