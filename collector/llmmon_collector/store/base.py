"""What every store offers, whatever database is behind it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from llmmon.errors import LlmmonError
from llmmon.protocol.snapshot import AlertView, HealthView
from llmmon.protocol.wire import Batch, Envelope
from llmmon_collector.account import Account
from llmmon_collector.journal import Cursor
from llmmon_collector.requests import Requests
from llmmon_collector.series import SeriesTable
from llmmon_collector.windows.delta import Delta

MINUTE_NS: Final = 60 * 10**9


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


@dataclass(slots=True, kw_only=True)
class AgentRow(Account):
    """Where one agent in one epoch stands, up to the store's cursor."""

    agent_id: bytes
    epoch: int
    service: str = ""
    host: str = ""
    first_seen_ns: int
    last_seen_ns: int


FORGOTTEN: Final = (bytes(16), 0)
"""Agent id and epoch of the row that has the sums of all agents that are forgotten."""


class QueryResult(NamedTuple):
    """What a query gave."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    truncated: bool
    """There are more rows than were asked for."""


class Rollup(NamedTuple):
    """What the requests that ended in some minutes add to their series."""

    start_ns: int
    """When the first of these minutes begins, or would."""
    delta: Delta


class Span(NamedTuple):
    """Minutes in steps of whole minutes, which begin at multiples of a step since 1970."""

    first_us: int
    """Minutes begin at or after it."""
    last_us: int
    """And at or before it."""
    step_us: int

    @classmethod
    def of(cls, since_ns: int, until_ns: int, step_ns: int) -> Span:
        """Minutes that end after ``since_ns`` and begin by ``until_ns``."""
        return cls((since_ns - MINUTE_NS) // 1000 + 1, until_ns // 1000, step_ns // 1000)


class Stretch(NamedTuple):
    """Minutes that are summed up as one."""

    since_ns: int
    until_ns: int
    """They begin from the one on, and before the other; both are whole minutes."""
    whole: bool = False
    """Whether all series are summed up, as number 0, not each for itself."""
    sketches: bool = True
    """Whether histograms are wanted."""


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

    def rollups(self, span: Span, series: SeriesTable) -> Iterator[Rollup]:
        """What the minutes of ``span`` add up to, by step ascending, numbered by ``series``."""
        ...

    def sums(
        self, stretches: Sequence[Stretch], series: SeriesTable, timeout_s: float
    ) -> Iterator[Rollup]:
        """What the minutes of each of ``stretches`` add up to; those without requests left out.

        Raises:
            QueryError: too slow, the database refused it, or the store is being closed.
        """
        ...

    def begin_ns(self, since_ns: int) -> int | None:
        """When the earliest request from ``since_ns`` on ended, or its minute began if only that
        is known; None where there is none."""
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

    def let_go(self) -> None:
        """Give back memory that grows with what was written. To be called now and then.

        Raises:
            StoreError: the store cannot be had any more.
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

    def forget_agents(self, before_ns: int) -> int:
        """Forget agents that ended before ``before_ns``, all but their sums; how many.

        Raises:
            StoreError: none is forgotten.
        """
        ...

    def close(self) -> None:
        """Break off queries and let go of the database."""
        ...
