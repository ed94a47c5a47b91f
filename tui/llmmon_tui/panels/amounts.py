"""Amounts of money beside requests whose price nobody knows: told, never counted as free."""

from __future__ import annotations

from typing import Final

from llmmon.protocol.snapshot import Metrics
from llmmon_tui.formatting import money
from llmmon_tui.spending import Part

UNKNOWN: Final = "$?"


def amount_text(usd: float | None, requests: float, unpriced: float) -> str:
    """`$1.20`; `$1.20+` where some of the requests have no price, `$?` where none has one."""
    if unpriced and (not usd or unpriced >= requests):
        return UNKNOWN
    return money(usd) + ("+" if unpriced and usd is not None else "")


def part_text(part: Part | None) -> str:
    """What a part cost; a dash where it is not known."""
    return money(None) if part is None else amount_text(part.cost_usd, part.requests, part.unpriced)


def window_text(metrics: Metrics, name: str) -> str:
    """The cost `name` of a window's metrics."""
    requests, unpriced = metrics.get("requests") or 0, metrics.get("unpriced_requests") or 0
    return amount_text(metrics.get(name), requests, unpriced)


def per_1k(metrics: Metrics) -> float | None:
    """USD per 1,000 priced requests; None without one."""
    cost = metrics.get("cost_usd")
    priced = (metrics.get("requests") or 0) - (metrics.get("unpriced_requests") or 0)
    return None if cost is None or priced <= 0 else cost / priced * 1000


def per_1m_tokens(metrics: Metrics) -> float | None:
    """USD per 1,000,000 tokens, in and out; None without tokens.

    Where requests are unpriced their tokens are in it, so that it is too low: say so.
    """
    cost = metrics.get("cost_usd")
    tokens = (metrics.get("input_tokens") or 0) + (metrics.get("output_tokens") or 0)
    return None if cost is None or not tokens else cost / tokens * 1e6
