"""What an alert says in one line: a template with named fields, and values in their units."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from string import Formatter
from typing import Final

from llmmon_collector.rules.families import EVERY_METRIC
from llmmon_collector.rules.grammar import nearest

FIELDS: Final = ("rule", "severity", "metric", "value", "threshold", "comparison", "window")
"""What every summary may name, besides the labels of its rule's alerts."""
NO_DATA: Final = "no data"
MAX_LENGTH: Final = 500
_NUMERIC: Final = frozenset({"value", "threshold"})
_SPEC: Final = re.compile(r"[<>^]?[+ ]?\d{0,2},?(\.\d{1,2})?[a-z%]?")


def _ratio(value: float) -> str:
    """A percentage, with more digits close to nothing and close to all."""
    if 0.99 < value < 1:
        return f"{value * 100:.5g}%"
    return f"{value * 100:.2g}%" if 0 < abs(value) < 0.01 else f"{value:.1%}"


def _times(value: float) -> str:
    return f"{value:,.3g}x" if abs(value) < 1000 else f"{value:,.0f}x"


_FORMATS: Final[Mapping[str, Callable[[float], str]]] = {
    "ms": "{:,.0f} ms".format,
    "1/s": "{:,.3g}/s".format,
    "ratio": _ratio,
    "usd": "${:,.2f}".format,
    "score": "{:.2f}".format,
    "tokens": "{:,.0f} tokens".format,
    "count": "{:,.15g}".format,
    "times": _times,
}

_UNITLESS: Final = frozenset({"check_value"})
"""Metrics whose unit is not always the same."""

Field = str | float | None


def check_template(template: str, dimensions: Collection[str]) -> None:
    """See that ``template`` names only known fields, with formats that fit them.

    Raises:
        ValueError: it does not; says which field and what there is.
    """
    known = (*FIELDS, *dimensions)
    for name, spec in _parts(template):
        if name not in known:
            hint = nearest(name, known) or f"; there are {', '.join(known)}"
            raise ValueError(f"{{{name}}} is not a field here{hint}")
        _check_spec(name, spec)


def render(template: str, fields: Mapping[str, Field]) -> str:
    """``template`` with ``fields`` put in; a number that is None reads ``no data``."""
    text = []
    for literal, name, spec, _ in Formatter().parse(template):
        text.append(literal)
        if name is not None:
            value = fields.get(name)
            text.append(NO_DATA if value is None else format(value, spec or _default(value)))
    return "".join(text)[:MAX_LENGTH]


def format_value(value: float | None, metric: str) -> str:
    """``value`` in the unit of ``metric``; an expression has none and is written plainly."""
    if value is None:
        return NO_DATA
    known = EVERY_METRIC.get(metric) if metric not in _UNITLESS else None
    return _FORMATS[known.unit](value) if known else f"{value:g}"


def _default(value: str | float) -> str:
    return "" if isinstance(value, str) else "g"


def _parts(template: str) -> Iterator[tuple[str, str]]:
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        raise ValueError(f"{template!r} is not a template: {error}") from None
    for _, name, spec, conversion in parts:
        if conversion:
            raise ValueError(f"{{{name}!{conversion}}}: conversions are not supported")
        if name is not None:
            yield name, spec or ""


def _check_spec(name: str, spec: str) -> None:
    if _SPEC.fullmatch(spec) is None or not _formats(1.5 if name in _NUMERIC else "text", spec):
        raise ValueError(
            f"{{{name}:{spec}}}: {spec!r} does not format it; for numbers write it as .0f or .1%"
        )


def _formats(sample: str | float, spec: str) -> bool:
    try:
        format(sample, spec)
    except ValueError:
        return False
    return True
