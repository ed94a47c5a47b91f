"""What every store offers, whatever database is behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from llmmon.errors import LlmmonError
from llmmon.protocol.snapshot import AlertView, HealthView
from llmmon.protocol.wire import Batch, Envelope
from llmmon_collector.journal import Cursor
from llmmon_collector.requests import Requests
from llmmon_collector.series import SeriesTable
from llmmon_collector.windows.delta import Delta


class StoreError(LlmmonError):
    """The database refused. Nothing of the call is stored.

    ``poison`` says that these very rows can never be stored; else the same call may go well later
    (disk full, out of memory).
    """

    def __init__(self, reason: str, poison: bool = False) -> None:
        super().__init__(reason)
        self.poison = poison


class QueryError(LlmmonError):
    """A query is refused or failed.

    ``code`` is ``bad_request``, ``timeout``, ``too_big`` or ``failed``.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Committed(NamedTuple):
    """A message from the journal."""

    received_ns: int
    """Wall clock."""
    envelope: Envelope
    batch: Batch | None
    """None where the payload cannot be decoded: its events are booked as lost."""


@dataclass(frozen=True, slots=True)
class AgentRow:
    """Where one agent in one epoch stands, up to the store's cursor."""

    agent_id: bytes
    epoch: int
    service: str
    host: str
    last_seq: int
    next_event: int
    """Events emitted up to and with the last batch: ``stored + lost``."""
    stored: int
    lost: int
    claims: Mapping[str, int]
    """The agent's own count of its losses, by reason."""
    first_seen_ns: int
    last_seen_ns: int


class QueryResult(NamedTuple):
    """What a query gave."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    truncated: bool
    """There are more rows than were asked for."""


class Rollup(NamedTuple):
    """What the requests that ended in one minute add to their series."""

    minute_ns: int
    delta: Delta


class Store(Protocol):
    """One thread folds; any thread may ask."""

    def fold(self, committed: Sequence[Committed], cursor: Cursor) -> int:
        """Store ``committed`` and the journal cursor behind them, all or nothing; events stored.

        Batches that the store has already are passed over.

        Raises:
            StoreError: nothing of it is stored.
        """
        ...

    def cursor(self) -> Cursor:
        """How far the journal is folded."""
        ...

    def agents(self) -> list[AgentRow]:
        """Every agent and epoch that is remembered."""
        ...

    def rollups(self, since_ns: int, series: SeriesTable) -> Iterator[Rollup]:
        """Minutes that end after ``since_ns``, ascending, numbered by ``series``."""
        ...

    def recent_requests(self, since_ns: int, series: SeriesTable) -> Iterator[Requests]:
        """Requests that ended at or after ``since_ns``, in chunks, numbered by ``series``."""
        ...

    def query(self, sql: str, limit: int = 10_000, timeout_s: float = 10.0) -> QueryResult:
        """The first ``limit`` rows of one reading statement.

        Raises:
            QueryError: not one reading statement, too slow, too big, the database refused it, or
                the store is being closed.
        """
        ...

    def append_alerts(self, at_ns: int, alerts: Sequence[AlertView]) -> None:
        """Write down how ``alerts`` stand at wall time ``at_ns``.

        Raises:
            StoreError: nothing of it is stored.
        """
        ...

    def append_health(self, at_ns: int, checks: Sequence[HealthView]) -> None:
        """Write down how ``checks`` stand at wall time ``at_ns``.

        Raises:
            StoreError: nothing of it is stored.
        """
        ...

    def compact(self, before_ns: int) -> int:
        """Merge what was rolled up in parts before ``before_ns``; how many minutes. Folder only.

        Raises:
            StoreError: some minutes are still in parts.
        """
        ...

    def retain(self, before_ns: int, rollups_before_ns: int) -> None:
        """Forget events older than ``before_ns``, rollups and alerts than ``rollups_before_ns``.

        Raises:
            StoreError: nothing is forgotten.
        """
        ...

    def close(self) -> None:
        """Break off queries and let go of the database."""
        ...
