"""The functions of the language: how they are called, and what becomes of a call. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial, reduce
from typing import Final, NamedTuple

import numpy as np
from lark import Token, Tree

from llmmon_collector.duration import parse_duration
from llmmon_collector.rules.expression import Node, Recall, Scope
from llmmon_collector.rules.grammar import ExpressionError, column_of, nearest
from llmmon_collector.rules.operations import EXTREMES, Column, Pairwise

SHORTEST_S: Final = 60.0
LONGEST_S: Final = 90 * 86400.0

USAGE: Final = {
    "min": "min(x, y)",
    "max": "max(x, y)",
    "avg_over": 'avg_over(x, "10m")',
    "min_over": 'min_over(x, "10m")',
    "max_over": 'max_over(x, "10m")',
    "rate": 'rate(x, "10m")',
    "delta": 'delta(x, "10m")',
    "ago": 'ago(x, "1d")',
    "predict": 'predict(x, "1h", "4h")',
    "check": 'check("redis") or check("redis", "used_memory")',
}
"""Every function, with a call."""
_ARITY: Final = {"min": (2, 99), "max": (2, 99), "predict": (3, 3), "check": (1, 2)}
_TRUTHS: Final = ("comparison", "conjunction", "disjunction", "negation")


class Argument(NamedTuple):
    """What a function is called with: a part of the expression, or a quoted text."""

    tree: Tree[Token]
    node: Node | None
    """None for a text."""

    @property
    def column(self) -> int:
        """Where it is written."""
        return column_of(self.tree)


def build_call(name: Token, arguments: Sequence[Argument], text: str) -> Node:
    """The call of ``name``, written as ``text``.

    Raises:
        ExpressionError: no such function, or not with these arguments.
    """
    function = str(name)
    if function not in USAGE:
        hint = nearest(function, USAGE) or f"; there are {', '.join(USAGE)}"
        raise ExpressionError(f'there is no function "{function}"{hint}', column_of(name))
    least, most = _ARITY.get(function, (2, 2))
    if not least <= len(arguments) <= most:
        given = f"{len(arguments)} argument{'s' * (len(arguments) != 1)}"
        reason = f"{function} does not take {given}: write {USAGE[function]}"
        raise ExpressionError(reason, column_of(name))
    if function == "check":
        return _check(arguments, text)
    if function in EXTREMES:
        return _extreme(function, arguments, text)
    return _recall(function, arguments, text)


def _check(arguments: Sequence[Argument], text: str) -> Node:
    names = [_text(argument, "check") for argument in arguments]
    check, measurement = names[0], names[1] if len(names) > 1 else ""

    def measured(scope: Scope) -> Column:
        value = scope.measure(check, measurement)
        known = value is not None and np.isfinite(value)
        return np.full(len(scope.table), value if known else np.nan)

    return Node(text, measured, checks=frozenset({(check, measurement)}))


def _extreme(function: str, arguments: Sequence[Argument], text: str) -> Node:
    for argument in arguments:
        if argument.node is None or argument.tree.data in _TRUTHS:
            reason = f"{function} takes numbers: write {USAGE[function]}"
            raise ExpressionError(reason, argument.column)
    return fold(EXTREMES[function], [a.node for a in arguments if a.node is not None], text)


def fold(function: Pairwise, parts: Sequence[Node], text: str) -> Node:
    """``function`` over ``parts``, left to right."""
    operations = tuple(part.operation for part in parts)
    return Node(
        text,
        lambda scope: reduce(function, [operation(scope) for operation in operations]),
        tuple(parts),
    )


def _recall(function: str, arguments: Sequence[Argument], text: str) -> Node:
    inner = arguments[0].node
    if inner is None:
        reason = f"{function} is of a value, not of a text: write {USAGE[function]}"
        raise ExpressionError(reason, arguments[0].column)
    nested = next((node for node in inner.walk() if node.recall is not None), None)
    if nested is not None and nested.recall is not None:
        reason = (
            f"{nested.recall.function} inside {function}: what a function of the past is of "
            "cannot hold another"
        )
        raise ExpressionError(reason, arguments[0].column)
    durations_s = [_duration(argument, function) for argument in arguments[1:]]
    recall = Recall(function, inner, *durations_s)
    return Node(text, partial(_recalled, recall), (inner,), recall=recall)


def _recalled(recall: Recall, scope: Scope) -> Column:
    return scope.recall(recall, recall.inner.operation(scope))


def _duration(argument: Argument, function: str) -> float:
    text = _text(argument, function)
    try:
        duration_s = parse_duration(text)
    except ValueError as error:
        raise ExpressionError(str(error), argument.column) from None
    if not SHORTEST_S <= duration_s <= LONGEST_S:
        reason = f"{function} looks over 1m to 90d, not {text}"
        raise ExpressionError(reason, argument.column)
    return duration_s


def _text(argument: Argument, function: str) -> str:
    if argument.node is not None:
        reason = f"expected a quoted text here: write {USAGE[function]}"
        raise ExpressionError(reason, argument.column)
    return str(argument.tree.children[0])[1:-1]
