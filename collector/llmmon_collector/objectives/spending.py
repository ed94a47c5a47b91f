"""All spending limits on one ledger, and what the store has still to say of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from llmmon_collector.objectives.backfill import Question, ask_spend, spend_rows
from llmmon_collector.objectives.budget import Budget, BudgetFigures
from llmmon_collector.objectives.calendar import Calendar, Day
from llmmon_collector.objectives.counting import GIVE_UP_MINUTES
from llmmon_collector.objectives.handover import MINUTE_NS
from llmmon_collector.objectives.model import BudgetSpec
from llmmon_collector.objectives.spend import SpendLedger
from llmmon_collector.requests import Requests
from llmmon_collector.rules.filter import compile_where
from llmmon_collector.series import SeriesTable


class Spending:
    """What was spent, and how that stands to the limits."""

    def __init__(
        self, budgets: Sequence[BudgetSpec], series: SeriesTable, timezone: str, now_ns: int
    ) -> None:
        """``series`` numbers the requests that are added."""
        self._calendar = Calendar(timezone)
        self._ledger = SpendLedger(self._calendar, series, now_ns)
        self._budgets: dict[BudgetSpec, Budget] = {}
        self._begun_ns = self._since_ns = now_ns
        self._asked = self._filled = False
        self.replace(budgets)

    @property
    def budgets(self) -> tuple[BudgetSpec, ...]:
        """The limits in force."""
        return tuple(self._budgets)

    def add(self, requests: Requests) -> None:
        """Count ``requests``, at least one."""
        self._ledger.add(requests)

    def advance(self, now_ns: int) -> None:
        """Move on to ``now_ns``."""
        self._ledger.advance(now_ns)

    def set_clock(self, now_ns: int, moved_ns: int) -> None:
        """The clock was set by ``moved_ns`` to ``now_ns``."""
        self._begun_ns += moved_ns
        self._since_ns += moved_ns
        self._ledger.set_clock(now_ns)

    def replace(self, budgets: Sequence[BudgetSpec]) -> None:
        """Use ``budgets`` from now on, on what was spent so far."""
        known = self._budgets
        self._budgets = {spec: known.get(spec) or _budget(spec) for spec in budgets}

    def ask(self, minute: int) -> list[Question]:
        """What is to be asked of the store now."""
        if self._asked:
            return []
        self._asked = True
        return [ask_spend(self._ledger.days, minute)]

    def fill(self, first: Day, rows: Iterable[Sequence[Any]]) -> None:
        """Take the answer."""
        self._ledger.fill(first, spend_rows(rows))
        self._filled = True

    def begin(self, rollups_minute: int | None) -> None:
        """The store's rollups begin then."""
        if rollups_minute is not None:
            self._since_ns = min(self._since_ns, rollups_minute * MINUTE_NS)

    def known(self, now_ns: int) -> bool:
        """Whether alerts may go by what is counted."""
        return self._filled or now_ns - self._begun_ns >= GIVE_UP_MINUTES * MINUTE_NS

    def notices(self, now_ns: int) -> list[str]:
        """What people should know."""
        if not self._budgets or self._filled or not self.known(now_ns):
            return []
        return ["budgets: spending is known since the start only, no answer from the store"]

    def figures(self, now_ns: int) -> list[BudgetFigures]:
        """How each limit stands."""
        return [
            budget.measure(self._ledger, self._calendar, self._since_ns, now_ns)
            for budget in self._budgets.values()
        ]


def _budget(spec: BudgetSpec) -> Budget:
    return Budget(spec, compile_where(spec.where) if spec.where else None)
