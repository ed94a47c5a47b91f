import pytest

from llmmon.protocol.names import FAMILIES
from llmmon.protocol.snapshot import Limit
from llmmon_tui.formatting import MISSING
from llmmon_tui.panels.values import (
    beyond_text,
    breach,
    clock_text,
    first_limit,
    labels_text,
    limit_text,
    limit_words,
    metric_text,
    window_text,
)
from llmmon_tui.severity import Severity

BOTH = (Limit("slow", "latency_p95", 300, "above", 5000.0, 8000.0),)
LOW = (Limit("poor", "quality_score_mean", 300, "below", 0.7, 0.5),)


def test_every_metric_has_a_form_and_a_missing_value_none():
    for name in (name for family in FAMILIES.values() for name in family):
        assert metric_text(name, 1) != MISSING
        assert metric_text(name, None) == MISSING
        assert limit_text(name, None) == MISSING


@pytest.mark.parametrize(
    ("metric", "value", "limit", "text"),
    [
        ("latency_p95", 3410, 5000, "3.41s 5s"),
        ("error_rate", 0.072, 0.05, "7.2% 5%"),
        ("hourly_cost", 38.1, 100, "$38.10 $100"),
        ("quality_score_mean", 0.66, 0.7, "0.66 0.7"),
        ("errors / requests", 0.5, 2, "0.50 2"),
    ],
)
def test_values_and_limits(metric, value, limit, text):
    assert f"{metric_text(metric, value)} {limit_text(metric, limit)}" == text


@pytest.mark.parametrize(
    ("window_s", "text"),
    [
        (30, "30s"),
        (60, "1m"),
        (90, "90s"),
        (300, "5m"),
        (3600, "1h"),
        (86400, "24h"),
        (604800, "7d"),
    ],
)
def test_windows(window_s, text):
    assert window_text(window_s) == text


def test_a_value_beyond_its_limit_does_not_read_like_it():
    assert beyond_text("quality_score_mean", 0.6982, 0.7) == "0.698"
    assert beyond_text("quality_score_mean", 0.66, 0.7) == "0.66"
    assert beyond_text("latency_p95", 5006, 5000) == "5.01s"


def test_the_words_of_a_limit():
    assert limit_words("latency_p95", BOTH) == "of 5s"
    assert limit_words("quality_score_mean", LOW) == "min 0.7"
    assert limit_words("error_rate", BOTH) == ""


def test_labels():
    assert labels_text({"provider": "openai", "model": "gpt-4o"}) == "openai/gpt-4o"
    assert labels_text({"route": ""}) == "(none)"
    assert labels_text({}) == "all"


def test_clock():
    assert clock_text(1_795_500_000_000_000_000) == "06:00:00"


@pytest.mark.parametrize(
    ("value", "severity"),
    [(None, "ok"), (5000, "ok"), (5001, "warning"), (8001, "critical")],
)
def test_breaches_above(value, severity):
    assert breach("latency_p95", value, BOTH) is Severity(severity)
    assert breach("latency_p99", value, BOTH) is Severity.OK


@pytest.mark.parametrize(("value", "severity"), [(0.7, "ok"), (0.69, "warning"), (0.4, "critical")])
def test_breaches_below(value, severity):
    assert breach("quality_score_mean", value, LOW) is Severity(severity)


def test_the_limit_that_is_met_first():
    assert first_limit("latency_p95", BOTH) == 5000
    assert first_limit("quality_score_mean", LOW) == 0.7
    assert first_limit("hourly_cost", BOTH) is None
