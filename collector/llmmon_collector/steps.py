"""Notices that the machine's clock was set, which is not time that has passed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from llmmon_collector.clock import Clock

STEP_NS: Final = 60 * 10**9
"""A clock that moves by more than this against the steady one was set; less is slewing."""
_TOLD_NS: Final = 3600 * 10**9


class FollowedClock:
    """A :class:`Clock` for one thread, which says that it was set before it tells the time."""

    def __init__(self, clock: Clock, on_step: Callable[[int, int], None]) -> None:
        """``on_step`` is given the new wall time, and by how much that was set forward."""
        self._clock = clock
        self._on_step = on_step
        self._ahead_ns = clock.wall_ns() - clock.steady_ns()
        self._stepped_ns: int | None = None
        self._moved_s = 0.0

    @property
    def problem(self) -> str:
        """What people should know, for an hour after a step; empty otherwise."""
        at_ns = self._stepped_ns
        if at_ns is None or self._clock.steady_ns() - at_ns > _TOLD_NS:
            return ""
        way = "forward" if self._moved_s > 0 else "back"
        return (
            f"this machine's clock was set {way} by {abs(self._moved_s):,.0f} s: the windows go "
            "on from the new time, what the store has keeps the old one"
        )

    def wall_ns(self) -> int:
        """See :class:`Clock`."""
        wall_ns, steady_ns = self._clock.wall_ns(), self._clock.steady_ns()
        moved_ns = wall_ns - steady_ns - self._ahead_ns
        self._ahead_ns += moved_ns
        if abs(moved_ns) > STEP_NS:
            self._stepped_ns, self._moved_s = steady_ns, moved_ns / 1e9
            self._on_step(wall_ns, moved_ns)
        return wall_ns

    def mono_ns(self) -> int:
        """See :class:`Clock`."""
        return self._clock.mono_ns()

    def steady_ns(self) -> int:
        """See :class:`Clock`."""
        return self._clock.steady_ns()
