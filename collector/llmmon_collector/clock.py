"""Where time comes from. Nothing below the wiring reads a clock of its own."""

from __future__ import annotations

import time
from typing import Final, Protocol

_STEADY: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock(Protocol):
    """Wall time to place things, monotonic time to measure them. Both in nanoseconds."""

    def wall_ns(self) -> int:
        """Nanoseconds since the Unix epoch; may step."""
        ...

    def mono_ns(self) -> int:
        """Nanoseconds since some start; never steps."""
        ...

    def steady_ns(self) -> int:
        """As ``mono_ns``, and it goes on while the machine sleeps."""
        ...


class SystemClock:
    """The machine's clocks."""

    def wall_ns(self) -> int:
        """See :class:`Clock`."""
        return time.time_ns()

    def mono_ns(self) -> int:
        """See :class:`Clock`."""
        return time.monotonic_ns()

    def steady_ns(self) -> int:
        """See :class:`Clock`; where no clock outlasts sleep, one that stands still."""
        return time.clock_gettime_ns(_STEADY)


class ManualClock:
    """Time that moves when it is told to, for tests and replays."""

    def __init__(self, wall_ns: int, mono_ns: int = 0) -> None:
        self._wall_ns = wall_ns
        self._mono_ns = mono_ns

    def wall_ns(self) -> int:
        """See :class:`Clock`."""
        return self._wall_ns

    def mono_ns(self) -> int:
        """See :class:`Clock`."""
        return self._mono_ns

    def steady_ns(self) -> int:
        """See :class:`Clock`."""
        return self._mono_ns

    def step(self, seconds: float) -> None:
        """Set the wall clock forward, or back."""
        self._wall_ns += round(seconds * 1e9)

    def advance(self, seconds: float) -> None:
        """Move both clocks on."""
        step_ns = round(seconds * 1e9)
        self._wall_ns += step_ns
        self._mono_ns += step_ns
