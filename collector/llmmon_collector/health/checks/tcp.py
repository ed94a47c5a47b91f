"""A port that must accept connections."""

from __future__ import annotations

import asyncio
import contextlib

from llmmon_collector.health.context import CheckContext
from llmmon_collector.health.model import TcpCheck
from llmmon_collector.health.outcome import Outcome, judge


async def check(spec: TcpCheck, context: CheckContext) -> Outcome:
    """Milliseconds to the connection."""
    started_ns = context.clock.mono_ns()
    try:
        _, writer = await asyncio.open_connection(spec.host, spec.port)
    except OSError as error:
        return Outcome("failing", message=f"no connection: {error.strerror or error}")
    took_ms = (context.clock.mono_ns() - started_ns) / 1e6
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return judge(took_ms, "ms", (spec.warn_ms, spec.fail_ms), "accepts connections")
