"""A share as a bar of blocks between two ends: `▕██████░░▏`."""

from __future__ import annotations

import math

FULL = "█"
EMPTY = "░"
LEFT_END = "▕"
RIGHT_END = "▏"


def gauge(share: float | None, width: int) -> str:
    """The share of 1 in exactly `width` cells, ends included; blank for None and NaN.

    Only nothing is drawn as empty, and only the whole as full; beyond 0 and 1 it stays at the end.
    """
    inside = width - 2
    if share is None or math.isnan(share) or inside <= 0:
        return " " * max(0, width)
    shown = min(1.0, max(0.0, share))
    filled = round(shown * inside)
    if 0 < shown < 1:
        filled = max(1, min(inside - 1, filled))
    return LEFT_END + FULL * filled + EMPTY * (inside - filled) + RIGHT_END
