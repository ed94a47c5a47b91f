"""A URL that must answer."""

from __future__ import annotations

import aiohttp

from llmmon_collector.health.checks.client import open_session
from llmmon_collector.health.context import CheckContext
from llmmon_collector.health.model import HttpCheck
from llmmon_collector.health.outcome import Outcome, judge
from llmmon_collector.outbound.trouble import connection_trouble


async def check(spec: HttpCheck, context: CheckContext) -> Outcome:
    """Milliseconds to the answer's headers; the body is not read."""
    started_ns = context.clock.mono_ns()
    try:
        async with (
            open_session(context) as session,
            session.get(spec.url, allow_redirects=False) as answer,
        ):
            took_ms = (context.clock.mono_ns() - started_ns) / 1e6
            status = answer.status
    except aiohttp.ClientError as error:
        return Outcome("failing", message=connection_trouble(error))
    fine = status in spec.expect if spec.expect else 200 <= status < 400
    if not fine:
        return Outcome("failing", took_ms, "ms", f"HTTP status {status}")
    return judge(took_ms, "ms", (spec.warn_ms, spec.fail_ms), f"HTTP status {status}")
