"""What the checks' states look like from outside. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from llmmon.protocol.snapshot import HealthView
from llmmon_collector.health.debounce import DebounceState
from llmmon_collector.health.model import CheckSpec, InternalCheck
from llmmon_collector.health.outcome import Outcome, Status
from llmmon_collector.health.steadiness import Steadiness

STALE_INTERVALS: Final = 3.0
"""A result older than this many intervals says nothing any more."""


@dataclass(frozen=True, slots=True)
class LastRun:
    """The newest run of one check that ended, and what it and those before it were like."""

    outcome: Outcome
    checked_ns: int
    """Wall clock."""
    finished_mono_ns: int
    took_ms: float
    steadiness: Steadiness

    def is_stale(self, spec: CheckSpec | InternalCheck, now_mono_ns: int) -> bool:
        """Whether it is too long ago to go by."""
        return self.age_s(now_mono_ns) > STALE_INTERVALS * spec.interval_s

    def age_s(self, now_mono_ns: int) -> float:
        """Seconds since it ended."""
        return (now_mono_ns - self.finished_mono_ns) / 1e9


def view_of(
    spec: CheckSpec | InternalCheck, state: DebounceState, last: LastRun | None, now_mono_ns: int
) -> HealthView:
    """The view of one check at ``now_mono_ns``."""
    if last is None:
        return HealthView(
            name=spec.name,
            type=spec.type,
            status="unknown",
            since_ns=state.since_ns,
            checked_ns=None,
            took_ms=None,
            value=None,
            unit="",
            message="not run yet",
            critical=spec.critical,
        )
    stale = last.is_stale(spec, now_mono_ns)
    late = f"no result for {last.age_s(now_mono_ns):.0f} s"
    return HealthView(
        name=spec.name,
        type=spec.type,
        status="unknown" if stale else state.status,
        since_ns=state.since_ns,
        checked_ns=last.checked_ns,
        took_ms=last.took_ms,
        value=None if stale else last.outcome.value,
        unit=last.outcome.unit,
        message=late if stale else _message(spec, state, last.outcome),
        flapping=last.steadiness.flapping,
        slow=last.steadiness.slow,
        critical=spec.critical,
        measurements=() if stale else last.outcome.measurements,
    )


def overall_status(views: Iterable[HealthView]) -> Status:
    """Failing when a critical check fails; degraded when any is not ok; else ok."""
    told = tuple(views)
    if any(view.status == "failing" and view.critical for view in told):
        return "failing"
    return "degraded" if any(view.status != "ok" for view in told) else "ok"


def _message(spec: CheckSpec | InternalCheck, state: DebounceState, outcome: Outcome) -> str:
    if outcome.status == "failing" and state.status != "failing":
        enough = state.failures >= spec.failures
        tally = "starting" if enough else f"{state.failures} of {spec.failures} failures"
        return f"{tally}: {outcome.message}" if outcome.message else tally
    if outcome.status in {"ok", "degraded"} and state.status == "failing":
        return f"recovering, {state.successes} of {spec.successes}: {outcome.message}"
    return outcome.message
