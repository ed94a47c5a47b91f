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
from llmmon_collector.rules.compile import compile_value, compile_where
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
    np.testing.assert_array_equal(compile_value(text).evaluate(table), expected)


@given(arithmetic)
def test_arithmetic_is_that_of_python(whole: Tables, known: Known) -> None:
    text, expected = known
    assert compile_value(text).evaluate(whole())[0] == pytest.approx(expected, nan_ok=True)


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
        ("__import__('os')", "column 11: "),
        ("errors.__class__", 'column 7: "." has no meaning here'),
        ("", "column 1: ends too early"),
        ("-" * 50 + "1", "column 1: nested deeper than 40 levels"),
        ("1" * 501, "column 501: 501 characters, at most 500"),
    ],
)
def test_mistakes_in_values_are_explained(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        compile_value(text)
    assert str(raised.value).startswith(message)


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


def test_an_expression_knows_what_it_reads() -> None:
    assert compile_value("errors / requests > 0.1").metrics == {"errors", "requests"}
