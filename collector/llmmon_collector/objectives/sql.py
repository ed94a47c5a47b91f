"""Conditions and filters as SQL over the store's tables. Pure.

Text from outside never gets into a statement: names are those of the schema, numbers are written
anew, texts are quoted.
"""

from __future__ import annotations

from typing import Final, cast

import numpy as np
from lark import Token, Tree

from llmmon.protocol.money import pico_usd
from llmmon_collector.objectives.good import (
    FIELDS,
    Comparison,
    Condition,
    Good,
    Junction,
    Negation,
    Presence,
)
from llmmon_collector.rules.grammar import parse_where

_OPERATORS: Final = {"==": "=", "!=": "<>"}
"""Those that SQL writes otherwise."""
_COLUMNS: Final = {"cost_usd": "cost_pico_usd"}
"""Fields whose column of ``requests`` has another name."""


def good_sql(good: Good) -> str:
    """True for good events, false for bad ones, NULL for requests that are no events."""
    text = _condition(good.condition)
    return f"(error IS NULL AND {text})" if good.errors_are_bad else text


def where_sql(where: str) -> str:
    """The filter ``where`` over a table with the columns of the series; TRUE when empty."""
    return _filter(parse_where(where)) if where else "TRUE"


def dimension_sql(name: str) -> str:
    """A dimension as series have it: an empty text where a request did not say."""
    return f"coalesce({name}, '')"


def _condition(condition: Condition) -> str:
    match condition:
        case Presence(field, present):
            return f"({_column(field)} IS {'NOT ' if present else ''}NULL)"
        case Comparison(field, operator, _):
            written = _OPERATORS.get(operator, operator)
            return f"({_column(field)} {written} {_number(condition)})"
        case Negation(part):
            return f"(NOT {_condition(part)})"
        case Junction(every, parts):
            return _joined("AND" if every else "OR", [_condition(part) for part in parts])


def _number(condition: Comparison) -> str:
    match FIELDS[condition.field]:
        case "money":
            return f"CAST({pico_usd(condition.number)} AS BIGINT)"
        case "float":
            return f"CAST('{float(np.float32(condition.number))!r}' AS FLOAT)"
        case _:
            return f"CAST('{float(condition.number)!r}' AS DOUBLE)"


def _column(field: str) -> str:
    return _COLUMNS.get(field, field)


def _filter(tree: Tree[Token]) -> str:
    if tree.data in ("equality", "membership", "exclusion"):
        return _membership(tree)
    parts = [_filter(child) for child in tree.children if isinstance(child, Tree)]
    if tree.data == "negation":
        return f"(NOT {parts[0]})"
    return _joined("AND" if tree.data == "conjunction" else "OR", parts)


def _membership(tree: Tree[Token]) -> str:
    tokens = [cast(Token, child) for child in tree.children]
    texts = ", ".join(_quoted(str(token)[1:-1]) for token in tokens if token.type == "TEXT")
    wanted = tree.data == "membership" or tokens[1] == "=="
    return f"({dimension_sql(str(tokens[0]))} {'' if wanted else 'NOT '}IN ({texts}))"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _joined(word: str, parts: list[str]) -> str:
    return "(" + f" {word} ".join(parts) + ")"
