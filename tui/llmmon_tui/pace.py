"""Which ticks are painted: none while the terminal cannot keep up, few while nobody looks."""

from __future__ import annotations

from typing import Final

BACKLOG: Final = 2
"""Writes that may wait for the terminal."""


class Pace:
    """Counts ticks of `rate_hz`."""

    def __init__(self, rate_hz: float) -> None:
        self._rate_hz = rate_hz
        self._ticks = 0
        self.skipped = 0
        """Ticks not painted because the terminal was behind."""

    def paints(self, backlog: int, is_blurred: bool) -> bool:
        """Whether this tick is painted; once a second is enough while the window is not focused."""
        self._ticks += 1
        if backlog > BACKLOG:
            self.skipped += 1
            return False
        return not is_blurred or self._ticks % max(1, round(self._rate_hz)) == 0
