import math

import pytest

from llmmon.errors import SchemaError
from llmmon_tui.history import ARRIVAL_S, History, parse_history

SECOND = 10**9
LATE_NS = 10**6 * SECOND


def test_parse():
    told = {"start_ns": 0, "step_ns": SECOND, "metrics": {"latency_p95": [1, None, 2.5, math.nan]}}
    history = parse_history(60, told, 100 * SECOND)
    assert history.metrics["latency_p95"] == (1.0, None, 2.5, None)
    assert history.points("latency_p95", 100 * SECOND)[:2] == [(0.0, 1.0), (1.0, None)]
    assert history.points("unknown", 100 * SECOND) == []


@pytest.mark.parametrize(
    "told",
    [
        None,
        {},
        {"start_ns": 0, "step_ns": 0, "metrics": {}},
        {"start_ns": 0, "step_ns": 1, "metrics": {"a": 1}},
        {"start_ns": 0, "step_ns": 1, "metrics": {"a": [1] * 10_001}},
    ],
)
def test_another_shape_is_an_error(told):
    with pytest.raises(SchemaError, match="history"):
        parse_history(60, told, 0)


def test_a_bucket_under_way_waits_until_it_has_settled():
    arrived_ns = int(ARRIVAL_S * SECOND)
    short = History(300, 0, 3 * SECOND, {"a": (1.0, 2.0)}, LATE_NS)
    assert short.points("a", 6 * SECOND) == [(0.0, 1.0)]
    assert short.points("a", 6 * SECOND + arrived_ns) == [(0.0, 1.0), (3.0, 2.0)]
    long = History(86400, 0, 720 * SECOND, {"a": (1.0, 2.0)}, LATE_NS)
    assert len(long.points("a", 725 * SECOND)) == 1
    assert len(long.points("a", 725 * SECOND + arrived_ns)) == 2


def test_what_was_told_early_does_not_settle_by_waiting():
    """A bucket that had just begun when the collector told it holds next to nothing."""
    told = History(300, 0, 3 * SECOND, {"a": (1.0, 0.0)}, 4 * SECOND + SECOND // 2)
    assert told.points("a", LATE_NS) == [(0.0, 1.0)]


@pytest.mark.parametrize(("step_s", "refresh_s"), [(1, 2), (3, 3), (720, 30)])
def test_it_is_fetched_again_about_once_a_bucket(step_s, refresh_s):
    assert History(60, 0, step_s * SECOND, {}, LATE_NS).refresh_s == refresh_s
