"""What routes, schedules, inhibitions and matchers may say, and what they mean."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from llmmon_collector.alerts.matching import matches
from llmmon_collector.alerts.model import DAYS, InhibitSpec, RouteSpec, ScheduleSpec
from llmmon_collector.alerts.schedule import ends_ns


@pytest.mark.parametrize(
    ("model", "keys", "message"),
    [
        (RouteSpec, {"match": {"sevrity": "x"}}, "'sevrity' cannot be matched; did you mean"),
        (RouteSpec, {"match": {"model": []}}, "model: give a value, or leave it out"),
        (RouteSpec, {"match": {"model": "m" * 257}}, "at most 256 characters"),
        (RouteSpec, {"group_by": ["team"]}, "'team' cannot be matched"),
        (RouteSpec, {"group_wait": "2h"}, "less than or equal to 3600"),
        (RouteSpec, {"repeat": "soon"}, "'soon' is not a duration"),
        (RouteSpec, {"chanels": ["x"]}, "Extra inputs"),
        (ScheduleSpec, {"from": "7:30"}, "'7:30' is no time of day: write it as 07:30"),
        (ScheduleSpec, {"to": "24:01"}, "no time of day"),
        (ScheduleSpec, {"days": ["monday"]}, "Input should be 'mon'"),
        (ScheduleSpec, {"days": ["mon-day"]}, "Input should be 'mon'"),
        (ScheduleSpec, {"days": []}, "at least 1"),
        (ScheduleSpec, {"timezone": "Mars"}, "'Mars' is no time zone: use a name such as"),
        (InhibitSpec, {"source": {"rule": "a"}}, "Field required"),
        (InhibitSpec, {"source": {}, "target": {"rule": "a"}}, "each need something to match"),
        (
            InhibitSpec,
            {"source": {"rule": "a"}, "target": {"rule": "b"}, "equal": ["rule"]},
            "'rule' is no label of an alert",
        ),
    ],
)
def test_what_is_wrong_is_said(model: type[BaseModel], keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        model.model_validate(keys)


def test_one_glob_needs_no_list_and_days_can_be_spans() -> None:
    route = RouteSpec.model_validate({"match": {"model": "gpt*", "rule": ["a", "b"]}})
    assert route.match == {"model": ("gpt*",), "rule": ("a", "b")}
    spans = ScheduleSpec.model_validate({"days": ["fri-mon", "wed"]})
    assert spans.days == ("fri", "sat", "sun", "mon", "wed")
    assert ScheduleSpec.model_validate({"days": "tue"}).days == ("tue",)


@pytest.mark.parametrize(
    ("globs", "value", "fits"),
    [
        (("gpt-4*",), "gpt-4o", True),
        (("gpt-4?",), "gpt-4", False),
        (("a", "b"), "b", True),
        (("[ab]*",), "c", False),
        (("GPT",), "gpt", False),
        (("",), "", True),
        (("",), "x", False),
        (("*",), None, False),
        (("[*]",), "*", True),
    ],
)
def test_matching(globs: tuple[str, ...], value: str | None, fits: bool) -> None:
    labels = {"rule": "r"} if value is None else {"rule": "r", "model": value}
    assert matches({"model": globs}, labels) is fits


def test_all_names_must_match() -> None:
    matchers = {"rule": ("r",), "model": ("m",)}
    assert matches(matchers, {"rule": "r", "model": "m"})
    assert not matches(matchers, {"rule": "r", "model": "n"})
    assert matches({}, {"rule": "r"})


BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> int:
    """``2026-03-27 22:30`` in Berlin, in nanoseconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()) * 10**9


def schedule(**keys: Any) -> ScheduleSpec:
    return ScheduleSpec.model_validate({"timezone": "Europe/Berlin", **keys})


NIGHTS = {"days": ["mon-fri"], "from": "22:00", "to": "07:00"}


@pytest.mark.parametrize(
    ("keys", "now", "end"),
    [
        (NIGHTS, "2026-11-23 21:59:59", None),  # a Monday
        (NIGHTS, "2026-11-23 22:00", "2026-11-24 07:00"),
        (NIGHTS, "2026-11-24 06:59:59", "2026-11-24 07:00"),
        (NIGHTS, "2026-11-24 07:00", None),
        (NIGHTS, "2026-11-28 03:00", "2026-11-28 07:00"),  # Friday's night
        (NIGHTS, "2026-11-28 23:00", None),
        (NIGHTS, "2026-11-23 03:00", None),  # Sunday's night
        ({"days": ["sat", "sun"]}, "2026-11-28 12:00", "2026-11-30 00:00"),
        ({"from": "09:00", "to": "09:00"}, "2026-11-28 12:00", "2026-12-07 09:00"),
        # nights in which the clocks go forward, and back
        ({"from": "22:00", "to": "07:00"}, "2026-03-29 03:30", "2026-03-29 07:00"),
        ({"from": "22:00", "to": "07:00"}, "2026-10-25 02:30", "2026-10-25 07:00"),
    ],
)
def test_a_schedule_is_on_until_its_end(keys: dict[str, Any], now: str, end: str | None) -> None:
    assert ends_ns(schedule(**keys), at(now)) == (None if end is None else at(end))


@given(
    st.sets(st.sampled_from(DAYS), min_size=1),
    st.integers(0, 24 * 60),
    st.integers(0, 24 * 60),
    st.integers(at("2026-10-19 00:00") // 10**9, at("2026-11-02 00:00") // 10**9),
)
def test_a_schedule_goes_on_until_its_end_and_not_beyond(
    days: set[str], from_min: int, to_min: int, now_s: int
) -> None:
    spec = schedule(days=sorted(days), **{"from": from_min, "to": to_min})
    end = ends_ns(spec, now_s * 10**9)
    if end is not None:
        assert end > now_s * 10**9
        middle = (now_s * 10**9 + end) // 2
        assert ends_ns(spec, middle) is not None
        if end - now_s * 10**9 < 6 * 86_400 * 10**9:
            assert ends_ns(spec, end) is None
