"""What the control socket can be asked; ``llmmon.protocol.control.METHODS`` is the contract."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, TypeVar

import numpy as np
from pydantic import Field, validate_call

from llmmon.errors import ConfigError, ControlError
from llmmon.protocol.names import DIMENSIONS
from llmmon.protocol.snapshot import GROUPINGS, Snapshot, encode_snapshot
from llmmon_collector.control.alerts import AlertDesk, AlertMethods, Instant, Text
from llmmon_collector.control.parts import PartsMethods
from llmmon_collector.control.past import PastDesk, only_windows
from llmmon_collector.control.records import as_rows, plain, recent_requests, trace_queries
from llmmon_collector.control.server import Method
from llmmon_collector.live import LiveMetrics
from llmmon_collector.series import SeriesKey, Where
from llmmon_collector.store.base import QueryError, QueryResult, StoreError
from llmmon_collector.store.query import reader_threads

MAX_QUERY_ROWS: Final = 100_000
MAX_QUERY_S: Final = 60.0
MAX_WINDOWS: Final = 16

T = TypeVar("T")
Dimension = Literal["service", "environment", "operation", "provider", "model", "route"]
Matchers = Annotated[dict[Dimension, Text], Field(max_length=len(DIMENSIONS))]


@dataclass(frozen=True, slots=True)
class Backend:
    """What the methods need of the collector, each as narrow as it can be."""

    live: LiveMetrics
    refresh: Callable[[], int]
    """Moves the live numbers on to now, so that an answer counts what came since the last tick;
    returns the wall time that they are of."""
    snapshot: Callable[[str], Snapshot]
    past: PastDesk
    status: Callable[[], dict[str, Any]]
    query: Callable[[str, int, float], QueryResult]
    """Blocks: called in a thread."""
    folded: Callable[[], Awaitable[None]]
    """Waits until what is committed now can be queried, or gives up after a while."""
    alerts: AlertDesk
    reload: Callable[[], Awaitable[dict[str, Any]]]
    """Raises ConfigError: what is on disk is broken, and not in force."""
    explain: Callable[[str, Mapping[str, str]], dict[str, Any]]
    """A rule's name, and labels that its groups must have. Raises ControlError: no such rule."""


class Methods:
    """The methods, by the names that requests use."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._readers = reader_threads()

    def table(self) -> dict[str, Method]:
        """Every method, its parameters checked before it is called."""
        methods: dict[str, Method] = {
            "snapshot": self._snapshot,
            "metrics": self._metrics,
            "history": self._history,
            "requests": self._requests,
            "trace": self._trace,
            "query": self._query,
            "status": self._status,
            **AlertMethods(self._backend.alerts).table(),
            **PartsMethods(
                self._backend.live, self._backend.snapshot, self._backend.refresh
            ).table(),
            "reload": self._reload,
            "explain": self._explain,
        }
        return {name: validate_call(method) for name, method in methods.items()}

    async def _snapshot(
        self,
        *,
        by: str = "model",
        at_ns: Instant | None = None,
        windows_s: Annotated[list[int], Field(min_length=1, max_length=MAX_WINDOWS)] | None = None,
    ) -> bytes:
        if by not in GROUPINGS:
            raise ControlError("bad_request", f"by: {by!r} is not one of {', '.join(GROUPINGS)}")
        wanted = self._backend.live.windows.windows_s if windows_s is None else windows_s
        for window_s in wanted:
            self._check_window(window_s)
        if at_ns is None:
            return encode_snapshot(only_windows(self._backend.snapshot(by), wanted))
        if at_ns > self._backend.refresh():
            raise ControlError("bad_request", f"at_ns: {at_ns} is in the future")
        await self._backend.folded()
        picture = self._backend.past.snapshot(at_ns, by, tuple(sorted(set(wanted))))
        return await self._run(lambda: encode_snapshot(picture()))

    async def _metrics(
        self, *, window_s: int = 300, by: Annotated[list[Dimension], Field(max_length=6)]
    ) -> dict[str, Any]:
        live = self._backend.live
        self._check_window(window_s)
        at_ns = self._backend.refresh()
        groups = live.table(window_s, tuple(by)).busy() if by else []
        return {
            "at_ns": at_ns,
            "window_s": window_s,
            "total": live.table(window_s).row(0),
            "series": [{**labels, **metrics} for labels, metrics in groups],
        }

    async def _history(
        self,
        *,
        window_s: int = 300,
        points: Annotated[int, Field(ge=1, le=2000)] = 120,
        end_ns: Instant | None = None,
        where: Matchers | None = None,
    ) -> dict[str, Any]:
        live = self._backend.live
        self._check_window(window_s)
        now_ns = self._backend.refresh()
        members = matches = None
        if where:
            matches = _matching(where)
            members = np.array([matches(key) for key in live.series.keys])
        until_ns = now_ns if end_ns is None else end_ns
        history = live.windows.history(window_s, points, until_ns, members)
        ask = self._backend.past.history(history, window_s, points, until_ns, matches)
        if ask is not None:
            await self._backend.folded()
            history = await self._run(ask)
        return {
            "start_ns": history.start_ns,
            "step_ns": history.step_ns,
            "metrics": {
                name: [None if np.isnan(value) else float(value) for value in column]
                for name, column in history.values.items()
            },
        }

    async def _requests(
        self,
        *,
        limit: Annotated[int, Field(ge=1, le=1000)] = 50,
        only: str = "all",
        where: Matchers | None = None,
        since_ns: Instant | None = None,
        until_ns: Instant | None = None,
    ) -> list[dict[str, Any]]:
        sql = recent_requests(limit, only, (where or {}).items(), since_ns, until_ns)
        return await self._ask(sql, limit, 10.0, _row_objects)

    async def _trace(self, *, id: Text) -> dict[str, list[dict[str, Any]]]:
        await self._backend.folded()
        found: dict[str, list[dict[str, Any]]] = {}
        for table, sql in trace_queries(id).items():
            found[table] = await self._ask(sql, 1000, 10.0, _row_objects)
        if not any(found.values()):
            raise ControlError("not_found", f"no request or trace {id!r} is stored")
        return found

    async def _query(
        self,
        *,
        sql: Annotated[str, Field(min_length=1, max_length=60_000)],
        limit: Annotated[int, Field(ge=1, le=MAX_QUERY_ROWS)] = 10_000,
        timeout_s: Annotated[float, Field(gt=0, le=MAX_QUERY_S)] = 10.0,
    ) -> dict[str, Any]:
        await self._backend.folded()
        return await self._ask(sql, limit, timeout_s, _table)

    async def _status(self) -> dict[str, Any]:
        return self._backend.status()

    async def _reload(self) -> dict[str, Any]:
        try:
            return await self._backend.reload()
        except ConfigError as error:
            raise ControlError("failed", str(error)) from None

    async def _explain(
        self, *, name: Text, labels: Annotated[dict[Text, Text], Field(max_length=8)] | None = None
    ) -> dict[str, Any]:
        self._backend.refresh()
        return self._backend.explain(name, labels or {})

    def _check_window(self, window_s: int) -> None:
        known = self._backend.live.windows.windows_s
        if window_s not in known:
            kept = ", ".join(map(str, known))
            raise ControlError("bad_request", f"window_s: {window_s} is not one of {kept}")

    async def _ask(
        self, sql: str, limit: int, timeout_s: float, tell: Callable[[QueryResult], T]
    ) -> T:
        """What ``tell`` makes of the result, on the thread that fetched it: rows can be many."""
        return await self._run(lambda: tell(self._backend.query(sql, limit, timeout_s)))

    async def _run(self, work: Callable[[], T]) -> T:
        """What ``work``, which reads the store, gives, on a thread for it."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._readers, work)
        except QueryError as error:
            raise ControlError(error.code, error.reason) from None
        except StoreError as error:
            raise ControlError("failed", str(error)) from None


def _row_objects(result: QueryResult) -> list[dict[str, Any]]:
    return as_rows(result.columns, result.rows)


def _table(result: QueryResult) -> dict[str, Any]:
    return {
        "columns": result.columns,
        "rows": [[plain(value) for value in row] for row in result.rows],
        "truncated": result.truncated,
    }


def _matching(wanted: Mapping[Dimension, str]) -> Where:
    parts = [(DIMENSIONS.index(name), value) for name, value in wanted.items()]

    def matches(key: SeriesKey) -> bool:
        return all(key[i] == value for i, value in parts)

    return matches
