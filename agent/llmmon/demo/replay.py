"""Sends the rows of a trace through the agent at the trace's speed, or as fast as it is taken."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from llmmon.demo.trace import BadRow, TraceRow
from llmmon.errors import UnreachableError
from llmmon.results import Stats

MAX_BUFFERED: Final = 5_000
"""Events on their way at most: half of what the agent holds before it drops the oldest."""
STALLED_S: Final = 30.0
"""The collector counts as gone when it acknowledges nothing for so long."""
_CHECK_EVERY: Final = 250
_WAIT_S: Final = 0.005
_MAX_BAD: Final = 20

Send = Callable[[Mapping[str, Any]], None]
"""Records one request from its fields."""


class Pace(Protocol):
    """Time as a replay needs it."""

    def wall_ns(self) -> int:
        """Nanoseconds since 1970."""

    def mono_s(self) -> float:
        """Seconds that never step back."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class RealPace:
    """The machine's own time."""

    def wall_ns(self) -> int:
        """Nanoseconds since 1970."""
        return time.time_ns()

    def mono_s(self) -> float:
        """Seconds that never step back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


@dataclass
class Outcome:
    """What became of a trace's rows."""

    sent: int = 0
    skipped: int = 0
    bad: list[BadRow] = field(default_factory=list)
    """The first of the skipped ones."""

    def skip(self, row: BadRow) -> None:
        """Count a row that cannot be read."""
        self.skipped += 1
        if len(self.bad) < _MAX_BAD:
            self.bad.append(row)


class Throttle:
    """Holds a sender back while the collector is behind, so that the agent never drops."""

    def __init__(self, stats: Callable[[], Stats], pace: Pace, address: str) -> None:
        self._stats = stats
        self._pace = pace
        self._address = address
        self._sent = 0

    def step(self) -> None:
        """Call once an event.

        Raises:
            UnreachableError: nothing was acknowledged for ``STALLED_S`` while too much waits.
        """
        self._sent += 1
        if self._sent % _CHECK_EVERY:
            return
        stats = self._stats()
        acknowledged, since_s = stats.acknowledged, self._pace.mono_s()
        while stats.buffered > MAX_BUFFERED:
            self._pace.sleep(_WAIT_S)
            stats, now_s = self._stats(), self._pace.mono_s()
            if stats.acknowledged > acknowledged:
                acknowledged, since_s = stats.acknowledged, now_s
            elif now_s - since_s > STALLED_S:
                raise UnreachableError(self._address, STALLED_S)


def replay_rows(
    rows: Iterable[TraceRow | BadRow],
    send: Send,
    throttle: Throttle,
    pace: Pace,
    speed: float | None,
) -> Outcome:
    """Send every readable row as a request that has just ended.

    ``speed`` is how many times faster than the trace, None as fast as the collector takes it.
    Rows that tell no time are sent at once.

    Raises:
        UnreachableError: the collector stopped acknowledging.
    """
    outcome = Outcome()
    begun_s, first_s = pace.mono_s(), None
    for row in rows:
        if isinstance(row, BadRow):
            outcome.skip(row)
            continue
        if speed is not None and row.t_s is not None:
            first_s = row.t_s if first_s is None else first_s
            due_s = begun_s + (row.t_s - first_s) / speed
            if (early_s := due_s - pace.mono_s()) > 0:
                pace.sleep(early_s)
        latency_ms = row.fields.get("latency_ms") or 0.0
        send({"start_ns": pace.wall_ns() - int(latency_ms * 1e6), **row.fields})
        outcome.sent += 1
        throttle.step()
    return outcome
