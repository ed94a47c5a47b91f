"""Agents that must be heard of."""

from __future__ import annotations

from llmmon_collector.health.context import CheckContext
from llmmon_collector.health.model import AgentsCheck
from llmmon_collector.health.outcome import Outcome


async def check(spec: AgentsCheck, context: CheckContext) -> Outcome:
    """The number of silent agents."""
    expected = [beat for beat in context.agents() if beat.silence_s <= spec.forget_s]
    silent = sorted(
        (beat for beat in expected if beat.silence_s > spec.silent_intervals * beat.interval_s),
        key=lambda beat: -beat.silence_s,
    )
    if not silent:
        heard = f"{len(expected)} heard of" if expected else "none yet"
        return Outcome("ok", 0.0, "silent agents", heard)
    worst = f"{silent[0].agent} silent for {silent[0].silence_s:.0f} s"
    others = f" and {len(silent) - 1} more" if len(silent) > 1 else ""
    return Outcome("failing", float(len(silent)), "silent agents", worst + others)
