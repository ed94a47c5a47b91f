"""When to paint: soon after news, else for the clocks; not while the terminal cannot keep up."""

from __future__ import annotations

import math
from typing import Final

BACKLOG: Final = 2
"""Writes that may wait for the terminal."""
SETTLE_S: Final = 0.02
"""What a collector tells of one tick comes within this, to be painted in one frame."""
UNSEEN_S: Final = 1.0
"""From frame to frame while nobody looks."""


class Pace:
    """At most `rate_hz` frames a second, but one may come early. `now_s` is monotonic."""

    def __init__(self, rate_hz: float) -> None:
        self._shortest_s = 1 / rate_hz
        self._taken_until_s = -math.inf
        self.is_seen = True
        """Whether the window has the focus."""
        self.skipped = 0
        """Frames not painted because the terminal was behind."""

    @property
    def interval_s(self) -> float:
        """From a frame to the next when there is no news; ages and clocks go on."""
        return self._shortest_s if self.is_seen else max(self._shortest_s, UNSEEN_S)

    def wait_s(self, now_s: float) -> float:
        """From news until its frame."""
        return max(SETTLE_S, self._taken_until_s - self.interval_s - now_s)

    def paints(self, now_s: float, backlog: int) -> bool:
        """Whether the frame that is due is painted."""
        if backlog > BACKLOG:
            self.skipped += 1
            return False
        self._taken_until_s = max(self._taken_until_s, now_s) + self.interval_s
        return True
