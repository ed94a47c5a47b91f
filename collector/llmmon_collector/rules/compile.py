"""Value expressions, compiled once to operations on whole columns. Pure."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final, cast

import numpy as np
from lark import Token, Tree

from llmmon_collector.rules.expression import Node, Scope, ValueExpression
from llmmon_collector.rules.families import EVERY_METRIC, FAMILY_OF, REQUESTS
from llmmon_collector.rules.functions import USAGE, Argument, build_call, fold
from llmmon_collector.rules.grammar import (
    MAX_DEPTH,
    ExpressionError,
    column_of,
    nearest,
    parse_value,
)
from llmmon_collector.rules.operations import (
    ARITHMETIC,
    COMPARISONS,
    Column,
    Pairwise,
    conjunction,
    disjunction,
    finite,
)

_REMEMBERED: Final = 4096


@lru_cache(_REMEMBERED)
def compile_value(text: str) -> ValueExpression:
    """``text`` compiled.

    Raises:
        ExpressionError: not in the language, too deep, an unknown metric or function, a function
            that is not called so, or metrics of two families.
    """
    try:
        compiler = _Compiler(text)
        root = compiler.node(parse_value(text), 1)
    except ExpressionError as error:
        raise ExpressionError(error.reason, error.column, text) from None
    return ValueExpression(text, root, compiler.family)


class _Compiler:
    """One text on its way."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._first_metric = ""

    @property
    def family(self) -> str:
        """Of the metrics that were met."""
        return FAMILY_OF.get(self._first_metric, REQUESTS)

    def node(self, tree: Tree[Token], depth: int) -> Node:
        """The compiled ``tree``."""
        if depth > MAX_DEPTH:
            raise ExpressionError(f"nested deeper than {MAX_DEPTH} levels: split the rule", 1)
        match tree.data:
            case "number":
                return self._number(tree)
            case "metric":
                return self._metric(_token(tree, 0))
            case "call":
                return self._call(tree, depth)
        trees = [child for child in tree.children if isinstance(child, Tree)]
        parts = [self.node(child, depth + 1) for child in trees]
        return _combine(tree, parts, self._written(tree))

    def _written(self, tree: Tree[Token]) -> str:
        return " ".join(self._text[tree.meta.start_pos : tree.meta.end_pos].split())

    def _number(self, tree: Tree[Token]) -> Node:
        number = float(_token(tree, 0))
        if math.isinf(number):
            raise ExpressionError("this number is too large", column_of(tree))
        return Node(
            self._written(tree), lambda scope: np.full(len(scope.table), number), constant=True
        )

    def _metric(self, token: Token) -> Node:
        name = str(token)
        if name not in EVERY_METRIC:
            raise ExpressionError(_unknown(name), column_of(token))
        first = self._first_metric = self._first_metric or name
        if FAMILY_OF[name] != self.family:
            reason = (
                f"{name} is of {FAMILY_OF[name]}, and {first} of {self.family}: "
                "an expression reads metrics of one kind"
            )
            raise ExpressionError(reason, column_of(token))
        return Node(name, lambda scope: _column(scope, name), metrics=frozenset({name}))

    def _call(self, tree: Tree[Token], depth: int) -> Node:
        trees = [child for child in tree.children if isinstance(child, Tree)]
        arguments = [
            Argument(child, None if child.data == "text" else self.node(child, depth + 1))
            for child in trees
        ]
        return build_call(_token(tree, 0), arguments, self._written(tree))


def _combine(tree: Tree[Token], parts: list[Node], text: str) -> Node:
    operation = parts[0].operation
    if tree.data == "negative":
        return Node(text, lambda scope: -operation(scope), tuple(parts), constant=parts[0].constant)
    if tree.data == "negation":
        return Node(text, lambda scope: 1.0 - operation(scope), tuple(parts))
    return fold(_function(tree), parts, text)


def _function(tree: Tree[Token]) -> Pairwise:
    match tree.data:
        case "arithmetic":
            return ARITHMETIC[_token(tree, 1)]
        case "comparison":
            return COMPARISONS[_token(tree, 1)]
        case "conjunction":
            return conjunction
        case _:
            return disjunction


def _column(scope: Scope, name: str) -> Column:
    column = scope.table.values.get(name)
    if column is not None:
        return finite(column)
    if name == "requests":
        return scope.table.requests.astype(np.float64)
    return np.full(len(scope.table), np.nan)


def _unknown(name: str) -> str:
    if name in USAGE:
        return f"{name} is a function: write {USAGE[name]}"
    return f'there is no metric "{name}"{nearest(name, EVERY_METRIC)}'


def _token(tree: Tree[Token], index: int) -> Token:
    return cast(Token, tree.children[index])
