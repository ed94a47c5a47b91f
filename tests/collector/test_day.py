"""Midnights, over changes of the clocks too."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llmmon_collector.day import LocalDay

NS = 10**9
HOUR = 3600
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata")


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp()) * NS


@given(zone=st.sampled_from(ZONES), second=st.integers(0, 4 * 10**9), ns=st.integers(0, NS - 1))
@example(zone="Europe/Berlin", second=at("2026-03-29T01:00:00+00:00") // NS, ns=0)
@example(zone="Europe/Berlin", second=at("2026-10-25T22:59:59+00:00") // NS, ns=NS - 1)
@example(zone="America/New_York", second=at("2026-03-08T07:00:00+00:00") // NS, ns=0)
@example(zone="America/New_York", second=at("2026-11-01T06:30:00+00:00") // NS, ns=0)
def test_the_last_midnight_is_at_most_25_hours_ago(zone: str, second: int, ns: int) -> None:
    wall_ns = second * NS + ns
    start_ns = LocalDay(zone).start_ns(wall_ns)
    assert start_ns <= wall_ns < start_ns + 25 * HOUR * NS
    local = datetime.fromtimestamp(start_ns // NS, ZoneInfo(zone))
    assert (local.hour, local.minute, local.second) == (0, 0, 0)
    assert local.date() == datetime.fromtimestamp(second, ZoneInfo(zone)).date()


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25", 25),
        ("Europe/Berlin", "2026-07-01", 24),
        ("America/New_York", "2026-03-08", 23),
        ("America/New_York", "2026-11-01", 25),
    ],
)
def test_days_on_which_clocks_change_are_one_day(zone: str, day: str, hours: int) -> None:
    midnight_ns = round(datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone)).timestamp()) * NS
    starts = [
        LocalDay(zone).start_ns(midnight_ns + half_hour * HOUR * NS // 2)
        for half_hour in range(2 * hours)
    ]
    assert set(starts) == {midnight_ns}
    next_ns = midnight_ns + hours * HOUR * NS
    assert LocalDay(zone).start_ns(next_ns - 1) == midnight_ns
    assert LocalDay(zone).start_ns(next_ns) == next_ns


def test_a_day_without_a_midnight_begins_with_its_first_moment() -> None:
    """Beirut went from 23:59:59 straight to 01:00 on 2022-03-27."""
    first_ns = at("2022-03-26T22:00:00+00:00")
    assert LocalDay("Asia/Beirut").start_ns(first_ns + 5 * HOUR * NS) == first_ns
    assert LocalDay("Asia/Beirut").start_ns(first_ns) == first_ns


@pytest.fixture
def machine_in_new_york() -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "America/New_York"
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


@pytest.mark.usefixtures("machine_in_new_york")
def test_the_machines_own_zone_is_taken_when_none_is_named() -> None:
    for month in range(1, 13):
        for day in (1, 8, 15):
            for hour in range(24):
                moment = datetime(2026, month, day, hour, 30, tzinfo=UTC)
                wall_ns = round(moment.timestamp()) * NS
                expected = LocalDay("America/New_York").start_ns(wall_ns)
                assert LocalDay("").start_ns(wall_ns) == expected
