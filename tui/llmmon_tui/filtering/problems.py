"""What is wrong with a filter, and where."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from llmmon.protocol.names import METRICS
from llmmon_tui.filtering.kinds import is_known, is_number, names_of
from llmmon_tui.filtering.parse import ORDERS, Term, Value, scan


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake; `start` and `end` are its place in the filter's text."""

    start: int
    end: int
    text: str
    unfinished: bool = False
    """Whether more typing may mend it."""


def problems(text: str, kinds: Collection[str] = ()) -> tuple[Problem, ...]:
    """What is wrong with a filter of rows of these kinds (all kinds where none is named).

    The rest of the filter works all the same.
    """
    names = names_of(kinds)
    return tuple(found for term in scan(text) for found in _of_term(term, names, kinds))


def _of_term(term: Term, names: dict[str, str], kinds: Collection[str]) -> Iterator[Problem]:
    if term.field and term.field not in names:
        yield _unknown(term, names, kinds)
        return
    if not term.values:
        what = f"{term.field}: no value yet" if term.field else "nothing to search for yet"
        yield Problem(term.start, term.end, what, unfinished=True)
        return
    if any(value.open for value in term.values):
        yield Problem(term.start, term.end, 'no closing "', unfinished=True)
    if term.field:
        yield from _of_values(term, names[term.field], kinds)


def _unknown(term: Term, names: dict[str, str], kinds: Collection[str]) -> Problem:
    if is_known(term.field):
        where = " or ".join(kinds)
        return Problem(term.start, term.end, f"{where} have no {term.field}: no effect")
    near = difflib.get_close_matches(term.field, names, n=1, cutoff=0.6)
    hint = f": {near[0]}?" if near else ': quote it to search for "…"'
    return Problem(term.start, term.end, f"no field {term.field}{hint}")


def _of_values(term: Term, field: str, kinds: Collection[str]) -> Iterator[Problem]:
    if not is_number(field, kinds):
        if term.operator in ORDERS:
            told = f"{term.field} is text: use {term.field}: instead of {term.operator}"
            yield Problem(term.start, term.end, told)
        return
    for value in term.values:
        if not _is_amount(value, term.operator):
            told = f'{term.field}: "{value.text}" is no number such as {_example(field)}'
            yield Problem(term.start, term.end, told)
            return


def _is_amount(value: Value, operator: str) -> bool:
    return value.amount is not None or (not value.text and operator not in ORDERS)


def _example(field: str) -> str:
    unit = METRICS[field].unit if field in METRICS else field.rpartition("_")[2]
    return {"usd": "$0.05", "ratio": "5%", "ms": "2s", "s": "5m", "score": "0.8"}.get(unit, "3")
