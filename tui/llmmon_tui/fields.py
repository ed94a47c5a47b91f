"""Fields of rows that come from outside: the type that was expected, or None."""

from __future__ import annotations

import math
from typing import Any


def text(value: Any) -> str | None:
    """A text that says something."""
    return value if isinstance(value, str) and value else None


def number(value: Any) -> float | None:
    """A finite number; a truth value is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def whole(value: Any) -> int | None:
    """An integer; a truth value is none."""
    return value if type(value) is int else None
