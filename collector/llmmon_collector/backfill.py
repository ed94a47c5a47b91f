"""Asks the store, beside the daemon's work, for the past that memory does not have.

Objectives ask what was counted before this process; rules that look back, what their values were.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from llmmon_collector.logs import get_logger
from llmmon_collector.metrics import MetricTable
from llmmon_collector.objectives.backfill import NEXT_ROW_SQL, Question
from llmmon_collector.objectives.objectives import Objectives
from llmmon_collector.past import Past
from llmmon_collector.rules.compile import compile_value
from llmmon_collector.rules.engine import RuleEngine
from llmmon_collector.rules.filter import compile_where
from llmmon_collector.rules.past import PastQuestion
from llmmon_collector.store.base import QueryError, Store, StoreError

TIMEOUT_S: Final = 60.0


class Askers(NamedTuple):
    """Whose past it is."""

    objectives: Objectives
    engine: RuleEngine


class Backfill:
    """One question at a time."""

    def __init__(self, store: Store, past: Past, askers: Askers) -> None:
        self._store = store
        self._past = past
        self._objectives, self._engine = askers
        self._waiting: deque[Question] = deque()
        self._task: asyncio.Task[None] | None = None
        self._log = get_logger(__name__)

    def begin(self) -> None:
        """Before anything is folded: ask what must be asked of the store as it stands.

        Raises:
            QueryError: the store cannot be read.
        """
        next_row = self._store.query(NEXT_ROW_SQL).rows[0][0]
        for question in self._objectives.ask(int(next_row)):
            if question.at_once:
                self._objectives.fill(question, self._rows(question))
            else:
                self._waiting.append(question)

    def look(self) -> None:
        """See what is to be asked now. Call it after every tick."""
        self._waiting.extend(self._objectives.ask())
        idle = self._task is None or self._task.done()
        if idle and (self._waiting or self._engine.wanted_past()):
            self._task = asyncio.create_task(self._work(), name="llmmon-backfill")

    async def stop(self) -> None:
        """Ask no more; what is being asked is broken off when the store closes."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _work(self) -> None:
        while self._waiting:
            await self._ask(self._waiting.popleft())
        for question in self._engine.wanted_past():
            await self._recall(question)

    async def _ask(self, question: Question) -> None:
        try:
            rows = await asyncio.to_thread(self._rows, question)
        except QueryError as error:
            self._log.warning("the past of an objective cannot be read", reason=error.reason)
            self._objectives.ask_again(question)
        else:
            self._objectives.fill(question, rows)

    async def _recall(self, question: PastQuestion) -> None:
        try:
            points = await asyncio.to_thread(self._points, question)
        except StoreError as error:
            self._log.warning("the past of a rule cannot be read", reason=str(error))
            points = []
        self._engine.fill_past(question, points)

    def _rows(self, question: Question) -> Sequence[Sequence[Any]]:
        found = self._store.query(question.sql, question.most_rows, TIMEOUT_S)
        if found.truncated:
            raise QueryError("too_big", f"over {question.most_rows} rows")
        return found.rows

    def _points(self, question: PastQuestion) -> list[tuple[int, MetricTable]]:
        times_ns = range(question.since_ns, question.until_ns, question.step_ns)
        where = compile_where(question.where_text) if question.where_text else None
        needed = compile_value(question.value_text).metrics
        points = []
        for at_ns, source in self._past.moments([question.window_s], times_ns):
            table = source(question.window_s, question.by, where)
            values = {name: table.values[name] for name in needed if name in table.values}
            points.append((at_ns, replace(table, values=values)))
        return points
