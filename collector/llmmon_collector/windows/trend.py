"""Which way quality goes."""

from __future__ import annotations

from typing import Final, Literal

Trend = Literal["improving", "degrading", "stable"]

STABLE_WITHIN: Final = 0.05
"""Change of the mean quality, on its scale of 0 to 1, that is no news."""


def quality_trend(first_half_mean: float | None, second_half_mean: float | None) -> Trend | None:
    """The trend between the halves of a window; None where a half has no scored request."""
    if first_half_mean is None or second_half_mean is None:
        return None
    change = second_half_mean - first_half_mean
    if abs(change) <= STABLE_WITHIN:
        return "stable"
    return "improving" if change > 0 else "degrading"
