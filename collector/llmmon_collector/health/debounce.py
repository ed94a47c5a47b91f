"""From single outcomes to a status that does not flap. Pure.

A check is failing after ``failures`` failures in a row and out of it after ``successes``
successes in a row. Until its first success or the end of the grace, failures only degrade it:
what it watches may still be starting.
"""

from __future__ import annotations

from dataclasses import dataclass

from llmmon_collector.health.model import CheckBase
from llmmon_collector.health.outcome import Status


@dataclass(frozen=True, slots=True)
class DebounceState:
    """Where one check stands."""

    status: Status
    since_ns: int
    """When ``status`` began."""
    grace_until_mono_ns: int
    """On the monotonic clock, as a wall clock that is set must not prolong it."""
    failures: int = 0
    """In a row, up to now."""
    successes: int = 0
    """In a row, up to now."""


def begin(spec: CheckBase, now_ns: int, mono_ns: int) -> DebounceState:
    """The state before any outcome, at ``now_ns`` by the wall clock."""
    return DebounceState("unknown", now_ns, mono_ns + round(spec.grace_s * 1e9))


def step(
    state: DebounceState, outcome: Status, spec: CheckBase, now_ns: int, mono_ns: int
) -> DebounceState:
    """The state after one more ``outcome`` at ``now_ns`` by the wall clock."""
    failed = outcome == "failing"
    succeeded = outcome in {"ok", "degraded"}
    failures = state.failures + 1 if failed else 0
    successes = state.successes + 1 if succeeded else 0
    grace_until_mono_ns = state.grace_until_mono_ns
    if succeeded:
        grace_until_mono_ns = min(grace_until_mono_ns, mono_ns)
    if failed:
        in_grace = mono_ns < grace_until_mono_ns
        status = _after_failure(state.status, in_grace, failures >= spec.failures)
    elif state.status == "failing" and successes < spec.successes:
        status = "failing"
    else:
        status = outcome
    since_ns = state.since_ns if status == state.status else now_ns
    return DebounceState(status, since_ns, grace_until_mono_ns, failures, successes)


def _after_failure(status: Status, in_grace: bool, enough: bool) -> Status:
    if enough and not in_grace:
        return "failing"
    return "degraded" if status == "unknown" else status
