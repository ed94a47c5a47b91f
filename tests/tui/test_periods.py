"""Local days and months, across a change of the clock."""

import time
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from llmmon_tui.periods import (
    HOUR_NS,
    day_text,
    midnight_ns,
    month_start_ns,
    next_month_ns,
    zone_text,
)


@pytest.fixture
def berlin(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()


def at(*parts):
    return int(datetime(*parts, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()) * 10**9


def test_days(berlin):
    now_ns = at(2026, 11, 24, 0, 30)
    assert midnight_ns(now_ns) == at(2026, 11, 24)
    assert midnight_ns(now_ns, 1) == at(2026, 11, 23)
    assert midnight_ns(now_ns, -1) == at(2026, 11, 25)
    assert (day_text(now_ns), zone_text(now_ns)) == ("24 Nov", "CET")


def test_a_day_on_which_the_clock_goes_back_has_25_hours(berlin):
    now_ns = at(2026, 10, 25, 12)
    assert midnight_ns(now_ns, -1) - midnight_ns(now_ns) == 25 * HOUR_NS
    assert zone_text(midnight_ns(now_ns)) == "CEST"


@pytest.mark.parametrize(("month", "after"), [((2026, 2), (2026, 3)), ((2026, 12), (2027, 1))])
def test_months(berlin, month, after):
    now_ns = at(*month, 28, 23, 59)
    assert month_start_ns(now_ns) == at(*month, 1)
    assert next_month_ns(now_ns) == at(*after, 1)
