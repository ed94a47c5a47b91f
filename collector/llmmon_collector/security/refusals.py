"""Counts what was refused, and tells of it while it is news. Pure: time comes in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final, NamedTuple

NEWS_S: Final = 300.0
"""How long a refusal is told as a problem."""


class Refusal(NamedTuple):
    """The last one of its reason."""

    who: str
    at_ns: int
    """Monotonic."""


class Refusals:
    """What one room refused, by reason. One thread writes, others may read."""

    def __init__(self, mono_ns: Callable[[], int]) -> None:
        self._mono_ns = mono_ns
        self.counts: Counter[str] = Counter()
        self._last: dict[str, Refusal] = {}

    def add(self, reason: str, who: str) -> None:
        """One more for ``reason``; ``who`` is a key's name, or the beginning of a key."""
        self.counts[reason] += 1
        self._last[reason] = Refusal(who, self._mono_ns())

    def news(self) -> list[str]:
        """What was refused lately, a line a reason."""
        now_ns = self._mono_ns()
        return [
            f"refused: {reason}, {self.counts[reason]:,} so far, last from {last.who}; "
            "see `llmmon keys show`"
            for reason, last in sorted(self._last.copy().items())
            if now_ns - last.at_ns < NEWS_S * 1e9
        ]
