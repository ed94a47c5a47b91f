"""A table on the screen as CSV and as JSON: what is shown, as plain text.

Marks for the eye (glyphs, charts in a cell) are left out: severity has a column of its own.
No value is an empty field in CSV and null in JSON, never a zero.
"""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from llmmon_tui.drawing.table import Cell, Column, Row, cell_text
from llmmon_tui.formatting import MISSING, strip_controls

SEVERITY: Final = "severity"
NOTE: Final = "note"
"""What lines below a row say of it."""
VERSION: Final = 1
_DRAWN: Final = re.compile(r"[─-╿▀-▟⠀-⣿]+")
"""Box drawing, blocks and braille: pictures, not text."""
_FIGURE: Final = re.compile(r"[+-]?\s?\$?\d[\d.,]*\s?(?:[A-Za-zµ]{1,3}|%)?(?:/[A-Za-z0-9]{1,3})?")
"""A number with its unit, which no spreadsheet runs."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the table is of."""

    at_ns: int
    """The instant that it shows."""
    collector: str
    window_s: int
    by: str
    filter: str = ""
    is_past: bool = False


def csv_text(columns: Sequence[Column], rows: Sequence[Row]) -> str:
    """RFC 4180 with a line of titles. A text that a spreadsheet would run as a formula begins with
    an apostrophe (OWASP, "CSV Injection")."""
    out = io.StringIO()
    writer = csv.writer(out)
    titles = [column.title or column.key for column in columns]
    records = list(_records(columns, rows))
    extra = _extra(records)
    writer.writerow([*map(_harmless, titles), *extra])
    for record in records:
        names = (*(column.key for column in columns), *extra)
        writer.writerow([_harmless(record.get(name) or "") for name in names])
    return out.getvalue()


def json_text(columns: Sequence[Column], rows: Sequence[Row], header: Header) -> str:
    """An object with the header's fields, `columns` (key, title) and `rows`, objects by key."""
    told: dict[str, Any] = asdict(header)
    told["at"] = datetime.fromtimestamp(told.pop("at_ns") / 1e9, UTC).isoformat(
        timespec="milliseconds"
    )
    document = {
        "version": VERSION,
        **told,
        "columns": [{"key": column.key, "title": column.title} for column in columns],
        "rows": list(_records(columns, rows)),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def file_name(stem: str, at_ns: int, ending: str) -> str:
    """Such as `llmmon-models-20260131T174500Z.csv`: the instant shown, in UTC."""
    at = datetime.fromtimestamp(at_ns / 1e9, UTC)
    safe = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-") or "screen"
    return f"llmmon-{safe}-{at:%Y%m%dT%H%M%SZ}.{ending}"


def screenshot_name(screen: str, at_ns: int) -> str:
    """The same for a picture of a screen."""
    return file_name(screen, at_ns, "svg")


def _records(columns: Sequence[Column], rows: Sequence[Row]) -> Iterator[dict[str, str | None]]:
    """One object a row; what spans the lines below it is its note."""
    record: dict[str, str | None] | None = None
    for row in rows:
        note = _note(row)
        if note is not None and record is not None:
            record[NOTE] = f"{record[NOTE]} {note}" if NOTE in record else note
            continue
        if record is not None:
            yield record
        record = {NOTE: note} if note is not None else _record(columns, row)
    if record is not None:
        yield record


def _record(columns: Sequence[Column], row: Row) -> dict[str, str | None]:
    record: dict[str, str | None] = {SEVERITY: row.severity.value}
    for place, column in enumerate(columns):
        record[column.key] = _plain(row.cells[place]) if place < len(row.cells) else None
    return record


def _note(row: Row) -> str | None:
    for cell in row.cells:
        if isinstance(cell, Cell) and cell.spans:
            return _plain(cell) or ""
    return None


def _extra(records: Sequence[dict[str, str | None]]) -> tuple[str, ...]:
    return (SEVERITY, NOTE) if any(NOTE in record for record in records) else (SEVERITY,)


def _plain(cell: Cell | str) -> str | None:
    """Its text; None where that says that there is no value."""
    text = _DRAWN.sub(" ", strip_controls(cell_text(cell)))
    text = " ".join(text.split())
    return None if text in {"", MISSING} else text


def _harmless(text: str) -> str:
    first = unicodedata.normalize("NFKC", text[:1])
    runs = first.startswith(("=", "+", "-", "@"))
    return f"'{text}" if runs and _FIGURE.fullmatch(text) is None else text
