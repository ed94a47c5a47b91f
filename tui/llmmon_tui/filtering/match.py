"""Whether a filter holds for a row."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

from llmmon_tui.filtering.flags import Flags, Labels, Numbers, flags_of
from llmmon_tui.filtering.folding import fold
from llmmon_tui.filtering.kinds import is_known, resolve
from llmmon_tui.filtering.parse import Term, Value

_COMPARE: Final[Mapping[str, Callable[[float, float], bool]]] = {
    ">": lambda left, right: left > right,
    "<": lambda left, right: left < right,
    ">=": lambda left, right: left >= right,
    "<=": lambda left, right: left <= right,
    ":": lambda left, right: left == right,
}


def matches(
    terms: tuple[Term, ...], labels: Labels, numbers: Numbers, flags: Flags | None = None
) -> bool:
    """Whether every term holds that is about such a row.

    A comparison with a value that is missing never holds, `!=` included; one with a field that
    rows of this kind do not have, such as a group's `err` on a request, is not about them. A field
    that nothing has never holds either, so that a slip shows. Without `flags` they are told from
    the labels and numbers.
    """
    if not terms:
        return True
    told = flags_of(labels, numbers) if flags is None else flags
    return all(_holds(term, labels, numbers, told) in {None, not term.negated} for term in terms)


def _holds(term: Term, labels: Labels, numbers: Numbers, flags: Flags) -> bool | None:
    """None when the term is not about such a row."""
    if not term.field:
        return any(_stands(value, labels, flags) for value in term.values)
    field = resolve(term.field, labels.keys() | numbers.keys())
    if field is None:
        return None if is_known(term.field) else term.negated
    if field in labels:
        return _holds_text(term, labels[field])
    return _holds_number(term, field, numbers[field])


def _stands(value: Value, labels: Labels, flags: Flags) -> bool:
    if value.flag in flags:
        return flags[value.flag]
    return any(text is not None and _is_in(value, text) for text in labels.values())


def _holds_text(term: Term, text: str | None) -> bool:
    if term.operator == ":":
        return any(_is_like(value, text) for value in term.values)
    if term.operator == "!=":
        return bool(text) and not any(_is_like(value, text) for value in term.values)
    return False


def _is_like(value: Value, text: str | None) -> bool:
    if not value.text:
        return not text
    return text is not None and _is_in(value, text)


def _is_in(value: Value, text: str) -> bool:
    if value.is_glob:
        return _glob(value.folded).fullmatch(fold(text)) is not None
    return value.folded in fold(text)


@lru_cache(maxsize=256)
def _glob(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)


def _holds_number(term: Term, field: str, number: float | int | None) -> bool:
    if term.operator == "!=":
        return number is not None and not any(_is(":", one, field, number) for one in term.values)
    return any(_is(term.operator, value, field, number) for value in term.values)


def _is(operator: str, value: Value, field: str, number: float | int | None) -> bool:
    if not value.text:
        return number is None and operator == ":"
    amount = value.amount
    if number is None or amount is None:
        return False
    return _COMPARE[operator](number, amount.of_field(field))
