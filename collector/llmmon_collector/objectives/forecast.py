"""How far spending will go by the end of its period. Pure.

The rate is the mean over what was spent lately, at least one whole turn of the rhythm that spending
has: for a month today and the seven days before it, so that weekends weigh what they weigh; for a
day today and yesterday, so that nights do. The forecast is what is spent plus that rate times the
time that is left. A group that has spent on fewer of those days is measured from the first day on
which it did, though over at least a day (a month's) or an hour (a day's), and nothing is foretold
before that much is known. A surge is thus seen as it is spent, not multiplied by the days to come.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from llmmon_collector.objectives.calendar import Day

HOUR_NS: Final = 3600 * 10**9
_DAYS: Final = {"day": 2, "month": 8}
"""Days, today included, that the rate is of."""
_LEAST_NS: Final = {"day": HOUR_NS, "month": 24 * HOUR_NS}


class Forecast(NamedTuple):
    """Where spending goes, in 1e-12 USD; None where too little is known."""

    pico_per_hour: float | None
    end_pico: float | None
    exhausted_ns: int | None
    """When the limit is, or will be, reached; None for not within the period."""


def rate_days(period: Literal["day", "month"]) -> int:
    """How many days, today included, a period's rate is of."""
    return _DAYS[period]


def rate_per_hour(
    period: Literal["day", "month"],
    spent: list[tuple[Day, int]],
    known_since_ns: int,
    now_ns: int,
) -> float | None:
    """Pico-USD an hour over the days of ``spent``, earliest first and the last one today."""
    least_ns = _LEAST_NS[period]
    begun = [day.start_ns for day, pico in spent if pico > 0]
    since_ns = min(begun[0] if begun else spent[0][0].start_ns, now_ns - least_ns)
    since_ns = max(since_ns, spent[0][0].start_ns, known_since_ns)
    if now_ns - since_ns < least_ns:
        return None
    return sum(pico for _, pico in spent) / ((now_ns - since_ns) / HOUR_NS)


def forecast(
    spent_pico: int, limit_pico: int, rate: float | None, now_ns: int, end_ns: int
) -> Forecast:
    """The end of a period of which ``spent_pico`` is spent, and which ends at ``end_ns``."""
    if rate is None:
        return Forecast(None, None, now_ns if spent_pico >= limit_pico else None)
    end_pico = spent_pico + rate * (end_ns - now_ns) / HOUR_NS
    if spent_pico >= limit_pico:
        return Forecast(rate, end_pico, now_ns)
    left_ns = (limit_pico - spent_pico) / rate * HOUR_NS if rate else float("inf")
    return Forecast(rate, end_pico, now_ns + round(left_ns) if left_ns < end_ns - now_ns else None)
