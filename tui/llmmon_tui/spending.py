"""What is spent, by whom, and where a day and a month will end by it. Pure.

The forecast is what is spent plus the time that is left at the pace of late: for a day that of
today and yesterday, so that nights weigh what they weigh; for a month that of today and the seven
days before it, so that weekends do. The collector's budgets do the same, so that both agree. Where
spending began on a later one of those days, the pace is measured from there, though over at least
an hour (a day's) or a day (a month's); before that much is known there is no forecast.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from llmmon.protocol.money import usd
from llmmon_tui.periods import HOUR_NS, midnight_ns, next_month_ns

WEEK_DAYS: Final = 7
DAY_LEAST_NS: Final = HOUR_NS
MONTH_LEAST_NS: Final = 24 * HOUR_NS

Labels = tuple[str, ...]
"""The values of a grouping's labels, in their order."""


class Part(NamedTuple):
    """Requests of a time and what they cost, as far as it is known."""

    requests: int = 0
    unpriced: int = 0
    """Those of them whose cost nobody knows."""
    cost_pico: int = 0
    """In 1e-12 USD, exact."""

    def plus(self, other: Part) -> Part:
        """Both together."""
        return Part(*(one + two for one, two in zip(self, other, strict=True)))

    @property
    def cost_usd(self) -> float:
        """For reading."""
        return usd(self.cost_pico)


@dataclass(frozen=True, slots=True)
class Parts:
    """One part for the whole and one a group; the whole holds also the groups left out."""

    total: Part = field(default_factory=Part)
    groups: Mapping[Labels, Part] = field(default_factory=dict)
    is_cut: bool = False
    """Whether groups were left out: those that cost least."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """What came before today."""

    month: Parts
    """Of the running month; without groups where only the whole is known."""
    week_pico: int
    """Spent in the seven days before today."""
    yesterday_pico: int
    first_ns: int | None
    """When the first money of those seven days was spent; None for none."""
    first_yesterday_ns: int | None
    """The same of yesterday alone."""
    known_since_ns: int | None
    """Where what is stored begins; None where nothing is."""


class Pace(NamedTuple):
    """How fast money goes, and since when that is measured."""

    pico_per_hour: float
    since_ns: int


class Forecast(NamedTuple):
    """Where a period will end."""

    end_pico: float
    pace: Pace

    @property
    def end_usd(self) -> float:
        """For reading."""
        return self.end_pico / 1e12


def day_forecast(today: Part, earlier: Earlier, at_ns: int) -> Forecast | None:
    """Where today will end; None where too little is known."""
    start_ns = midnight_ns(at_ns, 1)
    spent = earlier.yesterday_pico + today.cost_pico
    began_ns = _began(earlier.first_yesterday_ns, today, start_ns, at_ns)
    pace = pace_of(spent, start_ns, began_ns, earlier.known_since_ns, DAY_LEAST_NS, at_ns)
    return _ahead(today.cost_pico, pace, midnight_ns(at_ns, -1) - at_ns)


def month_forecast(today: Part, earlier: Earlier, at_ns: int) -> Forecast | None:
    """Where the month will end; None where too little is known."""
    start_ns = midnight_ns(at_ns, WEEK_DAYS)
    spent = earlier.week_pico + today.cost_pico
    began_ns = _began(earlier.first_ns, today, start_ns, at_ns)
    pace = pace_of(spent, start_ns, began_ns, earlier.known_since_ns, MONTH_LEAST_NS, at_ns)
    month_pico = earlier.month.total.cost_pico + today.cost_pico
    return _ahead(month_pico, pace, next_month_ns(at_ns) - at_ns)


def pace_of(
    spent_pico: int,
    start_ns: int,
    began_ns: int,
    known_since_ns: int | None,
    least_ns: int,
    at_ns: int,
) -> Pace | None:
    """The pace of what was spent from `start_ns` to `at_ns`; None where too little is known.

    `began_ns` is when the first day with spending began, `known_since_ns` where all knowledge does.
    """
    if known_since_ns is None:
        return None
    since_ns = max(min(began_ns, at_ns - least_ns), start_ns, known_since_ns)
    if at_ns - since_ns < least_ns:
        return None
    return Pace(spent_pico * HOUR_NS / (at_ns - since_ns), since_ns)


def _began(first_ns: int | None, today: Part, start_ns: int, at_ns: int) -> int:
    """When the first day with spending began; `start_ns` where there was none."""
    if first_ns is not None:
        return midnight_ns(first_ns)
    return midnight_ns(at_ns) if today.cost_pico else start_ns


def _ahead(spent_pico: int, pace: Pace | None, left_ns: int) -> Forecast | None:
    if pace is None:
        return None
    return Forecast(spent_pico + pace.pico_per_hour * left_ns / HOUR_NS, pace)
