"""Burn rates and when they alert: the SRE workbook's multi-window, multi-burn-rate rules. Pure.

A burn rate of 1 spends the error budget exactly over the period. Google's *The Site Reliability
Workbook*, chapter 5, table 5-8: page where 2 % of a 30-day budget went in an hour (burn rate 14.4)
or 5 % in six hours (6), open a ticket where 10 % went in three days (1); each only while a window a
twelfth as long burns as fast, so that the alert ends soon after the trouble. The ticket over a day
(3) is sloth's. Another period has the same windows and shares, so that a factor is its share of the
budget times the period over the long window, though never under 1: who burns more slowly than that
meets the objective.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

WINDOWS: Final = {"5m": 5, "30m": 30, "1h": 60, "2h": 120, "6h": 360, "1d": 1440, "3d": 4320}
"""Minutes of the windows that burn rates are told of, shortest first."""
_INDEX: Final = {name: index for index, name in enumerate(WINDOWS)}
HOUR: Final = _INDEX["1h"]
"""The window that forecasts go on."""


class Tier(NamedTuple):
    """Alert where both windows burn faster than ``factor``."""

    severity: Literal["page", "ticket"]
    long: str
    short: str
    factor: float

    def can_fire(self, objective: float) -> bool:
        """Whether a service that fails every request burns fast enough."""
        return self.factor * error_share(objective) < 1


_SHARES: Final[tuple[tuple[Literal["page", "ticket"], str, str, float], ...]] = (
    ("page", "1h", "5m", 0.02),
    ("page", "6h", "30m", 0.05),
    ("ticket", "1d", "2h", 0.1),
    ("ticket", "3d", "6h", 0.1),
)
"""Severity, long window, short window, and what share of the budget is gone by then."""


def error_share(objective: float) -> float:
    """The share of events that may be bad, without the error of a binary subtraction."""
    return float(1 - Decimal(str(objective)))


def tiers(period_s: float) -> tuple[Tier, ...]:
    """The tiers of a period."""
    return tuple(
        Tier(severity, long, short, max(1.0, share * period_s / (WINDOWS[long] * 60)))
        for severity, long, short, share in _SHARES
    )


def burn_rates(bad: Integers, total: Integers, objective: float) -> Floats:
    """Error rate over the allowed one, NaN where there are no events."""
    with np.errstate(all="ignore"):
        return np.where(total > 0, bad / (total * error_share(objective)), np.nan)


def over_limits(
    burns: Floats, bad: Integers, limits: tuple[Tier, ...], min_bad_events: int
) -> Floats:
    """How far each group is over its tiers' limits: above 1 fires.

    ``burns`` and ``bad`` have a row a window, in the order of ``WINDOWS``, and a column a group. A
    tier's value is the lesser of its two burn rates over its factor; 0 with fewer bad events than
    ``min_bad_events`` in its long window, for one failure in a quiet night is no trend. The worst
    tier counts. NaN, no data, where no tier is over and one may be: nothing came in its short
    window to tell that the trouble has ended, or nothing in the long one.
    """
    if not limits:
        return np.full(burns.shape[1], np.nan)
    values = np.stack([_tier_value(burns, bad, tier, min_bad_events) for tier in limits])
    worst: Floats = np.max(np.nan_to_num(values), axis=0)
    unknown = np.isnan(values).any(axis=0) & (worst <= 1)
    return np.where(unknown, np.nan, worst)


def _tier_value(burns: Floats, bad: Integers, tier: Tier, min_bad_events: int) -> Floats:
    long, short = _INDEX[tier.long], _INDEX[tier.short]
    value = np.minimum(burns[long], burns[short]) / tier.factor
    calm = (bad[long] < min_bad_events) | (burns[long] <= tier.factor)
    value = np.where(np.isnan(value) & calm, 0.0, value)
    value = np.where(bad[long] < min_bad_events, 0.0, value)
    return np.where(np.isnan(burns[long]), np.nan, value)
