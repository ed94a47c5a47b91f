"""Live metrics as a collector builds them, and batches to feed them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from llmmon.protocol.wire import Batch, decode_batch
from llmmon_collector.live import LiveMetrics
from llmmon_collector.pricing.book import PriceBook
from llmmon_collector.pricing.model import PriceOverride
from llmmon_collector.requests import RequestDecoder
from llmmon_collector.series import SeriesTable
from llmmon_collector.windows import Windows
from support.frames import request_payload

SECOND = 10**9
NOW_NS = 1_795_500_000 * SECOND
"""2026-11-24 06:00:00 UTC."""
WINDOWS_S = (60, 300, 3600, 86_400)
PRICES = PriceBook([PriceOverride(model="gpt-4o", input_per_mtok=2.5, output_per_mtok=10)])
"""What has another name has no price."""


def utc_midnight(now_ns: int) -> int:
    """Where the day of ``now_ns`` begins in UTC."""
    return now_ns - now_ns % (86_400 * SECOND)


def new_live(
    windows_s: Sequence[int] = WINDOWS_S,
    max_series: int = 100,
    day_start_ns: Callable[[int], int] = utc_midnight,
) -> LiveMetrics:
    """Live metrics that have seen nothing, and take what is up to a minute late."""
    series = SeriesTable(max_series)
    windows = Windows(windows_s, 60.0, day_start_ns)
    return LiveMetrics(series, windows, RequestDecoder(series, PRICES))


def request_batch(rows: Sequence[Mapping[str, Any]], **dimensions: str | None) -> Batch:
    """A batch of requests of one series."""
    return decode_batch(request_payload(rows, **dimensions), len(rows))


def row(age_s: float = 1.0, **fields: Any) -> dict[str, Any]:
    """A request that started ``age_s`` before ``NOW_NS``, with ``fields`` laid over."""
    return {"start_ns": NOW_NS - round(age_s * SECOND), "latency_ms": 100.0} | fields
