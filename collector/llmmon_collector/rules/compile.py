"""Expressions compiled once: values to operations on whole columns, filters to predicates."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final, cast

import numpy as np
from lark import Token, Tree
from numpy.typing import NDArray

from llmmon.protocol.names import DIMENSIONS, METRICS
from llmmon_collector.metrics import MetricTable
from llmmon_collector.rules.grammar import (
    MAX_DEPTH,
    ExpressionError,
    nearest,
    parse_value,
    parse_where,
)
from llmmon_collector.series import Where

Column = NDArray[np.float64]
"""A value a row, NaN where there is none. Truth is 1, falsehood 0, the unknown NaN."""
_Operation = Callable[[MetricTable], Column]
_Pairwise = Callable[[Column, Column], Column]

_ARITHMETIC: Final[dict[str, _Pairwise]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": lambda a, b: np.divide(a, np.where(b == 0, np.nan, b)),
}
_COMPARISONS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
_FUNCTIONS: Final[dict[str, _Pairwise]] = {
    "min": np.minimum,
    "max": np.maximum,
}


@dataclass(frozen=True, slots=True)
class ValueExpression:
    """A compiled value expression."""

    text: str
    metrics: frozenset[str]
    """The metrics it reads."""
    operation: _Operation

    def evaluate(self, table: MetricTable) -> Column:
        """A value a row of ``table``; NaN for no data, a division by zero and infinity."""
        with np.errstate(all="ignore"):
            column = self.operation(table)
        return np.where(np.isfinite(column), column, np.nan)


def compile_value(text: str) -> ValueExpression:
    """``text`` compiled.

    Raises:
        ExpressionError: not in the language, too deep, or an unknown metric.
    """
    metrics: set[str] = set()
    operation = _value(parse_value(text), metrics, 1)
    return ValueExpression(text, frozenset(metrics), operation)


def compile_where(text: str) -> Where:
    """``text`` compiled to a filter of series.

    Raises:
        ExpressionError: not in the language, too deep, or an unknown dimension.
    """
    return _predicate(parse_where(text), 1)


def _value(tree: Tree[Token], metrics: set[str], depth: int) -> _Operation:
    _check_depth(depth)
    if tree.data == "number":
        number = float(_token(tree, 0))
        return lambda table: np.full(len(table.labels), number)
    if tree.data == "metric":
        return _metric(_token(tree, 0), metrics)
    parts = [
        _value(child, metrics, depth + 1) for child in tree.children if isinstance(child, Tree)
    ]
    return _combine(tree, parts)


def _combine(tree: Tree[Token], parts: Sequence[_Operation]) -> _Operation:
    if tree.data == "negative":
        return lambda table: -parts[0](table)
    if tree.data == "negation":
        return lambda table: 1.0 - parts[0](table)
    function = _function(tree)
    return lambda table: reduce(function, [part(table) for part in parts])


def _function(tree: Tree[Token]) -> _Pairwise:
    match tree.data:
        case "arithmetic":
            return _ARITHMETIC[_token(tree, 1)]
        case "comparison":
            return _comparing(_COMPARISONS[_token(tree, 1)])
        case "call":
            return _FUNCTIONS[_token(tree, 0)]
        case "conjunction":
            return _and
        case _:
            return _or


def _metric(token: Token, metrics: set[str]) -> _Operation:
    name = str(token)
    if name not in METRICS:
        reason = f'there is no metric "{name}"{nearest(name, METRICS)}'
        raise ExpressionError(reason, (token.start_pos or 0) + 1)
    metrics.add(name)
    return lambda table: _column(table, name)


def _column(table: MetricTable, name: str) -> Column:
    column = table.values.get(name)
    if column is not None:
        return column
    if name == "requests":
        return table.requests.astype(np.float64)
    return np.full(len(table.labels), np.nan)


def _comparing(compare: Callable[[Any, Any], Any]) -> _Pairwise:
    def compared(left: Column, right: Column) -> Column:
        known = ~(np.isnan(left) | np.isnan(right))
        return np.where(known, compare(left, right), np.nan)

    return compared


def _and(left: Column, right: Column) -> Column:
    """False if either is false, whatever the other; else unknown if either is unknown."""
    return np.where((left == 0) | (right == 0), 0.0, left * right)


def _or(left: Column, right: Column) -> Column:
    """True if either is true, whatever the other; else unknown if either is unknown."""
    return np.where((left == 1) | (right == 1), 1.0, left + right)


def _predicate(tree: Tree[Token], depth: int) -> Where:
    _check_depth(depth)
    if tree.data in ("equality", "membership", "exclusion"):
        return _membership(tree)
    parts = [_predicate(child, depth + 1) for child in tree.children if isinstance(child, Tree)]
    if tree.data == "negation":
        return lambda key: not parts[0](key)
    if tree.data == "conjunction":
        return lambda key: all(part(key) for part in parts)
    return lambda key: any(part(key) for part in parts)


def _membership(tree: Tree[Token]) -> Where:
    index = _dimension(_token(tree, 0))
    texts = [child for child in tree.children[1:] if isinstance(child, Token)]
    allowed = frozenset(str(text)[1:-1] for text in texts if text.type == "TEXT")
    wanted = tree.data == "membership" or texts[0] == "=="
    return lambda key: (key[index] in allowed) is wanted


def _dimension(token: Token) -> int:
    name = str(token)
    if name not in DIMENSIONS:
        hint = nearest(name, DIMENSIONS) or f"; there are {', '.join(DIMENSIONS)}"
        raise ExpressionError(f'there is no dimension "{name}"{hint}', (token.start_pos or 0) + 1)
    return DIMENSIONS.index(name)


def _token(tree: Tree[Token], index: int) -> Token:
    return cast(Token, tree.children[index])


def _check_depth(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ExpressionError(f"nested deeper than {MAX_DEPTH} levels: split the rule", 1)
