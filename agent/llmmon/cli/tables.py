"""Values, rows and columns as text that is safe on a terminal. Pure."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from llmmon.protocol.names import METRICS

MISSING: Final = "—"
_UNSAFE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]+")
"""Controls of both sets, line separators, and what turns the reading direction."""
_NUMBER: Final = re.compile(r"[-$]*[\d,]+(\.\d+)?(e[-+]?\d+)?( ?(ms|s|/s|%))?")
_GAP: Final = "  "


def _ms_text(ms: float) -> str:
    return f"{ms / 1000:,.2f} s" if ms >= 1000 else f"{ms:.0f} ms"


def _usd_text(usd: float) -> str:
    return f"${usd:,.2f}" if usd >= 1 else f"${usd:.4f}"


_UNIT_TEXT: Final[Mapping[str, Callable[[float], str]]] = {
    "ms": _ms_text,
    "usd": _usd_text,
    "1/s": "{:,.1f}/s".format,
    "ratio": "{:.1%}".format,
    "score": "{:.2f}".format,
    "tokens": "{:,.0f}".format,
    "count": "{:,.0f}".format,
}


def plain(value: object) -> str:
    """``value`` as one line of text without control characters; None is a dash."""
    return MISSING if value is None else _UNSAFE.sub(" ", str(value))


def metric_text(name: str, value: float | int | None) -> str:
    """A metric's value with its unit, as people write it."""
    if value is None or not math.isfinite(value):
        return MISSING
    return _UNIT_TEXT[METRICS[name].unit](value)


def age_text(seconds: float) -> str:
    """A span of time in its largest unit, as in ``4m``."""
    whole = max(0, int(seconds))
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if whole >= length:
            return f"{whole // length}{unit}"
    return f"{whole}s"


def table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Rows under their headers; a column of numbers only is set flush right."""
    cells = [[plain(value) for value in row] for row in rows]
    columns = [[header, *(row[i] for row in cells)] for i, header in enumerate(headers)]
    aligned = [_align(column) for column in columns]
    return "\n".join(_GAP.join(line).rstrip() for line in zip(*aligned, strict=True))


def _align(column: list[str]) -> list[str]:
    width = max(_width(cell) for cell in column)
    right = len(column) > 1 and all(_is_number(cell) for cell in column[1:])
    pads = [" " * (width - _width(cell)) for cell in column]
    if right:
        return [pad + cell for pad, cell in zip(pads, column, strict=True)]
    return [cell + pad for pad, cell in zip(pads, column, strict=True)]


def _is_number(cell: str) -> bool:
    return cell == MISSING or _NUMBER.fullmatch(cell) is not None


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(unicodedata.combining(char) != 0 for char in text)


def csv_text(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Rows as CSV with a header line; a missing value is an empty field."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(headers)
    writer.writerows(rows)
    return out.getvalue().rstrip("\n")


def json_text(value: object, indent: int | None = None) -> str:
    """``value`` as strict JSON: what is no number becomes null, bytes their hexadecimal text."""
    return json.dumps(_strict(value), indent=indent, ensure_ascii=True, default=str)


def _strict(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {str(key): _strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(item) for item in value]
    return value
