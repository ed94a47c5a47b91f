"""What the checks' states look like from outside. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from llmmon.protocol.snapshot import HealthView
from llmmon_collector.health.debounce import DebounceState
from llmmon_collector.health.model import CheckSpec, InternalCheck
from llmmon_collector.health.outcome import Outcome, Status

STALE_INTERVALS: Final = 3.0
"""A result older than this many intervals says nothing any more."""


@dataclass(frozen=True, slots=True)
class LastRun:
    """The newest run of one check that ended."""

    outcome: Outcome
    checked_ns: int
    """Wall clock."""
    finished_mono_ns: int
    took_ms: float


def view_of(
    spec: CheckSpec | InternalCheck, state: DebounceState, last: LastRun | None, now_mono_ns: int
) -> HealthView:
    """The view of one check at ``now_mono_ns``."""
    if last is None:
        return HealthView(
            spec.name, spec.type, "unknown", state.since_ns, None, None, None, "", "not run yet"
        )
    age_s = (now_mono_ns - last.finished_mono_ns) / 1e9
    stale = age_s > STALE_INTERVALS * spec.interval_s
    return HealthView(
        name=spec.name,
        type=spec.type,
        status="unknown" if stale else state.status,
        since_ns=state.since_ns,
        checked_ns=last.checked_ns,
        took_ms=last.took_ms,
        value=None if stale else last.outcome.value,
        unit=last.outcome.unit,
        message=f"no result for {age_s:.0f} s" if stale else _message(spec, state, last.outcome),
    )


def overall_status(views: Iterable[HealthView], critical: Collection[str]) -> Status:
    """Failing when one of the ``critical`` names fails; degraded when any is not ok; else ok."""
    statuses = [(view.status, view.name in critical) for view in views]
    if any(status == "failing" and matters for status, matters in statuses):
        return "failing"
    return "degraded" if any(status != "ok" for status, _ in statuses) else "ok"


def _message(spec: CheckSpec | InternalCheck, state: DebounceState, outcome: Outcome) -> str:
    if outcome.status == "failing" and state.status != "failing":
        tally = f"{state.failures} of {spec.failures} failures" if spec.failures > 1 else "starting"
        return f"{tally}: {outcome.message}" if outcome.message else tally
    if outcome.status in {"ok", "degraded"} and state.status == "failing":
        return f"recovering, {state.successes} of {spec.successes}: {outcome.message}"
    return outcome.message
