"""Forecasts of the day's and the month's end. AT_NS is 06:00 on the 24th of a month of 30 days."""

import pytest
from support.snapshots import AT_NS

from llmmon_tui.periods import HOUR_NS
from llmmon_tui.spending import Earlier, Part, Parts, day_forecast, month_forecast, pace_of

MIDNIGHT_NS = AT_NS - 6 * HOUR_NS
DAY_NS = 24 * HOUR_NS
USD = 10**12


def earlier(**changes):
    fields = {
        "month": Parts(Part(100, 0, 100 * USD)),
        "week_pico": 70 * USD,
        "yesterday_pico": 24 * USD,
        "first_ns": MIDNIGHT_NS - 7 * DAY_NS,
        "first_yesterday_ns": MIDNIGHT_NS - DAY_NS,
        "known_since_ns": MIDNIGHT_NS - 30 * DAY_NS,
    }
    return Earlier(**(fields | changes))


def today(usd=6):
    return Part(10, 0, usd * USD)


def test_a_day_ends_at_the_pace_of_today_and_yesterday():
    forecast = day_forecast(today(), earlier(), AT_NS)
    assert forecast.pace.since_ns == MIDNIGHT_NS - DAY_NS
    assert forecast.end_usd == pytest.approx(6 + 18 * 30 / 30)


def test_a_month_ends_at_the_pace_of_today_and_the_week_before():
    forecast = month_forecast(today(), earlier(), AT_NS)
    hours = 7 * 24 + 6
    assert forecast.end_usd == pytest.approx(106 + 76 / hours * (6 * 24 + 18))


def test_spending_that_began_late_is_measured_from_its_first_day():
    began = earlier(week_pico=24 * USD, first_ns=MIDNIGHT_NS - 5 * HOUR_NS)
    forecast = month_forecast(today(), began, AT_NS)
    assert forecast.pace.since_ns == MIDNIGHT_NS - DAY_NS
    only_today = earlier(yesterday_pico=0, first_yesterday_ns=None)
    assert day_forecast(today(), only_today, AT_NS).pace.since_ns == MIDNIGHT_NS


def test_too_little_history_gives_no_forecast():
    young = earlier(known_since_ns=AT_NS - 23 * HOUR_NS)
    assert month_forecast(today(), young, AT_NS) is None
    assert day_forecast(today(), young, AT_NS).pace.since_ns == AT_NS - 23 * HOUR_NS
    assert day_forecast(today(), earlier(known_since_ns=AT_NS - HOUR_NS + 1), AT_NS) is None
    assert day_forecast(today(), earlier(known_since_ns=None), AT_NS) is None


def test_without_spending_a_day_ends_as_it_is():
    idle = earlier(yesterday_pico=0, first_yesterday_ns=None)
    assert day_forecast(today(0), idle, AT_NS).end_usd == 0


def test_a_pace_is_an_hours():
    assert pace_of(10, 0, 0, 0, HOUR_NS, 5 * HOUR_NS).pico_per_hour == 2


def test_parts_add_up_exactly():
    assert Part(1, 2, 10**19 + 1).plus(Part(3, 4, 1)) == Part(4, 6, 10**19 + 2)
