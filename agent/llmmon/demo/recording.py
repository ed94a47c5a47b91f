"""Rows of a trace and requests of the demo as calls of the agent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import llmmon
from llmmon.demo.search import Library
from llmmon.demo.workload import PlannedRequest

_ARGUMENTS: Final = frozenset(
    {
        "operation",
        "latency_ms",
        "provider",
        "model",
        "route",
        "ttft_ms",
        "input_tokens",
        "output_tokens",
        "cached_tokens",
        "cost_usd",
        "error",
        "user_id",
    }
)


def record_fields(fields: Mapping[str, Any]) -> None:
    """Record one request from its fields, named as the event's; ``start_ns`` says when it began."""
    direct = {name: value for name, value in fields.items() if name in _ARGUMENTS}
    rest = {name: value for name, value in fields.items() if name not in _ARGUMENTS}
    llmmon.record(**direct, extra=rest)


class ChatService:
    """The service that the demo pretends to be: it searches, asks a model, and logs.

    What the model did is told as it was measured elsewhere; searching is done and timed here.
    """

    def __init__(self, library: Library, logger: llmmon.StructuredLogger) -> None:
        self._library = library
        self._logger = logger
        self._traces: dict[int, str] = {}

    def begin(self, number: int, request: PlannedRequest) -> None:
        """Look up documents where the request needs some, as the first step of its trace."""
        pair = request.pair
        if pair.context is None:
            return
        trace = llmmon.track(pair.operation, model=request.measured.model)
        with trace.span("retrieval") as span:
            found = self._library.search(pair.query)
            span.tag("documents", len(found))
            self._logger.info("searched", documents=len(found), route=pair.route)
        self._traces[number] = trace.id

    def end(self, number: int, request: PlannedRequest, start_ns: int) -> None:
        """Record the request with its texts; log its failure, if it failed."""
        measured, pair = request.measured, request.pair
        trace_id = self._traces.pop(number, None)
        fields: dict[str, Any] = {
            "id": trace_id,
            "trace_id": trace_id,
            "start_ns": start_ns,
            "operation": pair.operation,
            "provider": measured.provider,
            "model": measured.model,
            "route": pair.route,
            "latency_ms": measured.latency_ms,
            "ttft_ms": measured.ttft_ms,
            "input_tokens": request.input_tokens,
            "output_tokens": measured.output_tokens,
            "error": measured.error,
            "status_code": measured.status_code,
            "user_id": request.user_id,
            "session_id": request.session_id,
            "stream": 1,
        }
        if measured.error is None:
            texts = {"query": pair.query, "response": pair.response, "context": pair.context}
            record_fields(fields | texts)
        else:
            record_fields(fields)
            self._logger.warning("call failed", provider=measured.provider, error=measured.error)
