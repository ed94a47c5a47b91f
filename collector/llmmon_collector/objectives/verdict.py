"""A ``good`` condition over many requests at once. Pure.

Its twin in SQL is :mod:`llmmon_collector.objectives.sql`; both walk the same tree.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import reduce
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

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
from llmmon_collector.requests import MISSING, Requests

Mask = NDArray[np.bool_]

_COMPARE: Final[dict[str, Callable[[Any, Any], Any]]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
_CONTRARY: Final = {">": "<=", ">=": "<", "<": ">=", "<=": ">", "==": "!=", "!=": "=="}
_COLUMNS: Final = {"cost_usd": "cost_pico", "quality_score": "quality"}
"""Fields whose column of :class:`Requests` has another name."""


class Verdict(NamedTuple):
    """Which requests are events. One that is neither good nor bad is none."""

    good: Mask
    bad: Mask


Judge = Callable[[Requests], Verdict]


def compile_good(good: Good) -> Judge:
    """A function that judges requests by ``good``."""
    judge = _compile(good.condition)
    if not good.errors_are_bad:
        return judge

    def judge_errors_too(requests: Requests) -> Verdict:
        yes, no = judge(requests)
        return Verdict(yes & ~requests.error, no | requests.error)

    return judge_errors_too


def _compile(condition: Condition) -> Judge:
    match condition:
        case Presence("error", present):
            return lambda requests: _error(requests, present)
        case Presence(field, present):
            return lambda requests: _presence(_column(requests, field), present)
        case Comparison():
            return _comparison(condition)
        case Negation(part):
            contrary = _compile(part)
            return lambda requests: Verdict(*reversed(contrary(requests)))
        case Junction(every, parts):
            judges = [_compile(part) for part in parts]
            join = _all if every else _any
            return lambda requests: reduce(join, [judge(requests) for judge in judges])


def _error(requests: Requests, present: bool) -> Verdict:
    fine = ~requests.error
    return Verdict(requests.error, fine) if present else Verdict(fine, requests.error)


def _presence(column: NDArray[Any], present: bool) -> Verdict:
    missing: Mask = np.isnan(column) if column.dtype.kind == "f" else column == MISSING
    return Verdict(~missing, missing) if present else Verdict(missing, ~missing)


def _comparison(condition: Comparison) -> Judge:
    field, kind = condition.field, FIELDS[condition.field]
    compare, contrary = _COMPARE[condition.operator], _COMPARE[_CONTRARY[condition.operator]]
    if kind == "float":
        number = np.float32(condition.number)
        return lambda requests: _floats(_column(requests, field), number, compare, contrary)
    limit = pico_usd(condition.number) if kind == "money" else float(condition.number)
    return lambda requests: _whole(_column(requests, field), limit, compare)


def _floats(
    column: NDArray[Any],
    number: np.float32,
    compare: Callable[[Any, Any], Any],
    contrary: Callable[[Any, Any], Any],
) -> Verdict:
    yes, no = compare(column, number), contrary(column, number)
    # unequal is the one comparison that NaN passes
    if compare is operator.ne or contrary is operator.ne:
        known = ~np.isnan(column)
        return Verdict(yes & known, no & known)
    return Verdict(yes, no)


def _whole(column: NDArray[Any], limit: float, compare: Callable[[Any, Any], Any]) -> Verdict:
    known, yes = column != MISSING, compare(column, limit)
    return Verdict(yes & known, ~yes & known)


def _all(left: Verdict, right: Verdict) -> Verdict:
    return Verdict(left.good & right.good, left.bad | right.bad)


def _any(left: Verdict, right: Verdict) -> Verdict:
    return Verdict(left.good | right.good, left.bad & right.bad)


def _column(requests: Requests, field: str) -> NDArray[Any]:
    column: NDArray[Any] = getattr(requests, _COLUMNS.get(field, field))
    return column
