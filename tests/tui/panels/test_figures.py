"""Tiles and charts."""

from dataclasses import replace

import pytest
from support.pictures import model_of, picture_of
from support.snapshots import AT_NS, busy_snapshot, empty_snapshot, window

from llmmon.protocol.snapshot import Limit
from llmmon_tui.formatting import MISSING
from llmmon_tui.panels.charts import PLOTS
from llmmon_tui.panels.tiles import FIGURES, plain_tile, tile
from llmmon_tui.severity import Severity
from llmmon_tui.view import View


def tiles(picture, columns=12):
    return {figure.id: tile(picture, figure, columns) for figure in FIGURES}


def with_total(**changes):
    return busy_snapshot(windows=(window(300, **changes),))


def charts(picture):
    return {plot.id: plot.draw(picture) for plot in PLOTS}


def test_values_limits_and_trends():
    shown = tiles(picture_of(busy_snapshot()))
    assert [plain_tile(one) for one in shown.values()] == [
        "req/s 4.12",
        "p95 3.41s of 5s",
        "err ✖7.2% of 5%",
        "$ 1h $38.10 of $100",
        "qual 0.71 min 0.7",
        "tok/s 612 in 6.3k",
    ]
    assert (shown["rate"].trend, shown["rate"].delta) == ("up", "11%")
    assert shown["err"].severity is Severity.CRITICAL
    assert shown["err"].trend is None


def test_a_value_that_is_missing_is_no_zero():
    shown = tiles(picture_of(empty_snapshot()))
    assert {one.value for one in shown.values()} == {MISSING, "0"}
    assert shown["rate"].value == "0"
    assert all(one.trend is None for one in shown.values())
    assert {one.value for one in tiles(picture_of(None)).values()} == {MISSING}


def test_no_price_is_said_so():
    assert tiles(picture_of(with_total(hourly_cost=None)))["cost"].value == "$?"
    assert tiles(picture_of(with_total(hourly_cost=0.0)))["cost"].value == "$?"
    free = with_total(hourly_cost=0.0, unpriced_requests=0)
    assert tiles(picture_of(free))["cost"].value == "$0"


def test_a_low_quality_breaches():
    assert tiles(picture_of(with_total(quality_score_mean=0.6)))["quality"].severity.breaching


def test_sparks_have_the_columns_asked_for_and_reach_to_the_limit():
    shown = tiles(picture_of(busy_snapshot()), 20)
    assert all(len(one.history) == 20 for one in shown.values())
    assert shown["p95"].history_max == 5000
    assert shown["quality"].history_max == 1.0
    assert tiles(picture_of(busy_snapshot()), 0)["p95"].history == []


def test_narrowed_to_a_group_there_is_no_window_before():
    labels = {"provider": "anthropic", "model": "claude-sonnet-4-5"}
    shown = tiles(picture_of(busy_snapshot(), View(where=labels)))
    assert shown["err"].value == "0.4%"
    assert shown["err"].trend is None


@pytest.mark.parametrize(
    ("before", "trend", "delta"),
    [
        (4.12, None, ""),
        (0, None, ""),
        (None, None, ""),
        (0.001, "up", ">999%"),
        (8.24, "down", "50%"),
    ],
)
def test_trends(before, trend, delta):
    view = window(300)
    snapshot = busy_snapshot(
        windows=(replace(view, previous={**view.previous, "request_rate": before}),)
    )
    shown = tiles(picture_of(snapshot))["rate"]
    assert (shown.trend, shown.delta) == (trend, delta)


def test_charts_hold_the_limits_of_the_whole():
    shown = charts(picture_of(busy_snapshot()))
    assert [(one.label, one.series) for one in shown["latency"].thresholds] == [
        ("p95 warn 5s", "p95"),
        ("p99 crit 10s", "p99"),
    ]
    assert [one.label for one in shown["cost"].thresholds] == ["warn $100"]
    assert [one.label for one in shown["quality"].thresholds] == ["warn 0.7"]
    assert shown["volume"].thresholds == []


def test_charts_show_the_history_up_to_the_snapshot():
    shown = charts(picture_of(busy_snapshot()))["latency"]
    assert [one.name for one in shown.series] == ["p50", "p95", "p99"]
    assert shown.now_s == AT_NS / 1e9
    last_s, value = shown.series[0].points[-1]
    assert 0 < shown.now_s - last_s <= 6
    assert value == pytest.approx(1240, rel=0.2)


def test_errors_a_second_are_the_share_of_the_rate():
    rates, errors = (one.points for one in charts(picture_of(busy_snapshot()))["volume"].series)
    assert errors[-1][1] == pytest.approx(rates[-1][1] * 0.07, rel=0.1)


def test_without_history_charts_are_blank():
    model = model_of(None)
    assert all(not one.points for one in charts(model.picture(AT_NS))["latency"].series)


def test_a_held_chart_says_until_when():
    model = model_of(busy_snapshot())
    model.toggle_pause(AT_NS)
    assert charts(model.picture(AT_NS))["cost"].end_label == "06:00:00"


def test_two_limits_on_one_metric():
    limits = (Limit("slow", "hourly_cost", 300, "above", 50.0, 100.0),)
    shown = charts(picture_of(busy_snapshot(limits=limits)))["cost"]
    assert [one.severity for one in shown.thresholds] == [Severity.WARNING, Severity.CRITICAL]
