"""Memory in use: the machine's or the control group's, whichever is nearer its limit."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import psutil

from llmmon_collector.health.context import CheckContext
from llmmon_collector.health.model import MemoryCheck
from llmmon_collector.health.outcome import Outcome, judge

_CGROUP: Final = Path("/sys/fs/cgroup")


async def check(spec: MemoryCheck, _context: CheckContext) -> Outcome:
    """Percent in use."""
    memory = psutil.virtual_memory()
    used, message = float(memory.percent), f"{memory.available / 2**30:.1f} GiB available"
    group = cgroup_percent(_CGROUP)
    if group is not None and group > used:
        used, message = group, "of the control group's limit"
    return judge(used, "%", (spec.warn_percent, spec.fail_percent), message)


def cgroup_percent(root: Path) -> float | None:
    """Working set over limit of the version 2 control group at ``root``, in percent.

    The working set leaves out file cache that can be dropped, as the kubelet counts it. None where
    there is no such group or no limit.
    """
    try:
        limit = (root / "memory.max").read_text().strip()
        current = int((root / "memory.current").read_text())
        fields = dict(line.split() for line in (root / "memory.stat").read_text().splitlines())
        if not limit.isdecimal() or int(limit) == 0:
            return None
        return 100.0 * max(0, current - int(fields.get("inactive_file", 0))) / int(limit)
    except (OSError, ValueError):
        return None
