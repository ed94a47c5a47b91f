"""Bare words that say what became of a row: `error`, `ok`, `slow`, `unpriced`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

Numbers = Mapping[str, float | int | None]
Labels = Mapping[str, str | None]
Flags = Mapping[str, bool]

FAILED_STATUS: Final = 400
"""The least HTTP status that is an error."""
LOG_ERRORS: Final = ("ERROR", "CRITICAL")
"""Levels of log lines that are errors."""


def flags_of(labels: Labels, numbers: Numbers, slow_ms: float | None = None) -> dict[str, bool]:
    """The flags that such a row has, by word, and whether each holds.

    A row has `slow` when it has a latency: it holds above `slow_ms`, and never where no limit is
    known. For groups it is about their 95th percentile. `error` of a group is any error in it.
    """
    flags: dict[str, bool] = {}
    failed = _failed(labels, numbers)
    if failed is not None:
        flags |= {"error": failed, "errors": failed}
        if "level" not in labels:
            flags |= {"failed": failed, "ok": not failed}
    latency = next((name for name in ("latency_ms", "duration_ms") if name in numbers), None)
    latency = "latency_p95" if latency is None and "latency_p95" in numbers else latency
    if latency is not None:
        took_ms = numbers[latency]
        flags["slow"] = took_ms is not None and slow_ms is not None and took_ms > slow_ms
    if "unpriced_requests" in numbers:
        flags["unpriced"] = (numbers["unpriced_requests"] or 0) > 0
    elif "cost_usd" in numbers and "latency_ms" in numbers:
        flags["unpriced"] = numbers["cost_usd"] is None
    return flags


def _failed(labels: Labels, numbers: Numbers) -> bool | None:
    """None where rows of this kind neither fail nor succeed."""
    if "error" in labels or "status_code" in numbers:
        return bool(labels.get("error")) or (numbers.get("status_code") or 0) >= FAILED_STATUS
    if "level" in labels:
        return (labels["level"] or "").upper() in LOG_ERRORS
    for name in ("errors", "error_rate"):
        if name in numbers:
            return (numbers[name] or 0) > 0
    return None
