"""Filters over dimensions or labels, compiled once to predicates. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from operator import itemgetter
from typing import cast

from lark import Token, Tree

from llmmon.protocol.names import DIMENSIONS
from llmmon_collector.rules.families import LABELS
from llmmon_collector.rules.grammar import (
    MAX_DEPTH,
    ExpressionError,
    column_of,
    nearest,
    parse_where,
)
from llmmon_collector.series import Where

WhereLabels = Callable[[Mapping[str, str]], bool]
"""A filter of rows by their labels; one that a row does not have reads ``""``."""
_Predicate = Callable[..., bool]
_Reader = Callable[[str], Callable[..., str]]


def check_dimensions(names: Collection[str]) -> None:
    """See that ``names`` are dimensions, each once.

    Raises:
        ValueError: one is not, or comes twice.
    """
    for name in names:
        if name not in DIMENSIONS:
            raise ValueError(_unknown("dimension", name, DIMENSIONS))
    if len(set(names)) < len(names):
        raise ValueError("a dimension is named twice")


def compile_where(text: str) -> Where:
    """``text`` compiled to a filter of series.

    Raises:
        ExpressionError: not in the language, too deep, or an unknown dimension.
    """
    return _compile(text, DIMENSIONS, lambda name: itemgetter(DIMENSIONS.index(name)))


def compile_where_labels(text: str, family: str) -> WhereLabels:
    """``text`` compiled to a filter of the rows of ``family``.

    Raises:
        ExpressionError: not in the language, too deep, or no label of that family.
    """
    return _compile(text, LABELS[family], lambda name: partial(_label, name))


def _label(name: str, labels: Mapping[str, str]) -> str:
    return labels.get(name, "")


def _compile(text: str, names: tuple[str, ...], reader: _Reader) -> _Predicate:
    try:
        return _predicate(parse_where(text), names, reader, 1)
    except ExpressionError as error:
        raise ExpressionError(error.reason, error.column, text) from None


def _predicate(
    tree: Tree[Token], names: tuple[str, ...], reader: _Reader, depth: int
) -> _Predicate:
    if depth > MAX_DEPTH:
        raise ExpressionError(f"nested deeper than {MAX_DEPTH} levels: split the rule", 1)
    if tree.data in ("equality", "membership", "exclusion"):
        return _membership(tree, names, reader)
    trees = [child for child in tree.children if isinstance(child, Tree)]
    parts = [_predicate(child, names, reader, depth + 1) for child in trees]
    if tree.data == "negation":
        return lambda row: not parts[0](row)
    if tree.data == "conjunction":
        return lambda row: all(part(row) for part in parts)
    return lambda row: any(part(row) for part in parts)


def _membership(tree: Tree[Token], names: tuple[str, ...], reader: _Reader) -> _Predicate:
    token = cast(Token, tree.children[0])
    name = str(token)
    if name not in names:
        kind = "dimension" if names is DIMENSIONS else "label"
        raise ExpressionError(_unknown(kind, name, names), column_of(token))
    read = reader(name)
    texts = [child for child in tree.children[1:] if isinstance(child, Token)]
    allowed = frozenset(str(text)[1:-1] for text in texts if text.type == "TEXT")
    wanted = tree.data == "membership" or texts[0] == "=="
    return lambda row: (read(row) in allowed) is wanted


def _unknown(kind: str, name: str, names: Collection[str]) -> str:
    hint = nearest(name, names) or f"; there are {', '.join(names)}"
    return f'there is no {kind} "{name}"{hint}'
