from __future__ import annotations

import contextlib
import math
import operator
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmon_collector.metrics import MetricTable
from llmmon_collector.rules.compile import compile_value
from llmmon_collector.rules.expression import Scope
from llmmon_collector.rules.filter import compile_where, compile_where_labels
from llmmon_collector.rules.grammar import ExpressionError
from llmmon_collector.series import SeriesKey

NAN = math.nan
KEY = SeriesKey("bot", "production", "chat", "openai", "gpt-4o", "/ask")
Tables = Callable[..., MetricTable]

Known = tuple[str, float]
"""An expression and its value, NaN for none."""

OPERATIONS: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda a, b: a / b if b else NAN,
}


def combine(left: Known, sign: str, right: Known) -> Known:
    return f"({left[0]} {sign} {right[0]})", OPERATIONS[sign](left[1], right[1])


arithmetic = st.recursive(
    st.integers(0, 1000).map(lambda n: (str(n), float(n))),
    lambda inner: (
        st.builds(combine, inner, st.sampled_from("+-*/"), inner)
        | inner.map(lambda known: (f"-{known[0]}", -known[1]))
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("errors", [1, 4, NAN]),
        ("errors / requests", [0.1, NAN, NAN]),
        ("1 - errors * 2 + 3", [2, -4, NAN]),
        ("-(errors - 1)", [0, -3, NAN]),
        ("errors - -1", [2, 5, NAN]),
        ("min(errors, 2, latency_p95)", [1, 2, NAN]),
        ("max(errors, 2)", [2, 4, NAN]),
        ("errors > 1", [0, 1, NAN]),
        ("errors >= 1 and errors != 4", [1, 0, NAN]),
        ("errors > 1 or latency_p95 > 5", [0, 1, 1]),
        ("errors > 1 and latency_p95 < 0", [0, 0, 0]),
        ("not errors > 1", [1, 0, NAN]),
        ("not (errors > 1 or errors < 0)", [1, 0, NAN]),
        ("open_requests", [NAN, NAN, NAN]),
    ],
)
def test_values_are_computed_a_row(grouped: Tables, text: str, expected: list[float]) -> None:
    rows = [(1.0, 5.0), (4.0, 2.5), (None, 6.0)]
    table = grouped([({}, {"errors": e, "latency_p95": p}) for e, p in rows])
    table = MetricTable(table.labels, table.values, np.array([10, 0, 5]))
    np.testing.assert_array_equal(compile_value(text).evaluate(Scope(table)), expected)


@given(arithmetic)
def test_arithmetic_is_that_of_python(whole: Tables, known: Known) -> None:
    text, expected = known
    assert compile_value(text).evaluate(Scope(whole()))[0] == pytest.approx(expected, nan_ok=True)


@given(st.text(alphabet="abelmnorstx_0123456789 .+-*/()<>=!,\"'\n[]", max_size=60))
def test_any_text_compiles_or_is_refused_with_a_column(text: str) -> None:
    for compile_ in (compile_value, compile_where):
        with contextlib.suppress(ExpressionError):
            compile_(text)
            continue
        with pytest.raises(ExpressionError, match=r"^column [1-9]\d*: "):
            compile_(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("latency_p9", 'column 1: there is no metric "latency_p9"; did you mean "latency_p'),
        ("errors / reqests", 'column 10: there is no metric "reqests"; did you mean "requests"?'),
        ("errors >", "column 9: ends too early"),
        ("errors $ 2", 'column 8: "$" has no meaning here'),
        ("1 < errors < 3", 'column 12: unexpected "<"'),
        ("errors and 3", 'column 8: unexpected "and"'),
        ("(errors > 1) + 1", 'column 14: unexpected "+"'),
        ("__import__('os')", 'column 1: there is no function "__import__"; there are min, max'),
        ('avg_ovr(errors, "1h")', 'there is no function "avg_ovr"; did you mean "avg_over"?'),
        ("avg_over > 1", 'column 1: avg_over is a function: write avg_over(x, "10m")'),
        ("errors + avg_over(errors)", "column 10: avg_over does not take 1 argument: write avg_"),
        ("ago()", 'column 1: ago does not take 0 arguments: write ago(x, "1d")'),
        ("min(errors)", "column 1: min does not take 1 argument"),
        ("predict(errors, '1h')", "column 1: predict does not take 2 arguments"),
        ("min(errors > 1, 2)", "column 5: min takes numbers"),
        ('max(1, "2")', "column 8: max takes numbers"),
        ("rate(errors, 10)", "column 14: expected a quoted text here"),
        ('rate("errors", "10m")', "column 6: rate is of a value, not of a text"),
        ('rate(errors, "10 min")', "column 14: '10 min' is not a duration: write it as 30s"),
        ('rate(errors, "30s")', "column 14: rate looks over 1m to 90d, not 30s"),
        ('ago(errors, "91d")', "column 13: ago looks over 1m to 90d, not 91d"),
        (
            'avg_over(1 + ago(errors, "1h"), "1h")',
            "column 10: ago inside avg_over: what a function of the past is of cannot hold another",
        ),
        ("check(redis)", 'column 7: there is no metric "redis"'),
        ("check(errors)", "column 7: expected a quoted text here: write check("),
        ('"10m"', "column 1: unexpected"),
        ("errors / check_value", "column 10: check_value is of checks, and errors of requests"),
        ("errors > 1" + "0" * 400, "column 10: this number is too large"),
        ("errors +\n requsts", 'column 11: there is no metric "requsts"'),
        ("errors.__class__", 'column 7: "." has no meaning here'),
        ("", "column 1: ends too early"),
        ("-" * 50 + "1", "column 1: nested deeper than 40 levels"),
        ("1" * 501, "column 501: 501 characters, at most 500"),
    ],
)
def test_mistakes_in_values_are_explained(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        compile_value(text)
    assert message in str(raised.value)


def test_an_error_can_show_the_place() -> None:
    with pytest.raises(ExpressionError) as raised:
        compile_value("errors +\n  reqests * 2")
    assert raised.value.picture == "  reqests * 2\n  ^"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('environment == "production"', True),
        ("environment == 'staging'", False),
        ('environment != "staging"', True),
        ('model in ["gpt-4o", "gpt-5"]', True),
        ('model not in ["gpt-4o"]', False),
        ('not model == "x" and (provider == "x" or route == "/ask")', True),
        ('model == "x" or model == "y" and service == "bot"', False),
    ],
)
def test_filters_pick_series(text: str, expected: bool) -> None:
    assert compile_where(text)(KEY) is expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('enviroment == "x"', 'there is no dimension "enviroment"; did you mean "environment"?'),
        ('tenant == "x"', 'there is no dimension "tenant"; there are service, environment'),
        ("model == gpt", 'unexpected "gpt"; expected a quoted text'),
        ('model == "x', "has no meaning here"),
        ("model in []", 'unexpected "]"; expected a quoted text'),
        ('"x" == model', "expected"),
    ],
)
def test_mistakes_in_filters_are_explained(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        compile_where(text)
    assert message in str(raised.value)


def test_labels_of_other_families_can_be_filtered() -> None:
    picks = compile_where_labels('slo in ["chat", "search"] and model != "x"', "slos")
    assert picks({"slo": "chat"})
    assert picks({"slo": "chat", "model": "y"})
    assert not picks({"slo": "chat", "model": "x"})
    assert not picks({"slo": "other"})


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ("errors", "requests"),
        ("check_value > 3", "checks"),
        ("slo_page", "slos"),
        ("min(budget_used, 1)", "budgets"),
        ('check("redis") * 2', "requests"),
        ('check_took_ms / check("redis")', "checks"),
    ],
)
def test_an_expression_is_of_one_family(text: str, family: str) -> None:
    assert compile_value(text).family == family


def test_what_checks_measured_is_the_same_in_every_row(grouped: Tables) -> None:
    measured = {("redis", ""): 4.0, ("redis", "used_memory"): 2.0, ("pg", ""): math.inf}
    scope = Scope(grouped([({}, {}), ({}, {})]), lambda *of: measured.get(of))
    for text, expected in [
        ('check("redis") / check("redis", "used_memory")', 2.0),
        ('check("nothing")', NAN),
        ("check('pg')", NAN),
    ]:
        np.testing.assert_array_equal(compile_value(text).evaluate(scope), [expected] * 2)


def test_an_expression_knows_what_it_reads() -> None:
    assert compile_value('avg_over(errors, "1h") > max(requests, 2)').metrics == {
        "errors",
        "requests",
    }
    assert compile_value('check("a") > check("b", "c")').checks == {("a", ""), ("b", "c")}
    assert compile_value("errors / requests > 0.1").metrics == {"errors", "requests"}
