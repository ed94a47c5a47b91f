"""The compiler against a plain evaluator that takes one row at a time and knows no arrays."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from llmmon_collector.metrics import MetricTable
from llmmon_collector.rules.compile import compile_value
from llmmon_collector.rules.expression import Scope
from llmmon_collector.rules.grammar import MAX_LENGTH

Tree = tuple[Any, ...]
"""``("number", 2.0)``, ``("metric", "errors")``, ``(operator, left, right)`` and so on."""
Values = Mapping[str, float]

METRICS = ("errors", "latency_p95", "cost_usd")
ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda a, b: a / b if b else math.nan,
}
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
CHECKS = {("redis", ""): 3.0, ("redis", "used"): 0.0, ("gone", ""): None, ("hot", ""): math.inf}

numbers = st.recursive(
    st.sampled_from([0.0, 0.5, 1.0, 3.0, 1e300]).map(lambda n: ("number", n))
    | st.sampled_from(METRICS).map(lambda name: ("metric", name))
    | st.sampled_from(sorted(CHECKS)).map(lambda of: ("check", *of)),
    lambda inner: (
        st.tuples(st.sampled_from(sorted(ARITHMETIC)), inner, inner)
        | st.tuples(st.just("negative"), inner)
        | st.tuples(st.sampled_from(["min", "max"]), inner, inner, inner)
    ),
    max_leaves=8,
)
truths = st.recursive(
    st.tuples(st.sampled_from(sorted(COMPARISONS)), numbers, numbers),
    lambda inner: (
        st.tuples(st.sampled_from(["and", "or"]), inner, inner, inner)
        | st.tuples(st.just("not"), inner)
    ),
    max_leaves=5,
)
cells = st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -1.0, 0.5, 3.0, 1e308])


def write(tree: Tree) -> str:
    """``tree`` in the language, with more parentheses than it needs."""
    kind, *parts = tree
    if kind in ("number", "metric"):
        return str(parts[0]).replace("e+", "e")
    if kind == "check":
        return f'check("{parts[0]}")' if not parts[1] else f"check('{parts[0]}', '{parts[1]}')"
    texts = [f"({write(part)})" for part in parts]
    if kind in ("min", "max"):
        return f"{kind}({', '.join(texts)})"
    if kind in ("negative", "not"):
        return f"{'-' if kind == 'negative' else kind} {texts[0]}"
    return f" {kind} ".join(texts)


def value_of(tree: Tree, row: Values) -> float | None:
    """A number, a truth as 1 or 0, or None for what is not known; infinity is not known."""
    kind, *parts = tree
    match kind:
        case "number":
            return float(parts[0])
        case "metric":
            return known(row[parts[0]])
        case "check":
            return known(CHECKS[parts[0], parts[1]])
        case "and" | "or":
            return joined(kind == "or", [value_of(part, row) for part in parts])
    values = [value_of(part, row) for part in parts]
    if None in values:
        return None
    return known(applied(kind, [value for value in values if value is not None]))


def applied(kind: str, values: list[float]) -> float:
    match kind:
        case "min":
            return min(values)
        case "max":
            return max(values)
        case "negative":
            return -values[0]
        case "not":
            return 1 - values[0]
    if kind in COMPARISONS:
        return float(COMPARISONS[kind](*values))
    return ARITHMETIC[kind](*values)


def joined(decisive: bool, values: list[float | None]) -> float | None:
    """``or`` if a true one decides, ``and`` if a false one does."""
    if float(decisive) in values:
        return float(decisive)
    return None if None in values else float(not decisive)


def known(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


expressions = (numbers | truths).filter(lambda tree: len(write(tree)) <= MAX_LENGTH)


@given(expressions, st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=6))
def test_compiled_expressions_agree_with_a_plain_evaluator(
    tree: Tree, rows: list[tuple[float, ...]]
) -> None:
    columns = {name: np.array([row[i] for row in rows]) for i, name in enumerate(METRICS)}
    table = MetricTable(({},) * len(rows), columns, np.ones(len(rows), np.int64))
    scope = Scope(table, lambda *of: CHECKS[of])
    expression = compile_value(write(tree))
    got = [None if math.isnan(value) else value for value in expression.evaluate(scope).tolist()]
    expected = [value_of(tree, dict(zip(METRICS, row, strict=True))) for row in rows]
    assert got == expected
    for i, value in enumerate(expected):
        parts = dict(expression.explain(scope, i))
        assert parts.get(expression.root.text, value) == value
