"""All objectives and spending limits: requests in, metrics, rules and views out. Pure.

Counting is additive. At start it is what the store has, as it stood when the journal was folded so
far, plus what was added since: the journal's tail and live requests. It does not matter when the
store's answer comes. For an objective that a reload adds, the cut is a minute: requests that ended
before the next full minute come from the store, which is asked two minutes later, when it has them;
later ones are counted live. (What comes later than that, for a minute before the cut, is counted
live; only what was folded within the very second of the question can be missed.) Spending is kept
for every series, so that a limit that is added needs no answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmmon.protocol.views import AlertView, BudgetView, SloView
from llmmon_collector.metrics import MetricTable
from llmmon_collector.objectives.backfill import Question, ask_begin, begins
from llmmon_collector.objectives.budget import BudgetFigures
from llmmon_collector.objectives.counting import Counting
from llmmon_collector.objectives.handover import MINUTE_NS
from llmmon_collector.objectives.model import BudgetSpec, SloSpec
from llmmon_collector.objectives.rules import generated_rules
from llmmon_collector.objectives.slo import SloFigures
from llmmon_collector.objectives.spending import Spending
from llmmon_collector.requests import Requests
from llmmon_collector.rules.model import RuleSpec
from llmmon_collector.series import SeriesTable

Floats = NDArray[np.float64]


class Objectives:
    """Counts what objectives and limits need, and tells how they stand.

    Time comes in with each call and goes back by ``set_clock`` alone.
    """

    def __init__(
        self,
        slos: Sequence[SloSpec],
        budgets: Sequence[BudgetSpec],
        series: SeriesTable,
        timezone: str,
        now_ns: int,
    ) -> None:
        """``series`` numbers the requests that are added; ``timezone`` is an IANA name, empty for
        the machine's own."""
        self._now_ns = now_ns
        self._counting = Counting(slos, series, self._minute)
        self._spending = Spending(budgets, series, timezone, now_ns)
        self._failed: list[tuple[int, Question]] = []
        self._slo_figures: list[tuple[SloFigures, bool]] | None = None
        self._budget_figures: list[BudgetFigures] | None = None

    def add(self, requests: Requests, now_ns: int) -> None:
        """Count ``requests`` by when they ended; what claims to end ahead of now ends now."""
        self._move_on(now_ns)
        if len(requests):
            self._counting.add(requests, self._now_ns)
            self._spending.add(requests)

    def advance(self, now_ns: int) -> None:
        """Move on to ``now_ns``: what is told from here on is of this moment."""
        self._move_on(now_ns)
        self._spending.advance(self._now_ns)
        self._slo_figures = self._budget_figures = None

    def set_clock(self, now_ns: int, moved_ns: int) -> None:
        """The clock was set by ``moved_ns`` to ``now_ns``: what is counted keeps its age, and what
        was spent today was spent today."""
        self._move_on(now_ns - moved_ns)
        before = self._minute
        self._now_ns = now_ns
        self._counting.set_clock(self._minute - before)
        self._spending.set_clock(now_ns, moved_ns)
        self.advance(now_ns)

    def replace(self, slos: Sequence[SloSpec], budgets: Sequence[BudgetSpec], now_ns: int) -> None:
        """Use these from now on. Counts of what is counted as before go on."""
        self._move_on(now_ns)
        self._counting.replace(slos, self._minute)
        self._spending.replace(budgets)
        self.advance(now_ns)

    def ask(self, before_row: int | None = None) -> tuple[Question, ...]:
        """What is to be asked of the store now; each question is given out once.

        At start, call it before anything is folded, with the answer to ``NEXT_ROW_SQL``; after that
        now and then, without.
        """
        due = [question for minute, question in self._failed if minute < self._minute]
        self._failed = [each for each in self._failed if each[0] >= self._minute]
        asked = self._spending.ask(self._minute) + self._counting.ask(self._minute, before_row)
        begin = [ask_begin(self._minute)] if asked else []
        return (*due, *begin, *asked)

    def fill(self, question: Question, rows: Sequence[Sequence[Any]]) -> None:
        """Take the store's answer to ``question``."""
        if question.first_day is not None:
            self._spending.fill(question.first_day, rows)
        elif question.counter is not None:
            self._counting.fill(question.counter, rows)
        else:
            requests_minute, rollups_minute = begins(rows)
            self._counting.begin(requests_minute, rollups_minute)
            self._spending.begin(rollups_minute)

    def ask_again(self, question: Question) -> None:
        """``question`` could not be answered: ``ask`` gives it out once more a minute later."""
        self._failed.append((self._minute, question))

    def rules(self) -> tuple[RuleSpec, ...]:
        """The rules that alert on what is in force."""
        return generated_rules(self._counting.slos, self._spending.budgets)

    def slo_table(self) -> MetricTable:
        """The family ``slos``, as of the last ``advance``: a row an objective and group."""
        told = self._slos()
        labels = [{"slo": f.spec.name, **row} for f, _ in told for row in f.labels]
        columns = [figures.columns(known) for figures, known in told]
        return _table(labels, columns, [int(n) for f, _ in told for n in f.total])

    def budget_table(self) -> MetricTable:
        """The family ``budgets``, as of the last ``advance``: a row a limit and group."""
        told, known = self._limits(), self._spending.known(self._now_ns)
        labels = [{"budget": f.spec.name, **row.labels} for f in told for row in f.rows]
        columns = [figures.columns(known) for figures in told]
        return _table(labels, columns, [row.requests for f in told for row in f.rows])

    def slo_views(self, alerts: Iterable[AlertView] = ()) -> tuple[SloView, ...]:
        """As of the last ``advance``, with the severity of its alert among firing ``alerts``."""
        firing = _severities(alerts, "slo")
        return tuple(view for figures, _ in self._slos() for view in figures.views(firing))

    def budget_views(self, alerts: Iterable[AlertView] = ()) -> tuple[BudgetView, ...]:
        """As of the last ``advance``, with the severity of its alert among firing ``alerts``."""
        firing = _severities(alerts, "budget")
        return tuple(view for figures in self._limits() for view in figures.views(firing))

    def notices(self) -> tuple[str, ...]:
        """What people should know: what is left out, shared, or not known."""
        hidden = [
            f"budget {figures.spec.name}: {figures.left_out} groups that spend least are not told"
            for figures in self._limits()
            if figures.left_out
        ]
        return (*self._counting.notices(), *self._spending.notices(self._now_ns), *hidden)

    @property
    def _minute(self) -> int:
        return self._now_ns // MINUTE_NS

    def _move_on(self, now_ns: int) -> None:
        if now_ns <= self._now_ns:
            return
        before, self._now_ns = self._minute, now_ns
        if self._minute != before:
            self._counting.advance(self._minute)
            self._spending.advance(now_ns)

    def _slos(self) -> list[tuple[SloFigures, bool]]:
        if self._slo_figures is None:
            self._slo_figures = self._counting.figures()
        return self._slo_figures

    def _limits(self) -> list[BudgetFigures]:
        if self._budget_figures is None:
            self._budget_figures = self._spending.figures(self._now_ns)
        return self._budget_figures


def _table(
    labels: list[dict[str, str]], columns: list[dict[str, Floats]], requests: list[int]
) -> MetricTable:
    names = columns[0] if columns else ()
    values = {name: np.concatenate([column[name] for column in columns]) for name in names}
    return MetricTable(tuple(labels), values, np.array(requests, np.int64))


def _severities(
    alerts: Iterable[AlertView], label: str
) -> Mapping[frozenset[tuple[str, str]], str]:
    """The worst severity among firing alerts, by their labels, of those that have ``label``."""
    worst: dict[frozenset[tuple[str, str]], str] = {}
    for alert in alerts:
        if alert.state == "firing" and alert.rule.startswith(f"{label}."):
            labels = frozenset(alert.labels.items())
            known = worst.get(labels)
            worst[labels] = alert.severity if known != "critical" else known
    return worst
