"""A step inside a request, while it runs: retrieval, a tool, a re-rank."""

from __future__ import annotations

from time import perf_counter, time_ns

from llmmon.node import Node, put_tag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from llmmon.monitor import Monitor


class Span(Node):
    """A step inside a request. A context manager, sync and async; its clock starts when made."""

    __slots__ = ("_name", "_request_id", "_tags")

    def __init__(self, monitor: Monitor, name: str, parent: Node) -> None:
        self._monitor = monitor
        self._prefix = monitor.prefix
        self._number = monitor.next_number()
        self._trace = parent.trace_id
        self._parent = parent.id
        self._request_id = parent.request_id
        self._error = None
        self._token = None
        self._done = False
        self._name = name
        self._tags: dict[Any, Any] | None = None
        self._start_s = perf_counter()

    @property
    def request_id(self) -> str:
        """Id of the request that it is part of."""
        return self._request_id

    def span(self, name: str) -> Span:
        """A step inside this step."""
        return Span(self._monitor, name, self)

    def tag(self, key: str, value: object) -> None:
        """Attach a short text to the span."""
        if self._tags is None:
            self._tags = {}
        put_tag(self._tags, key, value)

    def finish(self) -> None:
        """End the span and record it. A second call does nothing."""
        if self._done or self._prefix is not self._monitor.prefix:
            return
        self._done = True
        duration_ms = (perf_counter() - self._start_s) * 1e3
        row = {
            "id": self.id,
            "trace_id": self._trace,
            "parent_id": self._parent,
            "name": self._name,
            "start_ns": time_ns() - int(duration_ms * 1e6),
            "duration_ms": duration_ms,
            "error": self._error,
            "tags": self._tags,
        }
        self._monitor.others.put(("span", row))
