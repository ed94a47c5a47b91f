"""Processor time in use since the run before, over all cores."""

from __future__ import annotations

import psutil

from llmmon_collector.health.context import CheckContext
from llmmon_collector.health.model import CpuCheck
from llmmon_collector.health.outcome import Outcome, judge


class CpuMeter:
    """Remembers the counters of its last reading. Reads without waiting."""

    def __init__(self) -> None:
        self._busy_s, self._total_s = _read()

    def percent(self) -> float | None:
        """Percent busy since the last call; None when no time has passed."""
        busy_s, total_s = _read()
        passed_s = total_s - self._total_s
        used_s = busy_s - self._busy_s
        if passed_s <= 0:
            return None
        self._busy_s, self._total_s = busy_s, total_s
        return min(100.0, max(0.0, 100.0 * used_s / passed_s))

    async def check(self, spec: CpuCheck, _context: CheckContext) -> Outcome:
        """Percent busy."""
        busy = self.percent()
        if busy is None:
            return Outcome("unknown", message="no time has passed since the last reading")
        cores = f"{psutil.cpu_count() or 1} cores"
        return judge(busy, "%", (spec.warn_percent, spec.fail_percent), cores)


def _read() -> tuple[float, float]:
    times = psutil.cpu_times()
    # guest time is in user time already
    total_s = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    return total_s - times.idle - getattr(times, "iowait", 0.0), total_s
