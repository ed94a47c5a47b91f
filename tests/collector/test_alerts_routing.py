"""Which channels hear of an alert and in what company, and what mutes what."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.alert_house import House, rule

from llmmon_collector.alerts.inhibition import metric_kind
from llmmon_collector.alerts.model import InhibitSpec, RouteSpec, ScheduleSpec

FIRING, CRITICAL = ("firing", "warning"), ("firing", "critical")
RESOLVED = ("resolved", "warning")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path / "alerts.db")
    yield house
    if house.manager is not None:
        house.stop()


def routes(*specs: dict[str, Any]) -> dict[str, Any]:
    return {"routes": tuple(RouteSpec.model_validate(spec) for spec in specs)}


def inhibitions(*specs: dict[str, Any]) -> dict[str, Any]:
    return {"inhibitions": tuple(InhibitSpec.model_validate(spec) for spec in specs)}


LOGS: dict[str, dict[str, Any]] = {name: {"type": "log"} for name in ("chat", "pager", "rest")}


def told(house: House) -> dict[str, int]:
    """How much each channel was told."""
    return {name: len(house.sent(name)) for name in house.channels}


def test_the_first_route_that_matches_decides(house: House) -> None:
    house.more = routes(
        {"match": {"severity": "critical"}, "channels": ["pager"]},
        {"match": {"model": ["a*", "b"]}, "channels": ["chat"]},
    )
    house.start(rule(by=["model"], channels=["rest"]), **LOGS)
    house.tick(a1=11, b=11, c=11)
    assert told(house) == {"chat": 2, "pager": 0, "rest": 1}
    house.tick(a1=21, b=11, c=21)
    assert told(house) == {"chat": 0, "pager": 2, "rest": 0}


def test_who_was_told_hears_the_end_though_the_route_leads_elsewhere_by_then(house: House) -> None:
    house.more = routes({"match": {"severity": "critical"}, "channels": ["pager"]})
    house.start(rule(channels=["chat"], cooldown="1m"), **LOGS)
    house.tick(11)
    house.tick(21)
    assert told(house) == {"chat": 1, "pager": 1, "rest": 0}
    house.tick(21, after_s=61)
    assert told(house) == {"chat": 0, "pager": 1, "rest": 0}
    house.tick(1)
    assert told(house) == {"chat": 1, "pager": 1, "rest": 0}


def test_continue_goes_on_to_further_routes(house: House) -> None:
    house.more = routes(
        {"match": {"severity": "critical"}, "channels": ["pager"], "continue": True},
        {"channels": ["chat", "pager"], "repeat": "1m"},
        {"channels": ["rest"]},
    )
    house.start(**LOGS)
    house.tick(21)
    assert told(house) == {"chat": 1, "pager": 1, "rest": 0}
    house.tick(21, after_s=61)
    assert told(house) == {"chat": 1, "pager": 0, "rest": 0}


def test_a_route_without_channels_leaves_them_to_the_rule(house: House) -> None:
    house.more = routes({"match": {"rule": "r*"}, "repeat": "1m"})
    house.start(rule(channels=["chat"]), rule("s"), **LOGS)
    house.tick(11)
    assert told(house) == {"chat": 2, "pager": 1, "rest": 1}
    house.tick(11, after_s=61)
    assert told(house) == {"chat": 1, "pager": 0, "rest": 0}


def test_alerts_of_a_group_wait_for_each_other_and_go_in_one_message(house: House) -> None:
    house.more = routes({"group_by": ["rule"], "group_wait": "30s"})
    house.start(rule(by=["model"]), rule("s", by=["model"]))
    house.tick(a=11, b=1)
    house.tick(a=11, b=11, after_s=20)
    assert house.messages() == []
    house.tick(a=11, b=11, after_s=9)
    assert house.messages() == []
    house.tick(a=11, b=11)
    assert house.messages() == [[("firing", "a"), ("firing", "b")]] * 2
    house.tick(a=1, b=1)
    assert house.messages() == [[("resolved", "a"), ("resolved", "b")]] * 2


def test_what_is_over_before_its_group_is_told_was_never_told(house: House) -> None:
    house.more = routes({"group_by": [], "group_wait": "30s"})
    house.start(rule(cooldown="1h"))
    house.tick(11)
    house.tick(1, after_s=10)
    house.tick(1, after_s=60)
    assert house.messages() == []
    house.tick(11)
    house.tick(11, after_s=30)
    assert house.messages() == [[("firing", "r")]]


def test_what_gets_worse_does_not_wait(house: House) -> None:
    house.more = routes({"group_by": ["severity"], "group_wait": "30s"})
    house.start()
    house.tick(11)
    house.tick(21, after_s=10)
    assert house.sent() == [CRITICAL]
    house.tick(21, after_s=60)
    assert house.sent() == []


def test_quiet_hours_hold_back_until_they_end(house: House) -> None:
    house.more = routes({"channels": ["chat"], "mute": ["night"], "continue": True}, {}) | {
        "schedules": {
            "night": ScheduleSpec.model_validate(
                {"from": "22:00", "to": "23:00", "timezone": "UTC"}
            )
        }
    }
    house.start(chat={"type": "log"})
    house.tick(11, after_s=60)  # 22:30 at the start, and a bit
    assert house.sent("chat") == []
    view = house.view()
    assert view.muted_until_ns is not None
    until_s = (view.muted_until_ns - house.wall_ns) / 1e9
    assert 0 < until_s < 3600
    house.tick(11, after_s=until_s - 1)
    assert house.sent("chat") == []
    house.tick(11)
    assert house.sent("chat") == [FIRING]
    assert house.view().muted_until_ns is None


def test_an_alert_that_one_channel_may_hear_of_is_not_shown_as_muted(house: House) -> None:
    all_day = {"night": ScheduleSpec.model_validate({"timezone": "UTC"})}
    house.more = routes(
        {"channels": ["chat"], "mute": ["night"], "continue": True}, {"channels": ["pager"]}
    ) | {"schedules": all_day}
    house.start(chat={"type": "log"}, pager={"type": "log", "min_severity": "critical"})
    house.tick(11)
    assert house.view().muted_until_ns is not None
    house.tick(21)
    assert house.view().muted_until_ns is None
    assert told(house) == {"chat": 0, "pager": 1}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("latency_p95", "latency_p99", True),
        ("latency_max", " latency_mean ", True),
        ("errors", "error_rate", True),
        ("ttft_p95", "latency_p95", False),
        ("cost_usd", "hourly_cost", False),
        ("latency_p95 * 2", "latency_p99 * 2", False),
        ("latency_p95 * 2", "latency_p95 * 2", True),
    ],
)
def test_kinds_of_metrics(one: str, other: str, same: bool) -> None:
    assert (metric_kind(one) == metric_kind(other)) is same


def worst(**keys: Any) -> Any:
    """A rule that is critical about the same kind of metric as ``rule()``."""
    value = {"value": "latency_p99", "warning": None, "critical": {"above": 30}}
    return rule("worst", **{**value, **keys})


BOTH = {"latency_p95": 11.0, "latency_p99": 31.0}
MILD = {"latency_p95": 11.0, "latency_p99": 1.0}


def test_what_is_critical_mutes_warnings_about_the_same(house: House) -> None:
    house.start(rule(by=["model"]), worst(by=["model"]))
    house.tick(a=BOTH, b=MILD)
    assert house.messages() == [[("firing", "b"), ("firing", "a")]]
    inhibited = [view for view in house.running.views(house.wall_ns) if view.inhibited_by]
    assert [(view.rule, view.labels["model"], view.inhibited_by) for view in inhibited] == [
        ("r", "a", "worst")
    ]
    house.tick(a=MILD, b=MILD)
    assert sorted(house.messages()[0]) == [("firing", "a"), ("resolved", "a")]
    assert house.reasons()[-2:] == ["resolved", "uninhibited"]


def test_an_inhibited_alert_that_was_told_is_told_to_be_over(house: House) -> None:
    house.start(rule(), worst())
    house.tick(MILD)
    house.tick(BOTH)
    assert house.sent() == [FIRING, CRITICAL]
    house.tick({"latency_p95": 1.0, "latency_p99": 31.0})
    assert house.sent() == [RESOLVED]


@pytest.mark.parametrize(
    "other",
    [{"where": 'service == "x"'}, {"value": "ttft_p95", "critical": {"above": 5}}],
)
def test_another_filter_or_metric_is_not_the_same(house: House, other: dict[str, Any]) -> None:
    house.start(rule(), worst(**other))
    house.tick({**BOTH, "ttft_p95": 6.0})
    assert sorted(house.sent()) == [CRITICAL, FIRING]


def test_the_built_in_inhibition_can_be_switched_off(house: House) -> None:
    house.more = {"inhibit_defaults": False}
    house.start(rule(), worst())
    house.tick(BOTH)
    assert sorted(house.sent()) == [CRITICAL, FIRING]


def test_a_configured_inhibition_needs_its_labels_to_agree(house: House) -> None:
    house.more = inhibitions(
        {"source": {"rule": "worst"}, "target": {"rule": "r"}, "equal": ["model"]}
    ) | {"inhibit_defaults": False}
    house.start(rule(by=["model"], critical={"above": 11}), worst(by=["model"]))
    house.tick(a={"latency_p95": 12.0, "latency_p99": 31.0}, b={"latency_p95": 12.0})
    assert house.messages() == [[("firing", "b"), ("firing", "a")]]


def test_a_missing_label_never_agrees(house: House) -> None:
    house.more = inhibitions(
        {"source": {"rule": "worst"}, "target": {"rule": "r"}, "equal": ["model"]}
    ) | {"inhibit_defaults": False}
    house.start(rule(), worst())
    house.tick(BOTH)
    assert sorted(house.sent()) == [CRITICAL, FIRING]


def test_alerts_that_match_both_sides_do_not_mute_each_other(house: House) -> None:
    either = {"rule": ["r", "s"]}
    house.more = inhibitions({"source": either, "target": either})
    house.start(rule(), rule("s"))
    house.tick(11)
    assert house.sent() == [FIRING, FIRING]
