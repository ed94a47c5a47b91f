"""Space in use on a file system. Plain function: a dead network mount blocks for good."""

from __future__ import annotations

import psutil

from llmmon_collector.health.context import CheckContext
from llmmon_collector.health.model import DiskCheck
from llmmon_collector.health.outcome import Outcome, judge


def check(spec: DiskCheck, _context: CheckContext) -> Outcome:
    """Percent in use of what an ordinary user may use, as ``df`` shows it."""
    usage = psutil.disk_usage(spec.path)
    free = f"{usage.free / 2**30:.1f} GiB free"
    return judge(float(usage.percent), "%", (spec.warn_percent, spec.fail_percent), free)
