from __future__ import annotations

import math

import numpy as np
import pytest

from llmmon_collector.objectives.burn import WINDOWS, Tier, burn_rates, over_limits, tiers

DAY_S = 86_400
PAGES = tiers(30 * DAY_S)[:2]
WINDOW = {name: index for index, name in enumerate(WINDOWS)}


def over(
    bad: dict[str, int], total: dict[str, int], limits: tuple[Tier, ...] = PAGES, least: int = 3
) -> float:
    """How far one group of an objective of 99 % is over; windows not named have no events."""
    columns = [
        np.array([[counts.get(name, 0)] for name in WINDOWS], np.int64) for counts in (bad, total)
    ]
    burns = burn_rates(columns[0], columns[1], 0.99)
    return float(over_limits(burns, columns[0], limits, least)[0])


def test_a_month_has_the_factors_of_the_workbook() -> None:
    told = [(tier.severity, tier.long, tier.short, tier.factor) for tier in tiers(30 * DAY_S)]
    assert told == [
        ("page", "1h", "5m", pytest.approx(14.4)),
        ("page", "6h", "30m", pytest.approx(6)),
        ("ticket", "1d", "2h", pytest.approx(3)),
        ("ticket", "3d", "6h", pytest.approx(1)),
    ]


def test_other_periods_spend_the_same_share_of_their_budget_before_they_alert() -> None:
    assert [tier.factor for tier in tiers(90 * DAY_S)] == pytest.approx([43.2, 18, 9, 3])


def test_no_factor_is_under_one_because_that_would_alert_on_meeting_the_objective() -> None:
    assert [tier.factor for tier in tiers(7 * DAY_S)] == pytest.approx([3.36, 1.4, 1, 1])


def test_a_tier_that_the_worst_service_cannot_reach_cannot_fire() -> None:
    page = tiers(30 * DAY_S)[0]
    assert page.can_fire(0.94)
    assert not page.can_fire(0.9)
    assert not Tier("page", "1h", "5m", 10.0).can_fire(0.9), "a rate of 10 is not over 10"


def test_a_burn_rate_is_the_error_rate_over_the_allowed_one() -> None:
    bad, total = np.array([5, 0, 0]), np.array([100, 100, 0])
    assert burn_rates(bad, total, 0.99).tolist()[:2] == pytest.approx([5, 0])
    assert math.isnan(burn_rates(bad, total, 0.99)[2])


def test_both_windows_must_burn() -> None:
    total = {"5m": 100, "1h": 1000, "30m": 500, "6h": 6000}
    ended = {"5m": 0, "1h": 300, "30m": 0, "6h": 300}
    begun = {"5m": 100, "1h": 100, "30m": 100, "6h": 100}
    assert over(ended, total) < 1
    assert over(begun, total) < 1
    assert over({"5m": 20, "1h": 200, "30m": 100, "6h": 200}, total) == pytest.approx(20 / 14.4)


def test_the_worst_tier_counts() -> None:
    total = {"5m": 100, "1h": 1000, "30m": 500, "6h": 6000}
    slow = {"5m": 10, "1h": 100, "30m": 50, "6h": 600}
    assert over(slow, total) == pytest.approx(10 / 6)


def test_few_failures_are_no_trend() -> None:
    total = dict.fromkeys(WINDOWS, 4)
    assert over(dict.fromkeys(WINDOWS, 2), total) == 0
    assert over(dict.fromkeys(WINDOWS, 3), total) > 1
    assert over(dict.fromkeys(WINDOWS, 2), total, least=2) > 1


def test_no_events_are_no_data() -> None:
    assert math.isnan(over({}, {}))


def test_silence_after_trouble_does_not_say_that_it_has_ended() -> None:
    total, bad = {"1h": 1000, "6h": 1000}, {"1h": 300, "6h": 300}
    assert math.isnan(over(bad, total))


def test_silence_after_calm_is_calm() -> None:
    assert over({"1h": 3, "6h": 3}, {"1h": 1000, "6h": 1000}) == 0


def test_one_tier_without_data_does_not_hide_another_that_fires() -> None:
    total = {"1h": 100, "30m": 500, "6h": 600}
    bad = {"1h": 100, "30m": 100, "6h": 100}
    assert over(bad, total) == pytest.approx((100 / 600 / 0.01) / 6)
