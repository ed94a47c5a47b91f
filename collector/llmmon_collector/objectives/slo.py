"""What the counts of one objective say of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmmon.protocol.views import SloView
from llmmon_collector.objectives.burn import HOUR, WINDOWS, burn_rates, over_limits
from llmmon_collector.objectives.counter import Counter
from llmmon_collector.objectives.counts import BAD, TOTAL
from llmmon_collector.objectives.model import SloSpec

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class SloFigures:
    """One objective at one moment, a column a group that has events in the period."""

    spec: SloSpec
    labels: list[dict[str, str]]
    total: Integers
    bad: Integers
    burns: Floats
    """By window, in the order of ``WINDOWS``, and group; NaN without events."""
    page: Floats
    """How far over the limits of a page: above 1 fires. NaN for no data."""
    ticket: Floats
    covered_s: float

    @property
    def attained(self) -> Floats:
        """Share of good events, NaN without events."""
        with np.errstate(all="ignore"):
            return np.where(self.total > 0, 1 - self.bad / self.total, np.nan)

    @property
    def budget_left(self) -> Floats:
        """Share of the error budget that is left, NaN without events."""
        return 1 - burn_rates(self.bad, self.total, self.spec.objective)

    def columns(self, known: bool) -> dict[str, Floats]:
        """Metrics of the family ``slos``; all unknown unless the counts are ``known`` to be whole.

        What a part of the past says of a window could fire, or resolve, wrongly.
        """
        values = {
            "slo_page": self.page,
            "slo_ticket": self.ticket,
            "slo_burn_rate": self.burns[HOUR],
            "slo_budget_left": self.budget_left,
            "slo_attained": self.attained,
        }
        unknown = np.full(len(self.labels), np.nan)
        return values if known else dict.fromkeys(values, unknown)

    def views(self, severities: Mapping[frozenset[tuple[str, str]], str]) -> list[SloView]:
        """A view a group; ``severities`` are those of firing alerts by their labels."""
        attained, left = _plain(self.attained), _plain(self.budget_left)
        burns = [_plain(row) for row in self.burns]
        return [
            SloView(
                name=self.spec.name,
                labels=labels,
                good=self.spec.good,
                objective=self.spec.objective,
                period_s=int(self.spec.period_s),
                good_events=int(self.total[i] - self.bad[i]),
                total_events=int(self.total[i]),
                covered_s=self.covered_s,
                attained=attained[i],
                budget_left=left[i],
                burn_rates={name: burns[w][i] for w, name in enumerate(WINDOWS)},
                exhausted_in_s=exhausted_in_s(left[i], burns[HOUR][i], self.spec.period_s),
                severity=severities.get(frozenset({"slo": self.spec.name, **labels}.items())),
            )
            for i, labels in enumerate(self.labels)
        ]


def measure(spec: SloSpec, counter: Counter) -> SloFigures:
    """How ``spec`` stands by what ``counter`` has counted."""
    labels, period = counter.groups.labels, counter.period
    shown = np.flatnonzero(period[TOTAL]) if spec.by else np.arange(len(labels))
    total, bad = counter.windows[:, TOTAL, shown], counter.windows[:, BAD, shown]
    burns = burn_rates(bad, total, spec.objective)
    least = spec.min_bad_events
    pages = spec.limits("page") if spec.page else ()
    return SloFigures(
        spec=spec,
        labels=[labels[i] for i in shown.tolist()],
        total=period[TOTAL, shown],
        bad=period[BAD, shown],
        burns=burns,
        page=over_limits(burns, bad, pages, least),
        ticket=over_limits(burns, bad, spec.limits("ticket"), least),
        covered_s=counter.covered_s,
    )


def exhausted_in_s(
    budget_left: float | None, burn_rate: float | None, period_s: float
) -> float | None:
    """Seconds until the error budget is spent at ``burn_rate``; 0 when it is, None for never.

    What would take longer than a period never comes: by then what is spent now is forgotten.
    """
    if budget_left is not None and budget_left <= 0:
        return 0.0
    if budget_left is None or not burn_rate:
        return None
    seconds = budget_left * period_s / burn_rate
    return seconds if seconds <= period_s else None


def _plain(values: Floats) -> list[float | None]:
    return [None if np.isnan(value) else value for value in values.tolist()]
