from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from llmmon.protocol.names import METRICS, SCORES
from llmmon_collector.requests import Requests
from llmmon_collector.series import Grouping, SeriesKey, SeriesTable
from llmmon_collector.windows import Windows, quality_trend

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
NOON = 1_700_049_600 * SECOND
"""A whole hour."""
WINDOWS = (60, 300, 3600, 86_400)
LIVE_ELSEWHERE = {"open_requests", "stalled_requests"}


def midnight(now_ns: int) -> int:
    return now_ns - now_ns % (24 * HOUR)


def new_windows(lateness_s: float = 60.0) -> Windows:
    return Windows(WINDOWS, lateness_s, midnight)


def requests(end_ns: Any, **columns: Any) -> Requests:
    end_ns = np.atleast_1d(np.asarray(end_ns, np.int64))

    def column(name: str, dtype: str, missing: float) -> Any:
        return np.broadcast_to(np.asarray(columns.get(name, missing), dtype), end_ns.shape).copy()

    floats = ("latency_ms", "ttft_ms", "max_gap_ms", *SCORES, "refusal", "quality")
    tokens = ("input", "output", "cached", "cache_write", "reasoning")
    return Requests(
        series=column("series", "i4", 1),
        start_ns=end_ns,
        end_ns=end_ns,
        cost_pico=column("cost_pico", "i8", -1),
        cost_source=column("cost_source", "u1", 0),
        error=column("error", "?", False),
        **{name: column(name, "f4", math.nan) for name in floats},
        **{f"{name}_tokens": column(f"{name}_tokens", "i8", -1) for name in tokens},
    )


def keys(count: int = 3) -> SeriesTable:
    table = SeriesTable(count)
    for i in range(count):
        table.code(SeriesKey("bot", "production", "chat", "openai", f"m{i + 1}", "/ask"))
    return table


WHOLE = keys().group(())


def whole(windows: Windows, window_s: int, grouping: Grouping = WHOLE) -> dict[str, Any]:
    return windows.table(window_s, grouping).row(0)


def fed(batch: Requests, now_ns: int = NOON) -> Windows:
    windows = new_windows()
    windows.add(batch, now_ns)
    windows.advance(now_ns)
    return windows


def test_a_table_has_every_metric_that_is_not_live_elsewhere() -> None:
    table = fed(requests(NOON)).table(60, WHOLE)
    assert list(table.values) == [name for name in METRICS if name not in LIVE_ELSEWHERE]


@pytest.mark.parametrize("window_s", [60, 300, 3600])
def test_track_count_mean_p50_p95_p99_max(window_s: int) -> None:
    rng = np.random.default_rng(11)
    latency_ms = rng.lognormal(6, 1.5, 20_000).astype(np.float32)
    ages_ns = rng.integers(0, (window_s - 20) * SECOND, len(latency_ms))
    windows = new_windows(lateness_s=3600)
    windows.add(requests(NOON - ages_ns, latency_ms=latency_ms), NOON)
    windows.advance(NOON)
    row = whole(windows, window_s)
    assert row["requests"] == len(latency_ms)
    assert row["latency_mean"] == pytest.approx(float(latency_ms.mean(dtype=np.float64)), abs=1e-3)
    for name, q in (("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("max", 1.0)):
        exact = float(np.quantile(latency_ms, q, method="lower"))
        assert row[f"latency_{name}"] == pytest.approx(exact, rel=0.01)


def test_an_idle_window_counts_nothing_and_means_nothing() -> None:
    windows = new_windows()
    windows.advance(NOON)
    row = whole(windows, 60)
    assert (row["requests"], row["request_rate"], row["cost_usd"]) == (0, 0.0, 0.0)
    assert row["error_rate"] is row["latency_p95"] is row["quality_score_mean"] is None


def test_what_no_request_told_is_unknown_and_not_zero() -> None:
    row = whole(fed(requests(NOON)), 60)
    assert row["requests"] == 1
    assert row["input_tokens"] is row["output_tokens"] is row["cost_usd"] is None
    assert row["unpriced_requests"] == 1


def test_a_failure_without_tokens_is_not_unpriced() -> None:
    row = whole(fed(requests(NOON, error=True)), 60)
    assert (row["unpriced_requests"], row["cost_usd"], row["error_rate"]) == (0, 0.0, 1.0)


def test_money_is_summed_exactly() -> None:
    windows = new_windows()
    for _ in range(3):
        windows.add(requests(NOON, cost_pico=2**60), NOON)
    windows.add(requests(NOON, cost_pico=1), NOON)
    windows.advance(NOON)
    assert whole(windows, 60)["cost_usd"] == (3 * 2**60 + 1) / 10**12


def test_a_request_leaves_each_window_in_its_turn() -> None:
    windows = fed(requests(NOON))
    for after_s, counts in ((59, (1, 1, 1)), (60, (0, 1, 1)), (299, (0, 1, 1)), (300, (0, 0, 1))):
        windows.advance(NOON + after_s * SECOND)
        assert tuple(whole(windows, w)["requests"] for w in (60, 300, 3600)) == counts
    windows.advance(NOON + 3580 * SECOND)
    assert whole(windows, 3600)["requests"] == 1
    windows.advance(NOON + 3600 * SECOND)
    assert whole(windows, 3600)["requests"] == 0
    assert whole(windows, 86_400)["requests"] == 1
    windows.advance(NOON + 25 * HOUR)
    assert whole(windows, 86_400)["requests"] == 0


def test_late_requests_are_counted_and_kept_out() -> None:
    windows = new_windows(lateness_s=30)
    late = windows.add(requests([NOON - 31 * SECOND, NOON - 30 * SECOND]), NOON)
    windows.advance(NOON)
    assert late == 1
    assert whole(windows, 86_400)["requests"] == 1


def test_warm_requests_refill_the_windows_that_cover_them() -> None:
    windows = new_windows()
    ages_s = np.array([10, 200, 2000, 80_000, 90_000])
    assert windows.add(requests(NOON - ages_s * SECOND), NOON, warm=True) == 1
    windows.advance(NOON)
    assert [whole(windows, w)["requests"] for w in WINDOWS] == [1, 2, 3, 4]


def test_restarting_warm_gives_the_same_windows() -> None:
    rng = np.random.default_rng(2)
    ages_ns = np.sort(rng.integers(0, 23 * 3600 * SECOND, 3000))[::-1]
    batch = requests(
        NOON - ages_ns,
        latency_ms=rng.lognormal(6, 1, 3000),
        cost_pico=rng.integers(0, 10**12, 3000),
    )
    live, warm = new_windows(), new_windows()
    for part in np.array_split(np.arange(3000), 40):
        now_ns = int(batch.end_ns[part[-1]])
        live.add(batch.take(part), now_ns, warm=True)
        live.advance(now_ns)
    live.advance(NOON)
    warm.add(batch, NOON, warm=True)
    warm.advance(NOON)
    for window_s in WINDOWS:
        assert whole(live, window_s) == whole(warm, window_s)


def test_requests_ahead_of_the_clock_wait_and_those_far_ahead_count_now() -> None:
    windows = fed(requests([NOON, NOON + 4 * SECOND, NOON + HOUR]))
    assert windows.skewed == 1
    assert whole(windows, 60)["requests"] == 2
    windows.advance(NOON + 4 * SECOND)
    assert whole(windows, 60)["requests"] == 3


def test_a_warm_start_does_not_take_for_new_what_claims_to_end_ahead() -> None:
    windows = new_windows()
    windows.add(requests([NOON - SECOND, NOON + HOUR, NOON + 10**6 * HOUR]), NOON, warm=True)
    windows.advance(NOON)
    assert whole(windows, 60)["requests"] == 1
    assert windows.skewed == 0


def test_a_flood_ahead_of_the_clock_is_counted_and_not_kept() -> None:
    windows = new_windows()
    flood = requests(np.full(100_000, NOON + 2 * SECOND))
    windows.add(flood, NOON)
    windows.add(flood, NOON)
    windows.advance(NOON + 2 * SECOND)
    assert whole(windows, 60)["requests"] == 200_000
    assert windows.skewed > 0


def test_time_never_goes_back() -> None:
    windows = fed(requests(NOON))
    windows.advance(NOON - HOUR)
    windows.add(requests(NOON), NOON - HOUR)
    windows.advance(NOON)
    assert whole(windows, 60)["requests"] == 2
    assert windows.skewed == 0


def test_groups_are_the_sums_of_their_series() -> None:
    table = keys()
    batch = requests([NOON] * 5, series=[1, 1, 2, 3, 0], latency_ms=[10, 20, 300, 4000, 50_000])
    found = fed(batch).table(60, table.group(("model",)))
    assert [label["model"] for label in found.labels] == ["__other__", "m1", "m2", "m3"]
    assert found.requests.tolist() == [1, 2, 1, 1]
    np.testing.assert_allclose(found.values["latency_max"], [50_000, 20, 300, 4000], rtol=0.01)
    small = table.group((), lambda key: key.model in {"m1", "m2"})
    assert fed(batch).table(60, small).requests.tolist() == [3]


def test_series_that_came_later_than_a_grouping_are_left_out_of_it() -> None:
    grouping = keys(1).group(())
    windows = fed(requests([NOON, NOON], series=[1, 900]))
    assert whole(windows, 60, grouping)["requests"] == 1


def test_growth_keeps_what_was_counted() -> None:
    windows = new_windows()
    for series in (1, 63, 64, 500, 5000):
        windows.add(requests(NOON, series=series, latency_ms=series), NOON)
        windows.advance(NOON)
    row = whole(windows, 60, keys(5000).group(()))
    assert row["requests"] == 5
    assert row["latency_max"] == pytest.approx(5000, rel=0.01)


def test_hourly_cost_is_the_last_hours_whatever_the_window() -> None:
    windows = new_windows()
    windows.add(requests(NOON - 40 * 60 * SECOND, cost_pico=2 * 10**12), NOON, warm=True)
    windows.add(requests(NOON, cost_pico=10**12), NOON)
    windows.advance(NOON)
    assert whole(windows, 60)["cost_usd"] == 1
    assert whole(windows, 60)["hourly_cost"] == whole(windows, 3600)["cost_usd"] == 3


def test_hourly_cost_needs_no_window_of_an_hour() -> None:
    windows = Windows((60,), 60, midnight)
    windows.add(requests(NOON, cost_pico=10**12), NOON)
    windows.advance(NOON + 100 * SECOND)
    assert whole(windows, 60)["cost_usd"] == 0
    assert whole(windows, 60)["hourly_cost"] == 1
    with pytest.raises(KeyError):
        windows.table(300, WHOLE)


def test_daily_cost_begins_anew_at_midnight_and_misses_no_late_request() -> None:
    evening = midnight(NOON) + 24 * HOUR - SECOND
    windows = new_windows()
    windows.add(requests(evening, cost_pico=5 * 10**12), evening)
    windows.advance(evening)
    assert whole(windows, 60)["daily_cost"] == 5
    windows.advance(evening + SECOND)
    assert whole(windows, 60)["daily_cost"] == 0
    assert whole(windows, 60)["cost_usd"] == 5
    morning = evening + 4 * HOUR
    late = requests([evening - HOUR, evening + HOUR], cost_pico=[7 * 10**12, 10**12])
    assert windows.add(late, morning) == 2
    windows.advance(morning)
    assert whole(windows, 60)["daily_cost"] == 1


def test_a_slot_that_midnight_parts_counts_for_the_day_what_came_after() -> None:
    zero = NOON + 7 * SECOND
    windows = Windows([3600], 60, lambda now_ns: now_ns - (now_ns - zero) % (24 * HOUR))
    ends_ns = NOON + np.array([6, 7, 19, 30]) * SECOND
    windows.add(requests(ends_ns, cost_pico=[1e12, 2e12, 4e12, 8e12]), NOON + 30 * SECOND)
    windows.advance(NOON + 30 * SECOND)
    row = whole(windows, 3600)
    assert (row["cost_usd"], row["daily_cost"]) == (15.0, 14.0)


def test_the_window_before_is_known_once_it_was_watched_whole() -> None:
    windows = new_windows()
    windows.advance(NOON)
    for second in range(130):
        now_ns = NOON + second * SECOND
        windows.add(requests([now_ns] * (1 + second // 60), latency_ms=100.0), now_ns)
        windows.advance(now_ns)
        if second == 100:
            assert windows.previous(60).requests[0] == 0
            assert windows.previous(60).row(0)["request_rate"] is None
    row = windows.previous(60).row(0)
    assert row["requests"] == 50 + 2 * 10
    assert row["latency_p95"] == pytest.approx(100, rel=0.01)
    assert row["hourly_cost"] is row["daily_cost"] is None


def test_slots_of_the_window_before_survive_a_warm_start() -> None:
    windows = new_windows()
    windows.add(requests(NOON - np.array([400, 500, 7000]) * SECOND), NOON, warm=True)
    windows.advance(NOON)
    assert windows.previous(300).row(0)["requests"] == 2


@pytest.mark.parametrize("window_s", [0, -5, 1.5])
def test_a_window_is_whole_seconds(window_s: Any) -> None:
    with pytest.raises(ValueError, match="whole seconds"):
        Windows((window_s,), 60, midnight)


def test_dashboard_aggregates_latency_error_rate_tokens_and_mean_quality() -> None:
    row = whole(
        fed(
            requests(
                [NOON] * 4,
                latency_ms=[100, 200, 300, 400],
                error=[False, False, False, True],
                input_tokens=[10, 20, 30, -1],
                output_tokens=[1, 2, 3, -1],
                quality=[0.5, 0.7, 0.9, math.nan],
            )
        ),
        60,
    )
    assert row["latency_mean"] == pytest.approx(250)
    assert row["error_rate"] == 0.25
    assert (row["input_tokens"], row["output_tokens"]) == (60, 6)
    assert row["tokens_per_second"] == pytest.approx(0.1)
    assert row["quality_score_mean"] == pytest.approx(0.7)
    assert row["scored_requests"] == 3


def test_dashboard_aggregates_scores_in_five_buckets() -> None:
    scores = [0.0, 0.19, 0.2, 0.4, 0.5, 0.6, 0.8, 0.99, 1.0, math.nan]
    windows = fed(requests([NOON] * len(scores), quality=scores))
    assert windows.quality_buckets(60) == (2, 1, 2, 1, 3)


@pytest.mark.parametrize(
    ("first", "second", "trend"),
    [
        (0.6, 0.9, "improving"),
        (0.9, 0.6, "degrading"),
        (0.7, 0.74, "stable"),
        (0.74, 0.7, "stable"),
        (None, 0.9, None),
        (0.9, None, None),
    ],
)
def test_dashboard_aggregates_a_quality_trend(
    first: float | None, second: float | None, trend: str | None
) -> None:
    assert quality_trend(first, second) == trend
    windows = new_windows()
    windows.advance(NOON)
    for age_s, mean in ((250, first), (20, second)):
        if mean is not None:
            at_ns = NOON + (300 - age_s) * SECOND
            windows.add(requests(at_ns, quality=mean), at_ns)
    windows.advance(NOON + 300 * SECOND)
    assert windows.trend(300) == trend


def test_dashboard_aggregates_requests_by_hour() -> None:
    windows = new_windows()
    per_hour = [3, 0, 5, 2]
    for hours_ago, count in zip((3, 2, 1, 0), per_hour, strict=True):
        end_ns = NOON - hours_ago * HOUR + 5 * SECOND
        windows.add(requests([end_ns] * count), NOON + 10 * SECOND, warm=True)
    windows.advance(NOON + 10 * SECOND)
    history = windows.history(86_400, 24, NOON + 10 * SECOND)
    assert history.step_ns == HOUR
    assert history.start_ns == NOON - 23 * HOUR
    counts = history.values["requests"]
    assert counts[-4:].tolist() == per_hour
    assert np.isnan(counts[:-4]).all()


def test_history_has_a_point_a_step_for_every_metric() -> None:
    windows = new_windows()
    windows.advance(NOON)
    for second in range(0, 120, 2):
        at_ns = NOON + second * SECOND
        batch = requests(
            [at_ns] * 2,
            latency_ms=[100, 100 + second],
            ttft_ms=50.0,
            error=[False, second >= 60],
            input_tokens=30,
            output_tokens=6,
            cost_pico=10**9,
            quality=0.75,
        )
        windows.add(batch, at_ns)
    end_ns = NOON + 120 * SECOND - 1
    windows.advance(end_ns)
    history = windows.history(60, 6, end_ns)
    assert (history.start_ns, history.step_ns) == (NOON + 60 * SECOND, 10 * SECOND)
    values = history.values
    np.testing.assert_allclose(values["requests"], 10)
    np.testing.assert_allclose(values["request_rate"], 1)
    np.testing.assert_allclose(values["error_rate"], 0.5)
    np.testing.assert_allclose(values["latency_p50"], 100, rtol=0.01)
    np.testing.assert_allclose(values["latency_p99"], 166 + 10 * np.arange(6), rtol=0.01)
    np.testing.assert_allclose(values["ttft_p95"], 50, rtol=0.01)
    np.testing.assert_allclose(values["input_tokens"], 30)
    np.testing.assert_allclose(values["output_tokens"], 6)
    np.testing.assert_allclose(values["tokens_per_second"], 6)
    np.testing.assert_allclose(values["hourly_cost"], 3.6)
    np.testing.assert_allclose(values["quality_score_mean"], 0.75)


def test_history_is_zero_where_it_was_quiet_and_unknown_before_the_beginning() -> None:
    windows = new_windows()
    windows.advance(NOON)
    windows.add(requests(NOON + 35 * SECOND, latency_ms=10), NOON + 35 * SECOND)
    end_ns = NOON + 40 * SECOND - 1
    windows.advance(end_ns)
    history = windows.history(60, 6, end_ns)
    np.testing.assert_array_equal(history.values["requests"], [math.nan, math.nan, 0, 0, 0, 1])
    np.testing.assert_array_equal(np.isnan(history.values["latency_p95"]), [True] * 5 + [False])


def test_history_shows_what_ended_before_the_watch_began_and_came_all_the_same() -> None:
    windows = new_windows()
    windows.advance(NOON + 35 * SECOND)
    early = requests([NOON + 15 * SECOND] * 20, latency_ms=10)
    windows.add(early, NOON + 35 * SECOND)
    windows.advance(NOON + 39 * SECOND)
    history = windows.history(60, 6, NOON + 39 * SECOND)
    np.testing.assert_array_equal(
        history.values["requests"], [math.nan, math.nan, math.nan, 20, math.nan, 0]
    )
    assert history.values["request_rate"][3] == 2


def test_history_before_anything_is_unknown() -> None:
    history = new_windows().history(60, 6, NOON)
    assert all(np.isnan(values).all() for values in history.values.values())


def test_a_rate_speaks_of_the_part_of_a_bucket_that_has_passed() -> None:
    windows = new_windows()
    windows.advance(NOON)
    windows.add(requests([NOON + 21 * SECOND] * 10), NOON + 22 * SECOND)
    windows.advance(NOON + 22 * SECOND)
    history = windows.history(60, 3, NOON + 22 * SECOND)
    assert history.values["request_rate"][-1] == pytest.approx(5)


@pytest.mark.parametrize("window_s", [60, 3600])
def test_history_of_some_series_agrees_with_the_whole(window_s: int) -> None:
    rng = np.random.default_rng(4)
    count = 4000
    batch = requests(
        NOON - rng.integers(0, window_s * SECOND, count),
        series=rng.integers(1, 4, count),
        latency_ms=rng.lognormal(5, 1, count),
    )
    windows = new_windows()
    windows.add(batch, NOON, warm=True)
    windows.advance(NOON)
    everything = windows.history(window_s, 10, NOON)
    all_named = windows.history(window_s, 10, NOON, np.ones(9, bool))
    assert (all_named.start_ns, all_named.step_ns) == (everything.start_ns, everything.step_ns)
    np.testing.assert_equal(all_named.values, everything.values)
    parts = [windows.history(window_s, 10, NOON, np.arange(4) == s) for s in (1, 2, 3)]
    summed = sum(part.values["requests"] for part in parts)
    np.testing.assert_array_equal(summed, everything.values["requests"])
    alone = new_windows()
    alone.add(batch.take(batch.series == 2), NOON, warm=True)
    alone.advance(NOON)
    np.testing.assert_equal(alone.history(window_s, 10, NOON).values, parts[1].values)


def test_a_history_needs_a_point() -> None:
    with pytest.raises(ValueError, match="at least 1 point"):
        fed(requests(NOON)).history(60, 0, NOON)


def test_charts_and_the_window_before_hold_as_the_ring_of_slots_goes_round() -> None:
    rng = np.random.default_rng(6)
    windows = new_windows()
    windows.advance(NOON)
    sent = np.zeros(1300, np.int64)
    for second in range(0, 1300, 7):
        now_ns = NOON + second * SECOND
        sent[second] = rng.integers(0, 5)
        windows.add(requests([now_ns] * sent[second]), now_ns)
        windows.advance(now_ns)
        history = windows.history(300, 30, now_ns)
        assert history.step_ns == 10 * SECOND
        first_s = (history.start_ns - NOON) // SECOND
        for i, value in enumerate(history.values["requests"].tolist()):
            at_s = first_s + 10 * i
            assert math.isnan(value) if at_s < 0 else value == sent[at_s : at_s + 10].sum()
        if second >= 600:
            before = sent[second - 599 : second - 299].sum()
            assert windows.previous(300).requests.tolist() == [before]


def test_many_small_adds_to_one_second_are_all_taken_away_again() -> None:
    windows = new_windows()
    for i in range(40):
        windows.add(requests([NOON] * 300, series=i % 3, latency_ms=100.0 + i), NOON)
        windows.advance(NOON)
    assert whole(windows, 60)["requests"] == 40 * 300
    windows.advance(NOON + 60 * SECOND)
    assert whole(windows, 60)["requests"] == 0
    assert whole(windows, 60)["latency_max"] is None
    assert whole(windows, 300)["latency_max"] == pytest.approx(139, rel=0.01)
