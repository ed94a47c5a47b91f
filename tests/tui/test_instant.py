"""Times as people type them."""

import re
import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from llmmon_tui.instant import InstantError, parse_instant, step_s

S = 1_000_000_000
DAY_NS = 86_400 * S
BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 24, 12, 0, 30, tzinfo=UTC)


def ns(at):
    return int(at.timestamp()) * S


@pytest.fixture
def berlin(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()


def utc(*fields):
    return ns(datetime(*fields, tzinfo=UTC))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("11:20", utc(2026, 11, 24, 11, 20)),
        (" 9:05 ", utc(2026, 11, 24, 9, 5)),
        ("11:20:59", utc(2026, 11, 24, 11, 20, 59)),
        ("12:00", utc(2026, 11, 24, 12, 0)),
        ("12:01", utc(2026, 11, 23, 12, 1)),
        ("today 00:00", utc(2026, 11, 24)),
        ("Yesterday 09:00", utc(2026, 11, 23, 9)),
        ("yesterday 23:59", utc(2026, 11, 23, 23, 59)),
        ("2026-11-23 14:20", utc(2026, 11, 23, 14, 20)),
        ("2026-11-23T14:20:01", utc(2026, 11, 23, 14, 20, 1)),
        ("-2h", ns(NOON) - 7200 * S),
        ("90s ago", ns(NOON) - 90 * S),
        ("- 3 d", ns(NOON) - 3 * DAY_NS),
    ],
)
def test_what_is_meant(text, meant):
    assert parse_instant(text, ns(NOON)) == meant


@pytest.mark.parametrize("text", ["today 12:01", "2026-11-24 12:01", "2099-01-01 00:00"])
def test_not_yet_come(text):
    with pytest.raises(InstantError, match="has not come yet"):
        parse_instant(text, ns(NOON))


@pytest.mark.parametrize(
    "text",
    ["", "soon", "14", "25:00", "12:60", "12:00:60", "2026-02-30 10:00", "+2h", "2h later"],
)
def test_what_cannot_be_read_is_named(text):
    with pytest.raises(InstantError, match=re.escape(repr(text))):
        parse_instant(text, ns(NOON))


@pytest.mark.parametrize(
    "text", ["-99999999999d", "-21000d", "0001-01-01 00:00", "1969-12-31 10:00"]
)
def test_before_all_clocks(text):
    with pytest.raises(InstantError, match="before 1970"):
        parse_instant(text, ns(NOON))


@given(st.text(max_size=20))
def test_any_text_is_read_or_refused(text):
    try:
        at_ns = parse_instant(text, ns(NOON))
    except InstantError:
        return
    assert 0 <= at_ns <= ns(NOON)


@given(st.integers(0, 10**6), st.sampled_from("smhd"))
def test_ago_is_exact(count, unit):
    seconds = count * {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit]
    assume(seconds * S <= ns(NOON))
    assert parse_instant(f"-{count}{unit}", ns(NOON)) == ns(NOON) - seconds * S


@given(
    now=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),
    clock=st.times(),
)
def test_a_clock_is_the_last_one_that_showed_it(now, clock):
    now_ns = ns(now.replace(tzinfo=UTC))
    at_ns = parse_instant(f"{clock:%H:%M:%S}", now_ns)
    assert now_ns - DAY_NS < at_ns <= now_ns
    assert datetime.fromtimestamp(at_ns / S, UTC).time() == clock.replace(microsecond=0)


def test_local_clocks(berlin):
    assert parse_instant("12:20", ns(NOON)) == utc(2026, 11, 24, 11, 20)
    assert parse_instant("yesterday 23:30", ns(NOON)) == utc(2026, 11, 23, 22, 30)


def test_yesterday_over_the_change_to_winter_time(berlin):
    now = datetime(2026, 10, 25, 12, tzinfo=BERLIN)
    assert parse_instant("yesterday 12:00", ns(now)) == ns(now) - DAY_NS - 3600 * S
    assert parse_instant("-1d", ns(now)) == ns(now) - DAY_NS


def test_an_hour_that_comes_twice_is_the_last_that_has_been(berlin):
    first = datetime(2026, 10, 25, 2, 20, tzinfo=BERLIN)
    second = first.replace(fold=1)
    for now, meant in (
        (first + timedelta(minutes=20), first),
        (second.replace(minute=10), first),
        (second.replace(minute=40), second),
        (datetime(2026, 10, 25, 9, tzinfo=BERLIN), second),
    ):
        assert parse_instant("02:20", ns(now)) == ns(meant)


def test_an_hour_that_never_was_is_read_all_the_same(berlin):
    now = datetime(2026, 3, 29, 9, tzinfo=BERLIN)
    at_ns = parse_instant("02:30", ns(now))
    assert abs(at_ns - ns(datetime(2026, 3, 29, 3, 0, tzinfo=BERLIN))) <= 1800 * S


@pytest.mark.parametrize(
    ("window_s", "step"),
    [(1, 60), (60, 60), (300, 60), (900, 180), (3600, 720), (86_400, 17_280)],
)
def test_a_step_is_a_fifth_of_the_window_in_whole_minutes(window_s, step):
    assert step_s(window_s) == step
