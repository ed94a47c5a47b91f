from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from llmmon.errors import ConfigError
from llmmon.protocol.names import FAMILIES
from llmmon_collector.rules.builtin import BUILTIN_RULES, effective_rules
from llmmon_collector.rules.model import RuleSpec, Threshold
from llmmon_collector.rules.summary import check_template, format_value, render


def rule(**keys: Any) -> RuleSpec:
    return RuleSpec.model_validate(
        {"name": "r", "value": "latency_p95", "warning": {"above": 5}, **keys}
    )


def test_a_rule_reads_durations_and_defaults() -> None:
    spec = rule(window="1h", keep_firing_for="90s", cooldown="1h30m", **{"for": "2m"})
    assert (spec.window_s, spec.for_s, spec.keep_firing_for_s) == (3600, 120, 90)
    assert spec.cooldown_s == 5400
    assert (rule().window_s, rule().for_s, rule().cooldown_s, rule().limit) == (300, 0, 900, 200)
    assert rule().no_data == "keep"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"value": "latency_p59"}, 'there is no metric "latency_p59"; did you mean "latency_p'),
        ({"where": 'modell == "x"'}, 'no dimension "modell"; did you mean "model"?'),
        ({"by": ["modle"]}, 'no dimension "modle"; did you mean "model"?'),
        ({"by": ["model", "model"]}, "a dimension is named twice"),
        ({"warning": {"above": 1, "below": 2}}, "either above or below, not both or neither"),
        ({"warning": {}}, "either above or below, not both or neither"),
        ({"warning": {"above": 5, "clear_below": 6}}, "clear_below = 6 is on the wrong side"),
        ({"warning": {"below": 5, "clear_above": 4}}, "clear_above = 4 is on the wrong side"),
        ({"warning": {"above": 5, "clear_above": 4}}, "does not go with above: use clear_below"),
        ({"warning": {"above": float("nan")}}, "finite"),
        ({"warning": None}, "give warning or critical a limit"),
        ({"critical": {"below": 1}}, "must both be above or both be below"),
        ({"critical": {"above": 4}}, "critical (4) is milder than warning (5): swap them"),
        ({"summary": "{modl}"}, "{modl} is not a field here"),
        ({"summary": "{value.__class__}"}, "{value.__class__} is not a field here"),
        ({"summary": "{value!r}"}, "conversions are not supported"),
        ({"summary": "{value:{limit}}"}, "does not format it"),
        ({"summary": "{rule:.0f}"}, "does not format it"),
        ({"summary": "{value:9999999f}"}, "does not format it"),
        ({"summary": "{value"}, "is not a template"),
        ({"name": "two words"}, "pattern"),
        ({"value": "check_value", "by": ["model"]}, "by is for metrics of requests: of checks"),
        ({"value": "check_value", "where": 'model == "x"'}, 'there is no label "model"; there are'),
        ({"value": "slo_page", "where": 'slow == "x"'}, 'no label "slow"; did you mean "slo"?'),
        ({"value": "slo_page", "summary": "{check}"}, "{check} is not a field here"),
        ({"critical": {"value": "slo_page", "above": 1}}, "critical judges metrics of slos"),
        ({"critical": {"value": "latency_p59", "above": 9}}, 'there is no metric "latency_p59"'),
        ({"cooldown": "soon"}, "'soon' is not a duration"),
        ({"treshold": 1}, "Extra inputs"),
        ({"limit": 0}, "greater than or equal to 1"),
    ],
)
def test_mistakes_are_explained(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as raised:
        rule(**keys)
    assert message in str(raised.value)


def test_limits_are_exclusive_and_hold_until_clear() -> None:
    above = Threshold(above=10, clear_below=8)
    assert [above.breached(v, held=False) for v in (9, 10, 10.1)] == [False, False, True]
    assert [above.breached(v, held=True) for v in (7.9, 8, 9)] == [False, True, True]
    below = Threshold(below=0.7, clear_above=0.8)
    assert [below.breached(v, held=False) for v in (0.69, 0.7)] == [True, False]
    assert [below.breached(v, held=True) for v in (0.75, 0.8, 0.81)] == [True, True, False]
    assert not Threshold(above=10).breached(9, held=True)


def test_the_built_in_rules_are_as_documented() -> None:
    table = {
        (spec.name, severity): (spec.expression(severity), limit.comparison, limit.limit)
        for spec in BUILTIN_RULES
        for severity, limit in spec.thresholds
    }
    assert table == {
        ("high_latency", "warning"): ("latency_p95", "above", 5000),
        ("critical_latency", "critical"): ("latency_p99", "above", 10000),
        ("high_error_rate", "critical"): ("error_rate", "above", 0.05),
        ("low_quality", "warning"): ("quality_score_mean", "below", 0.7),
        ("cost_spike", "warning"): ("hourly_cost", "above", 100),
        ("check_failing", "warning"): ("check_failing", "above", 0.5),
        ("check_failing", "critical"): ("check_critical", "above", 0.5),
    }
    assert {spec.cooldown_s for spec in BUILTIN_RULES} == {900}
    assert {spec.for_s for spec in BUILTIN_RULES} == {0}
    assert {spec.keep_firing_for_s for spec in BUILTIN_RULES} == {30}


def test_a_rule_replaces_or_disables_the_built_in_one_of_its_name() -> None:
    rules = effective_rules(
        [
            rule(name="high_latency", warning={"above": 1}),
            rule(name="low_quality", disabled=True),
            rule(name="mine"),
        ]
    )
    assert [spec.name for spec in rules] == [
        "high_latency",
        "critical_latency",
        "high_error_rate",
        "cost_spike",
        "check_failing",
        "mine",
    ]
    assert rules[0].threshold("warning").limit == 1
    with pytest.raises(ConfigError, match="two rules are called 'mine'"):
        effective_rules([rule(name="mine"), rule(name="mine")])


def test_generated_rules_come_beside_the_users_and_under_other_names() -> None:
    made = rule(name="slo.chat", value="slo_ticket")
    assert effective_rules([rule(name="mine")], generated=[made])[-1] is made
    with pytest.raises(ConfigError, match=r"two rules are called 'slo\.chat'"):
        effective_rules([rule(name="slo.chat")], generated=[made])


def test_a_limit_may_judge_a_value_of_its_own() -> None:
    spec = rule(critical={"value": "latency_p99", "above": 3})
    assert (spec.expression("warning"), spec.expression("critical")) == (
        "latency_p95",
        "latency_p99",
    )
    assert spec.split
    assert not rule(critical={"value": "latency_p95", "above": 6}).split


def test_the_value_may_be_left_out_where_each_limit_has_its_own() -> None:
    keys = {"name": "slo.chat", "where": 'slo == "chat"'}
    limits = {
        "warning": {"value": "slo_ticket", "above": 1},
        "critical": {"value": "slo_page", "above": 1},
    }
    spec = RuleSpec.model_validate(keys | limits)
    assert (spec.value, spec.family, spec.split) == ("slo_ticket", "slos", True)
    assert RuleSpec.model_validate(spec.model_dump(mode="json", by_alias=True)) == spec
    limits["critical"].pop("value")
    with pytest.raises(ValidationError, match="value\n  Field required"):
        RuleSpec.model_validate(keys | limits)


def test_a_rule_knows_what_its_alerts_are_labelled_with_and_which_checks_it_reads() -> None:
    assert rule(by=["model"]).label_names == ("model",)
    assert rule(value="check_value").label_names == ("check", "type")
    spec = rule(
        value='check("redis") + latency_p95', critical={"value": 'check("a", "b")', "above": 1}
    )
    assert spec.checks == {("redis", ""), ("a", "b")}


@pytest.mark.parametrize(
    ("kept", "latency_s", "cost_s"),
    [((), 300, 3600), ((60, 300, 3600), 300, 3600), ((60, 600), 600, 600), ((60,), 60, 60)],
)
def test_built_in_rules_use_a_window_that_is_kept(
    kept: tuple[int, ...], latency_s: float, cost_s: float
) -> None:
    windows = {spec.name: spec.window_s for spec in effective_rules([], kept)}
    assert (windows["high_latency"], windows["cost_spike"]) == (latency_s, cost_s)


def test_summaries_are_rendered_without_touching_attributes() -> None:
    check_template("{model}: p95 {value:.0f} ms ({threshold:,.1f}) {{raw}}", ["model"])
    fields: dict[str, str | float | None] = {
        "model": "gpt-4o {0}",
        "value": 6200.4,
        "threshold": 5000.0,
    }
    text = render("{model}: p95 {value:.0f} ms ({threshold:,.1f}) {{raw}}", fields)
    assert text == "gpt-4o {0}: p95 6200 ms (5,000.0) {raw}"
    assert render("{value:.0f}", {"value": None}) == "no data"
    assert render("{value}", {"value": 0.125}) == "0.125"


def test_every_unit_can_be_written() -> None:
    units = {name: metric.unit for family in FAMILIES.values() for name, metric in family.items()}
    del units["check_value"]
    texts = {unit: format_value(0.125, name) for name, unit in units.items()}
    assert texts == {
        "count": "0.125",
        "1/s": "0.125/s",
        "ratio": "12.5%",
        "ms": "0 ms",
        "tokens": "0 tokens",
        "usd": "$0.12",
        "score": "0.12",
        "times": "0.125x",
    }
    assert format_value(0.125, "errors / requests") == "0.125"
    assert format_value(None, "errors") == "no data"


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("check_failing", 0.5, "0.5"),
        ("requests", 1_234_567.0, "1,234,567"),
        ("slo_page", 2.948, "2.95x"),
        ("slo_burn_rate", 1.0, "1x"),
        ("slo_burn_rate", 10_000.0, "10,000x"),
        ("slo_attained", 0.9995, "99.95%"),
        ("slo_attained", 1.0, "100.0%"),
        ("slo_budget_left", -24.0, "-2400.0%"),
        ("error_rate", 0.0004, "0.04%"),
        ("error_rate", 0.0, "0.0%"),
    ],
)
def test_a_value_says_no_less_than_matters(metric: str, value: float, text: str) -> None:
    assert format_value(value, metric) == text
