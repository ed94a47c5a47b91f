"""Whether a check goes to and fro, and whether it takes long: from its latest runs. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from llmmon_collector.health.outcome import Status

RUNS: Final = 20
"""How many of the latest runs are looked at."""
FLAPPING_CHANGES: Final = 4
"""So many changes between good and bad among them, or more, are flapping."""
SLOW_SHARE: Final = 0.5
"""Of the time-out; a run that takes longer is slow."""
SLOW_RUNS: Final = 3
"""So many slow runs in a row make the check slow."""


@dataclass(frozen=True, slots=True)
class Steadiness:
    """What the latest runs were like. Runs that say nothing (``unknown``) do not count as either.

    Single runs count, not the debounced status, which is made to hide them.
    """

    good: tuple[bool, ...] = ()
    """Of the latest runs, the newest last."""
    slow_runs: int = 0
    """In a row, up to now."""

    def after(self, outcome: Status, took_ms: float, timeout_s: float) -> Steadiness:
        """With one more run."""
        good = self.good if outcome == "unknown" else (*self.good, outcome != "failing")[-RUNS:]
        slow = took_ms > SLOW_SHARE * timeout_s * 1000
        return Steadiness(good, self.slow_runs + 1 if slow else 0)

    @property
    def flapping(self) -> bool:
        """Whether it went from good to bad and back again and again."""
        changes = sum(
            one != next_one for one, next_one in zip(self.good, self.good[1:], strict=False)
        )
        return changes >= FLAPPING_CHANGES

    @property
    def slow(self) -> bool:
        """Whether it has been near its time-out for several runs."""
        return self.slow_runs >= SLOW_RUNS
