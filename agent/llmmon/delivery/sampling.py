"""Under pressure, one of 2^k log lines and spans: requests are what a monitor is for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

MOST_SHIFT: Final = 10
"""At most 1 of 2^10 is kept."""

_BEGINS: Final = 0.75
_SAMPLED: Final = frozenset({"log", "span"})


def shift_at(pressure: float) -> int:
    """``k``, where 1 of 2^k is kept, at ``pressure``: the share of memory or spool in use.

    Nothing is sampled up to 3/4; from there ``k`` grows in even steps to ``MOST_SHIFT``.
    """
    if pressure <= _BEGINS:
        return 0
    over = (pressure - _BEGINS) / (1.0 - _BEGINS)
    return min(MOST_SHIFT, 1 + int(over * MOST_SHIFT))


class Sampler:
    """Decides row by row, in turn."""

    def __init__(self) -> None:
        self._seen = 0

    def keep(
        self, rows: Sequence[tuple[str, Mapping[str, Any]]], pressure: float
    ) -> list[tuple[str, Mapping[str, Any]]]:
        """Those of ``rows``, pairs of kind and fields, that are kept; scores always are."""
        mask = (1 << shift_at(pressure)) - 1
        if not mask:
            return list(rows)
        return [row for row in rows if row[0] not in _SAMPLED or self._turn(mask)]

    def _turn(self, mask: int) -> bool:
        self._seen += 1
        return not self._seen & mask
