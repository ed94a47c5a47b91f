"""What the ledger says of one spending limit. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from llmmon.protocol.money import usd
from llmmon.protocol.views import BudgetView
from llmmon_collector.objectives.calendar import Calendar, Day
from llmmon_collector.objectives.forecast import Forecast, forecast, rate_days, rate_per_hour
from llmmon_collector.objectives.model import BudgetSpec
from llmmon_collector.objectives.spend import GroupSpend, SpendLedger
from llmmon_collector.series import Where

Floats = NDArray[np.float64]

MOST_GROUPS_SHOWN: Final = 200
"""The groups of one limit that are told of, and alert: those that have spent most."""


@dataclass(frozen=True, slots=True)
class BudgetFigure:
    """One group of a limit at one moment."""

    labels: dict[str, str]
    spent_pico: int
    requests: int
    unpriced: int
    forecast: Forecast


@dataclass(frozen=True, slots=True)
class BudgetFigures:
    """One limit at one moment, the groups that spent most first."""

    spec: BudgetSpec
    rows: list[BudgetFigure]
    left_out: int
    """Groups that there is no room for."""
    end_ns: int
    """When the next period begins."""

    def columns(self, known: bool) -> dict[str, Floats]:
        """Metrics of the family ``budgets``; all unknown unless spending is ``known``."""
        limit = self.spec.limit_pico
        values = {
            "budget_used": [row.spent_pico / limit for row in self.rows],
            "budget_forecast": [_over(row.forecast.end_pico, limit) for row in self.rows],
            "budget_spent_usd": [usd(row.spent_pico) for row in self.rows],
            "budget_forecast_usd": [_over(row.forecast.end_pico, 10**12) for row in self.rows],
        }
        unknown = np.full(len(self.rows), np.nan)
        return {
            name: np.array(column, np.float64) if known else unknown
            for name, column in values.items()
        }

    def views(self, severities: Mapping[frozenset[tuple[str, str]], str]) -> list[BudgetView]:
        """A view a group; ``severities`` are those of firing alerts by their labels."""
        return [
            BudgetView(
                name=self.spec.name,
                labels=row.labels,
                period=self.spec.period,
                limit_usd=self.spec.limit_usd,
                spent_usd=usd(row.spent_pico),
                unpriced_requests=row.unpriced,
                rate_usd_per_hour=_usd(row.forecast.pico_per_hour),
                forecast_usd=_usd(row.forecast.end_pico),
                resets_ns=self.end_ns,
                exhausted_ns=row.forecast.exhausted_ns,
                severity=severities.get(
                    frozenset({"budget": self.spec.name, **row.labels}.items())
                ),
            )
            for row in self.rows
        ]


class Budget:
    """One limit at work. It remembers when each group was first seen to have reached it."""

    def __init__(self, spec: BudgetSpec, where: Where | None) -> None:
        """``where`` is the filter of ``spec``, compiled."""
        self.spec = spec
        self._where = where
        self._reached: dict[tuple[str, ...], int] = {}
        self._end_ns = 0

    def measure(
        self, ledger: SpendLedger, calendar: Calendar, known_since_ns: int, now_ns: int
    ) -> BudgetFigures:
        """How the limit stands by what ``ledger`` has, whose content begins at a wall time."""
        spec, today = self.spec, ledger.today
        length = 1 if spec.period == "day" else calendar.month_days(today.start_ns)
        end_ns = today.end_ns if spec.period == "day" else calendar.month_end_ns(now_ns)
        if end_ns != self._end_ns:
            self._end_ns = end_ns
            self._reached.clear()
        days = ledger.days[-rate_days(spec.period) :]
        spend = ledger.groups(spec.by, self._where, length, len(days))
        shown = _shown(spend) if spec.by else [0]
        rows = [
            self._row(spend, group, self._rate(spend, group, days, known_since_ns, now_ns), now_ns)
            for group in shown[:MOST_GROUPS_SHOWN]
        ]
        return BudgetFigures(spec, rows, max(0, len(shown) - MOST_GROUPS_SHOWN), end_ns)

    def _rate(
        self,
        spend: GroupSpend,
        group: int,
        days: tuple[Day, ...],
        known_since_ns: int,
        now_ns: int,
    ) -> float | None:
        spent = [(day, costs[group]) for day, costs in zip(days, spend.lately, strict=True)]
        return rate_per_hour(self.spec.period, spent, known_since_ns, now_ns)

    def _row(self, spend: GroupSpend, group: int, rate: float | None, now_ns: int) -> BudgetFigure:
        labels, spent, limit = spend.labels[group], spend.cost_pico[group], self.spec.limit_pico
        ahead = forecast(spent, limit, rate, now_ns, self._end_ns)
        if spent >= limit:
            reached_ns = self._reached.setdefault(tuple(labels.values()), now_ns)
            ahead = ahead._replace(exhausted_ns=reached_ns)
        requests, unpriced = int(spend.requests[group]), int(spend.unpriced[group])
        return BudgetFigure(labels, spent, requests, unpriced, ahead)


def _shown(spend: GroupSpend) -> list[int]:
    """Groups that had requests in the period or spent lately, those that spent most first."""
    busy = [
        group
        for group, requests in enumerate(spend.requests.tolist())
        if requests or any(costs[group] for costs in spend.lately)
    ]
    return sorted(busy, key=lambda group: -spend.cost_pico[group])


def _over(pico: float | None, limit: int) -> float:
    return float("nan") if pico is None else pico / limit


def _usd(pico: float | None) -> float | None:
    return None if pico is None else pico / 10**12
