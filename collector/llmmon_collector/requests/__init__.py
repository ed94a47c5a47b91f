"""Decoded batches as numpy columns: what every room behind intake works on."""

from llmmon_collector.requests.columns import numbers
from llmmon_collector.requests.decode import MOST_MS, MOST_PICO, RequestDecoder
from llmmon_collector.requests.model import (
    FROM_PRICES,
    FROM_PROVIDER,
    MISSING,
    REPEATS,
    UNKNOWN_SOURCE,
    Prices,
    Requests,
)

__all__ = [
    "FROM_PRICES",
    "FROM_PROVIDER",
    "MISSING",
    "MOST_MS",
    "MOST_PICO",
    "REPEATS",
    "UNKNOWN_SOURCE",
    "Prices",
    "RequestDecoder",
    "Requests",
    "numbers",
]
