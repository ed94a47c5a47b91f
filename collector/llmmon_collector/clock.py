"""Where time comes from. Nothing below the wiring reads a clock of its own."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Wall time to place things, monotonic time to measure them. Both in nanoseconds."""

    def wall_ns(self) -> int:
        """Nanoseconds since the Unix epoch; may step."""
        ...

    def mono_ns(self) -> int:
        """Nanoseconds since some start; never steps."""
        ...


class SystemClock:
    """The machine's clocks."""

    def wall_ns(self) -> int:
        """See :class:`Clock`."""
        return time.time_ns()

    def mono_ns(self) -> int:
        """See :class:`Clock`."""
        return time.monotonic_ns()


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

    def advance(self, seconds: float) -> None:
        """Move both clocks on."""
        step_ns = round(seconds * 1e9)
        self._wall_ns += step_ns
        self._mono_ns += step_ns
