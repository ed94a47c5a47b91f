"""A filter's text as terms. Every text is a filter: what is no condition is searched as text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from llmmon_tui.filtering.amount import Amount, parse_amount
from llmmon_tui.filtering.folding import fold

TEXT_OPERATORS: Final = (":", "!=")
ORDERS: Final = (">", "<", ">=", "<=")
NUMBER_OPERATORS: Final = (*ORDERS, *TEXT_OPERATORS)
_VALUE: Final = r'"(?:\\.|[^"\\])*(?:"|\\?$)|[^\s,"][^\s,]*'
_ORDER_VALUE: Final = r'"[^"]*"?|[^\s"]\S*'
_ONE: Final = re.compile(_VALUE, re.DOTALL)
_TERM: Final = re.compile(
    rf"""
    (?P<sign>[-!]?)
    (?:(?P<ordered>[^\W\d]\w*)(?P<order>>=|<=|>|<)(?P<limit>{_ORDER_VALUE})?
      |(?:(?P<named>[^\W\d]\w*)(?P<operator>!=|==?|:))?
       (?P<values>(?:{_VALUE})(?:,(?:{_VALUE})?)*)?
    )
    """,
    re.DOTALL | re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Value:
    """One alternative of a term: as text, and as a number where it is one."""

    text: str
    quoted: bool = False
    open: bool = False
    """Whether its closing quote is missing."""

    @property
    def is_glob(self) -> bool:
        """Whether `*` stands for any text in it."""
        return "*" in self.text and not self.quoted

    @property
    def flag(self) -> str:
        """The word that it is, if it may be a flag."""
        return "" if self.quoted else self.text.lower()

    @property
    def folded(self) -> str:
        """The text without case."""
        return fold(self.text)

    @property
    def amount(self) -> Amount | None:
        """The number that it says, if it says one."""
        return parse_amount(self.text)


@dataclass(frozen=True, slots=True)
class Term:
    """One condition; `field` is empty for text that may stand anywhere.

    `operator` is one of `:` `!=` `>` `<` `>=` `<=`, and empty without a field. It holds when one
    of its values does; without values it is unfinished and does not count. `start` and `end` are
    its place in the filter's text.
    """

    negated: bool
    field: str
    operator: str
    values: tuple[Value, ...]
    start: int = 0
    end: int = 0


def parse_filter(text: str) -> tuple[Term, ...]:
    """The terms of a filter, without unfinished ones such as `model:`."""
    return tuple(term for term in scan(text) if term.values)


def scan(text: str) -> tuple[Term, ...]:
    """The terms of a filter, unfinished ones too."""
    return tuple(_term(found) for found in _TERM.finditer(text) if found[0])


def _term(found: re.Match[str]) -> Term:
    negated = bool(found["sign"])
    if found["order"]:
        limit = _value(found["limit"] or "")
        limits = (limit,) if limit.text else ()
        return Term(negated, found["ordered"].lower(), found["order"], limits, *found.span())
    field = (found["named"] or "").lower()
    operator = {"=": ":", "==": ":", None: ""}.get(found["operator"], found["operator"])
    values = tuple(
        value
        for part in _ONE.findall(found["values"] or "")
        if (value := _value(part)).text or (value.quoted and field and not value.open)
    )
    return Term(negated, field, operator, values, *found.span())


def _value(part: str) -> Value:
    if not part.startswith('"'):
        return Value(part)
    is_closed = len(part) > 1 and re.fullmatch(r'"(?:\\.|[^"\\])*"', part, re.DOTALL) is not None
    inner = part[1:-1] if is_closed else part[1:]
    return Value(re.sub(r'\\(["\\])', r"\1", inner), quoted=True, open=not is_closed)


def quote(text: str) -> str:
    """`text` as a value of the language: quoted where it would mean something else unquoted."""
    if text and not re.search(r'[\s,"*]', text):
        return text
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'
