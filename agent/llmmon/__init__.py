"""Live monitoring of LLM services: record requests here, see them in ``llmmon-tui``.

::

    import llmmon

    llmmon.init(service="support-bot", environment="production")

    with llmmon.track("chat", provider="openai", model="gpt-4o", route="/ask") as req:
        answer = ask(question)
        req.usage(input_tokens=812, output_tokens=164)
        req.content(query=question, response=answer)

Recording never blocks and never raises; one background thread sends. Importing this loads no
third-party package.
"""

from __future__ import annotations

from llmmon.api import (
    current,
    flush,
    get_logger,
    init,
    observe,
    record,
    recorder,
    score,
    shutdown,
    stats,
    track,
)
from llmmon.deferred import public_type

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmmon.logs import StructuredLogger
    from llmmon.results import FlushResult, Stats
    from llmmon.tracking import Request

__all__ = [
    "FlushResult",
    "Request",
    "Stats",
    "StructuredLogger",
    "current",
    "flush",
    "get_logger",
    "init",
    "observe",
    "record",
    "recorder",
    "score",
    "shutdown",
    "stats",
    "track",
]


def __getattr__(name: str) -> object:
    return public_type(name)
