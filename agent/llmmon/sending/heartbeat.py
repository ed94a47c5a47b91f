"""What the agent says of itself while it works."""

from __future__ import annotations

import os
from typing import Any, Final

from llmmon.accounts import read_stats
from llmmon.monitor import Monitor
from llmmon.packing.cleaning import clean_text
from llmmon.protocol.event import Heartbeat, OpenRequest

ACTIVE_S: Final = 2.0
"""Time between heartbeats while there is something to tell."""
IDLE_S: Final = 30.0
"""Time between heartbeats otherwise."""

_OLD_MS: Final = 1000.0
_LISTED: Final = 64
_MAX_NAME: Final = 256


def compose(monitor: Monitor, interval_s: float, now_s: float, version: str) -> Heartbeat:
    """The heartbeat of now; ``now_s`` is a ``perf_counter``, the next one is in ``interval_s``."""
    config, stats = monitor.config, read_stats(monitor)
    told = [request.progress(now_s) for request in monitor.open_requests()]
    old = [_open_request(*progress) for progress in told if progress[3] >= _OLD_MS]
    return Heartbeat(
        service=config.service,
        environment=config.environment,
        host=config.host,
        pid=os.getpid(),
        version=version,
        emitted=stats.emitted,
        lost=dict(stats.lost),
        buffered=max(0, stats.buffered),
        interval_s=interval_s,
        open_requests=tuple(sorted(old, key=lambda request: -request.age_ms)[:_LISTED]),
        open_total=len(told),
    )


def _open_request(
    id_: str, model: Any, route: Any, age_ms: float, tokens: Any, since_chunk_ms: float | None
) -> OpenRequest:
    known = tokens if type(tokens) is int and 0 <= tokens < 2**32 else None
    return OpenRequest(
        clean_text(id_, 128) or "", _name(model), _name(route), age_ms, known, since_chunk_ms
    )


def _name(value: Any) -> str:
    if value is None:
        return ""
    try:
        return clean_text(value, _MAX_NAME) or ""
    except Exception:
        # a caller's __str__ may raise anything
        return ""
