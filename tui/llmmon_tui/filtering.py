"""The filter language of the tables: `gpt err>5% !judge model=gpt-4o p95>2s`.

A term is text that some label or name holds, `name=text` for one of them, or a comparison of a
number. `!` in front turns a term round. Terms all have to hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from llmmon.protocol.names import DIMENSIONS, METRICS
from llmmon_tui.rows import RequestRow

Numbers = Mapping[str, float | int | None]
Labels = Mapping[str, str | None]

_TERM: Final = re.compile(r'(!?)(?:(\w+)(>=|<=|=|>|<))?("[^"]*"?|\S+)')
_AMOUNT: Final = re.compile(r"\$?(\d+(?:\.\d+)?|\.\d+)(ms|s|m|%|k|M)?")
_FACTORS: Final = {"ms": 1.0, "s": 1e3, "m": 60e3, "%": 0.01, "k": 1e3, "M": 1e6}
ALIASES: Final = {
    "req": "request_rate",
    "rate": "request_rate",
    "n": "requests",
    "err": "error_rate",
    "p50": "latency_p50",
    "p95": "latency_p95",
    "p99": "latency_p99",
    "ttft": "ttft_p95",
    "cost": "hourly_cost",
    "q": "quality_score_mean",
    "quality": "quality_score_mean",
    "refusal": "refusal_rate",
    "took": "latency_ms",
    "status": "status_code",
    "op": "operation",
    "user": "user_id",
}
_KNOWN: Final = {*METRICS, *DIMENSIONS, *RequestRow._fields}
_COMPARE: Final[Mapping[str, Callable[[float, float], bool]]] = {
    ">": lambda left, right: left > right,
    "<": lambda left, right: left < right,
    ">=": lambda left, right: left >= right,
    "<=": lambda left, right: left <= right,
    "=": lambda left, right: left == right,
}


class Term(NamedTuple):
    """One condition; `name` is empty for text that may stand anywhere."""

    negated: bool
    name: str
    operator: str
    text: str


def parse_filter(text: str) -> tuple[Term, ...]:
    """The terms of a filter. What cannot be read as a condition is searched as text."""
    return tuple(
        Term(bool(found[1]), found[2] or "", found[3] or "", found[4].strip('"').lower())
        for found in _TERM.finditer(text)
        if found[4].strip('"')
    )


def matches(terms: tuple[Term, ...], labels: Labels, numbers: Numbers) -> bool:
    """Whether every term holds that is about such a row.

    A comparison with a value that is missing never holds; one with a name that rows of this kind
    do not have, such as a group's `err` on a request, is not about them. A name that nothing has
    never holds either, so that a slip shows.
    """
    return all(_holds(term, labels, numbers) in {None, not term.negated} for term in terms)


def _holds(term: Term, labels: Labels, numbers: Numbers) -> bool | None:
    """None when the term is not about such a row."""
    if not term.name:
        return any(value is not None and term.text in value.lower() for value in labels.values())
    name = ALIASES.get(term.name, term.name)
    if name in labels:
        value = labels[name]
        return term.operator == "=" and value is not None and term.text in value.lower()
    if name not in numbers:
        return None if name in _KNOWN else term.negated
    amount, number = _amount(term.text), numbers[name]
    return amount is not None and number is not None and _COMPARE[term.operator](number, amount)


def _amount(text: str) -> float | None:
    found = _AMOUNT.fullmatch(text)
    return None if found is None else float(found[1]) * _FACTORS.get(found[2] or "", 1.0)
