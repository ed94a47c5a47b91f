"""The language of ``good``: what makes a request count as a good event of an objective. Pure.

A condition compares fields of a request with numbers, or asks whether there is a value at all,
joined by ``and``, ``or``, ``not`` and parentheses. It has three outcomes, as in SQL: a comparison
with a missing value is unknown, ``and`` and ``or`` are unknown only where what is known does not
settle them. A request whose condition is unknown is no event of the objective: it is not counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal, cast

from lark import Lark, Token, Tree

from llmmon.protocol.names import REFUSAL, SCORES
from llmmon_collector.rules.grammar import MAX_DEPTH, ExpressionError, column_of, nearest, read

Kind = Literal["float", "integer", "money", "error"]

FIELDS: Final[dict[str, Kind]] = {
    "error": "error",
    "latency_ms": "float",
    "ttft_ms": "float",
    "max_gap_ms": "float",
    "input_tokens": "integer",
    "output_tokens": "integer",
    "cached_tokens": "integer",
    "cost_usd": "money",
    "quality_score": "float",
    **dict.fromkeys(SCORES, "float"),
    REFUSAL: "float",
}
"""What a condition may name."""
TIMES: Final = frozenset({"latency_ms", "ttft_ms", "max_gap_ms"})
"""Where a condition names one of these and not ``error``, a request in error is a bad event,
however quickly it failed."""

_MOST: Final = {"money": Decimal(10**6)}
_MOST_OTHERWISE: Final = Decimal(10**15)

_GRAMMAR: Final = Lark(
    r"""
    ?start: disjunction
    ?disjunction: conjunction ("or" conjunction)*
    ?conjunction: negation ("and" negation)*
    ?negation: "not" negation -> negation
        | NAME COMPARE NUMBER -> comparison
        | NAME "is" "None" -> missing
        | NAME "is" "not" "None" -> present
        | "(" disjunction ")"
    COMPARE: ">=" | "<=" | "==" | "!=" | ">" | "<"
    NUMBER: /-?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,2})?/
    NAME: /[A-Za-z_][A-Za-z0-9_]*/
    %ignore /\s+/
    """,
    parser="lalr",
)
_SPOKEN: Final = {
    "NAME": "a field",
    "NUMBER": "a number",
    "COMPARE": "a comparison such as <",
    "LPAR": "(",
    "RPAR": ")",
    "NONE": "None",
    "$END": "the end",
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field compared with a number."""

    field: str
    operator: str
    number: Decimal


@dataclass(frozen=True, slots=True)
class Presence:
    """Whether a field has a value."""

    field: str
    present: bool


@dataclass(frozen=True, slots=True)
class Negation:
    """The contrary."""

    part: Condition


@dataclass(frozen=True, slots=True)
class Junction:
    """All of its parts, or any of them."""

    every: bool
    parts: tuple[Condition, ...]


Condition = Comparison | Presence | Negation | Junction


@dataclass(frozen=True, slots=True)
class Good:
    """A condition with what an error means to it."""

    condition: Condition
    fields: frozenset[str]
    """The fields it names."""

    @property
    def errors_are_bad(self) -> bool:
        """Whether a request in error is bad whatever the condition says."""
        return "error" not in self.fields and bool(TIMES & self.fields)

    @property
    def only_errors(self) -> bool:
        """Whether nothing but ``error`` decides: minute rollups know that as well."""
        return self.fields == {"error"}

    def accepts(self, error: bool) -> bool:
        """Whether requests in error, or those without one, are good where ``only_errors``."""
        return _holds(self.condition, error)


def parse_good(text: str) -> Good:
    """``text``, such as ``error is None and latency_ms < 3000``, read.

    Raises:
        ExpressionError: too long or too deep, not in the language, or an unknown field.
    """
    fields: set[str] = set()
    try:
        condition = _condition(read(_GRAMMAR, text, _SPOKEN), fields, 1)
    except ExpressionError as error:
        raise ExpressionError(error.reason, error.column, text) from None
    return Good(condition, frozenset(fields))


def _holds(condition: Condition, error: bool) -> bool:
    match condition:
        case Presence(_, present):
            return present is error
        case Negation(part):
            return not _holds(part, error)
        case Junction(every, parts):
            return (all if every else any)(_holds(part, error) for part in parts)
        case Comparison(field):
            raise ValueError(f"{field} is not error")


def _condition(tree: Tree[Token], fields: set[str], depth: int) -> Condition:
    if depth > MAX_DEPTH:
        raise ExpressionError(f"nested deeper than {MAX_DEPTH} levels: simplify it", 1)
    if tree.data in ("missing", "present"):
        return Presence(_field(tree, fields), tree.data == "present")
    if tree.data == "comparison":
        return _comparison(tree, fields)
    parts = [
        _condition(child, fields, depth + 1) for child in tree.children if isinstance(child, Tree)
    ]
    if tree.data == "negation":
        return Negation(parts[0])
    return Junction(tree.data == "conjunction", tuple(parts))


def _comparison(tree: Tree[Token], fields: set[str]) -> Comparison:
    field = _field(tree, fields)
    if FIELDS[field] == "error":
        reason = "error is not a number: write error is None, or error is not None"
        raise ExpressionError(reason, column_of(_token(tree, 0)))
    number = Decimal(str(_token(tree, 2)))
    most = _MOST.get(FIELDS[field], _MOST_OTHERWISE)
    if abs(number) > most:
        raise ExpressionError(f"{field} is never over {most:,}", column_of(_token(tree, 2)))
    return Comparison(field, str(_token(tree, 1)), number)


def _field(tree: Tree[Token], fields: set[str]) -> str:
    token = _token(tree, 0)
    name = str(token)
    if name not in FIELDS:
        hint = nearest(name, FIELDS) or f"; there are {', '.join(FIELDS)}"
        raise ExpressionError(f'there is no field "{name}"{hint}', column_of(token))
    fields.add(name)
    return name


def _token(tree: Tree[Token], index: int) -> Token:
    return cast(Token, tree.children[index])
