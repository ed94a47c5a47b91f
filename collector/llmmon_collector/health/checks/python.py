"""A function of the operator's. Runs in a thread, coroutine functions in a loop of its own."""

from __future__ import annotations

import asyncio
import inspect
from importlib import import_module

from llmmon_collector.health.context import CheckContext
from llmmon_collector.health.model import PythonCheck
from llmmon_collector.health.outcome import Outcome, as_outcome


def check(spec: PythonCheck, _context: CheckContext) -> Outcome:
    """What the function returns, as :func:`as_outcome` reads it."""
    module, _, name = spec.function.partition(":")
    result = getattr(import_module(module), name)()
    return as_outcome(asyncio.run(result) if inspect.iscoroutine(result) else result)
