"""Asks the store, beside the daemon's work, for the past that memory does not have.

Objectives ask what was counted before this process; rules that look back, what their values were.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, NamedTuple

from llmmon_collector.logs import get_logger
from llmmon_collector.objectives.backfill import NEXT_ROW_SQL, Question
from llmmon_collector.objectives.objectives import Objectives
from llmmon_collector.past import Past
from llmmon_collector.rules.engine import RuleEngine
from llmmon_collector.rules.past import PastQuestion
from llmmon_collector.store.base import QueryError, Store, StoreError

TIMEOUT_S: Final = 60.0
_UNREAD_OBJECTIVE: Final = "the past of an objective or a spending limit cannot be read"


class Askers(NamedTuple):
    """Whose past it is."""

    objectives: Objectives
    engine: RuleEngine


class Backfill:
    """One question at a time."""

    def __init__(
        self, store: Store, past: Past, askers: Askers, folded: Callable[[], Awaitable[None]]
    ) -> None:
        """``folded`` waits until the store has all that has come so far."""
        self._store = store
        self._past = past
        self._folded = folded
        self._objectives, self._engine = askers
        self._waiting: deque[Question] = deque()
        self._task: asyncio.Task[None] | None = None
        self._log = get_logger(__name__)

    def begin(self) -> None:
        """Before anything is folded: ask what must be asked of the store as it stands.

        What is not answered now is not asked again: then it would be counted twice.

        Raises:
            QueryError: the store cannot be read.
        """
        next_row = self._store.query(NEXT_ROW_SQL).rows[0][0]
        for question in self._objectives.ask(int(next_row)):
            if not question.at_once:
                self._waiting.append(question)
                continue
            try:
                self._objectives.fill(question, self._rows(question))
            except QueryError as error:
                self._log.warning(_UNREAD_OBJECTIVE, reason=error.reason)

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
        if wanted := self._engine.wanted_past():
            # the last minutes would have too few requests for as long as they are looked back to
            await self._folded()
        for question in wanted:
            await self._recall(question)

    async def _ask(self, question: Question) -> None:
        try:
            rows = await asyncio.to_thread(self._rows, question)
        except QueryError as error:
            self._log.warning(_UNREAD_OBJECTIVE, reason=error.reason)
            self._objectives.ask_again(question)
        else:
            self._objectives.fill(question, rows)

    async def _recall(self, question: PastQuestion) -> None:
        try:
            points = await asyncio.to_thread(lambda: list(self._past.tables(question)))
        except StoreError as error:
            self._log.warning("the past of a rule cannot be read", reason=str(error))
            self._engine.ask_again(question)
        else:
            self._engine.fill_past(question, points)

    def _rows(self, question: Question) -> Sequence[Sequence[Any]]:
        found = self._store.query(question.sql, question.most_rows, TIMEOUT_S)
        if found.truncated:
            raise QueryError("too_big", f"over {question.most_rows} rows")
        return found.rows
