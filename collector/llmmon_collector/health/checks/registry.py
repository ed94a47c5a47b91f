"""Which function runs which kind of check."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from llmmon_collector.health.checks import (
    agents,
    disk,
    http,
    llm,
    memory,
    process,
    python,
    sql,
    tcp,
)
from llmmon_collector.health.checks.cpu import CpuMeter
from llmmon_collector.health.checks.scrape import Scraper
from llmmon_collector.health.context import CheckContext
from llmmon_collector.health.model import CheckSpec
from llmmon_collector.health.outcome import Outcome

Probe = Callable[[], Any]
"""One run: a coroutine function runs on the event loop, a plain one in a thread."""

_AsyncCheck = Callable[[Any, CheckContext], Awaitable[Outcome]]

_ASYNC: Final[dict[str, _AsyncCheck]] = {
    "memory": memory.check,
    "http": http.check,
    "tcp": tcp.check,
    "llm": llm.check,
    "agents": agents.check,
}
_REMEMBERING: Final[dict[str, Callable[[], _AsyncCheck]]] = {
    "cpu": lambda: CpuMeter().check,
    "scrape": lambda: Scraper().check,
}
_BLOCKING: Final[dict[str, Callable[[Any, CheckContext], Outcome]]] = {
    "disk": disk.check,
    "process": process.check,
    "sql": sql.check,
    "python": python.check,
}


def probe_for(spec: CheckSpec, context: CheckContext) -> Probe:
    """What runs ``spec`` once."""
    if (blocking := _BLOCKING.get(spec.type)) is not None:
        return lambda: blocking(spec, context)
    remembering = _REMEMBERING.get(spec.type)
    run = _ASYNC[spec.type] if remembering is None else remembering()

    async def probe() -> Outcome:
        return await run(spec, context)

    return probe
