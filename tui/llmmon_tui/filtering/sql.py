"""A filter as an SQL condition on a table of the store, with the same meaning as `matches`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, Literal

from llmmon_tui.filtering.flags import FAILED_STATUS, LOG_ERRORS
from llmmon_tui.filtering.kinds import KINDS, is_known, resolve
from llmmon_tui.filtering.parse import Term, Value

Table = Literal["requests", "logs", "spans"]
_TRUE: Final = "TRUE"
_FALSE: Final = "FALSE"
_ESCAPE: Final = "!"
"""A backslash would be read otherwise by other databases."""
_LEVELS: Final = ", ".join(f"'{level}'" for level in LOG_ERRORS)
_FAILED: Final[Mapping[Table, str]] = MappingProxyType(
    {
        "requests": f"(coalesce(error, '') <> '' OR coalesce(status_code, 0) >= {FAILED_STATUS})",
        "logs": f"(coalesce(upper(level), '') IN ({_LEVELS}))",
        "spans": "(coalesce(error, '') <> '')",
    }
)
_LATENCY: Final[Mapping[Table, str]] = MappingProxyType(
    {"requests": "latency_ms", "spans": "duration_ms"}
)


def where_sql(terms: Iterable[Term], table: Table, slow_ms: float | None = None) -> str:
    """A boolean expression over the columns of `table` that is true where the terms hold.

    It is never NULL. `slow_ms` is the limit above which a row counts as `slow`, as in `flags_of`.
    """
    conditions = [
        f"NOT {condition}" if term.negated else condition
        for term in terms
        if (condition := _condition(term, table, slow_ms)) is not None
    ]
    return " AND ".join(conditions) or _TRUE


def literal(text: str) -> str:
    """`text` as an SQL expression."""
    parts = ["'" + part.replace("'", "''") + "'" for part in text.split("\0")]
    return parts[0] if len(parts) == 1 else f"({' || chr(0) || '.join(parts)})"


def number_literal(number: float) -> str:
    """`number` as a DOUBLE: without an exponent it would be a DECIMAL."""
    told = repr(float(number))
    return told if "e" in told else f"{told}e0"


def _condition(term: Term, table: Table, slow_ms: float | None) -> str | None:
    """None when the term is not about such rows."""
    kind = KINDS[table]
    if not term.field:
        return _any(_stands(value, table, slow_ms) for value in term.values)
    field = resolve(term.field, kind.fields)
    if field is None:
        return None if is_known(term.field) else (_TRUE if term.negated else _FALSE)
    return _text(term, field) if field in kind.texts else _number(term, field)


def _stands(value: Value, table: Table, slow_ms: float | None) -> str:
    if value.flag in KINDS[table].flags:
        return _flag(value.flag, table, slow_ms)
    return _any(_is_in(value, column) for column in KINDS[table].texts)


def _flag(word: str, table: Table, slow_ms: float | None) -> str:
    match word:
        case "ok":
            return f"(NOT {_FAILED[table]})"
        case "slow":
            if slow_ms is None:
                return _FALSE
            return f"coalesce({_LATENCY[table]} > {number_literal(slow_ms)}, FALSE)"
        case "unpriced":
            return "(cost_usd IS NULL)"
    return _FAILED[table]


def _text(term: Term, column: str) -> str:
    if term.operator == ":":
        return _any(_is_like(value, column) for value in term.values)
    if term.operator == "!=":
        others = _any(_is_like(value, column) for value in term.values)
        return f"(coalesce({column}, '') <> '' AND NOT {others})"
    return _FALSE


def _is_like(value: Value, column: str) -> str:
    return _is_in(value, column) if value.text else f"(coalesce({column}, '') = '')"


def _is_in(value: Value, column: str) -> str:
    if value.is_glob:
        return f"coalesce(lower({column}) LIKE {_pattern(value.folded)}, FALSE)"
    return f"coalesce(position({literal(value.folded)} IN lower({column})) > 0, FALSE)"


def _pattern(glob: str) -> str:
    """The glob for LIKE; an escape is named only where there is something to escape."""
    escaped = glob
    for letter in (_ESCAPE, "%", "_"):
        escaped = escaped.replace(letter, _ESCAPE + letter)
    needs = escaped != glob
    pattern = literal((escaped if needs else glob).replace("*", "%"))
    return f"{pattern} ESCAPE '{_ESCAPE}'" if needs else pattern


def _number(term: Term, column: str) -> str:
    if term.operator == "!=":
        others = _any(_is(":", value, column) for value in term.values)
        return f"({column} IS NOT NULL AND NOT {others})"
    return _any(_is(term.operator, value, column) for value in term.values)


def _is(operator: str, value: Value, column: str) -> str:
    if not value.text:
        return f"({column} IS NULL)" if operator == ":" else _FALSE
    amount = value.amount
    if amount is None:
        return _FALSE
    sign = "=" if operator == ":" else operator
    limit = number_literal(amount.of_field(column))
    return f"coalesce({column} {sign} {limit}, FALSE)"


def _any(conditions: Iterable[str]) -> str:
    return f"({' OR '.join(conditions)})"
