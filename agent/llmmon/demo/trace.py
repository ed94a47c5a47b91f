"""Rows of a recorded trace, CSV or JSON lines, as the fields of requests. Pure and streaming."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, Final, NamedTuple

from llmmon.demo.columns import ERROR, STATUS, TIME, Column, find_column, is_missing

MAX_LINE: Final = 1 << 20
"""Characters of one line; a longer one is a bad row."""
_MAX_IGNORED: Final = 100
_MEASURED: Final = ("latency_ms", "ttft_ms", "max_gap_ms")


class TraceRow(NamedTuple):
    """One request of a trace."""

    line: int
    t_s: float | None
    """When it began, in seconds on the trace's own clock."""
    fields: dict[str, Any]
    """Values by the event's field names; what the trace does not tell is not there."""


class BadRow(NamedTuple):
    """A row that cannot be read."""

    line: int
    reason: str


class TraceReader:
    """Iterates once over the rows in ``lines``, good and bad, in their order.

    A first line that opens a JSON object makes it JSON lines, else it is CSV with a header.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._known: dict[str, Column | None] = {}

    @property
    def ignored(self) -> tuple[str, ...]:
        """Columns met so far that mean nothing here, the first hundred."""
        return tuple(name for name, column in self._known.items() if column is None)

    def __iter__(self) -> Iterator[TraceRow | BadRow]:
        first = next(self._lines, None)
        if first is None:
            return
        first = first.removeprefix("\ufeff")
        lines = chain((first,), self._lines)
        rows = self._json_rows(lines) if first.lstrip()[:1] == "{" else self._csv_rows(lines)
        for line, cells in rows:
            yield BadRow(line, cells) if isinstance(cells, str) else self._read(line, cells)

    def _json_rows(self, lines: Iterator[str]) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
        for line, text in enumerate(lines, 1):
            if not text.strip():
                continue
            try:
                value = json.loads(_bounded(text))
            except (ValueError, RecursionError) as error:
                yield line, f"not a JSON object: {error}"
            else:
                yield line, value if isinstance(value, dict) else "not a JSON object"

    def _csv_rows(self, lines: Iterator[str]) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
        reader = csv.reader(map(_bounded, lines))
        header: list[str] | None = None
        while True:
            try:
                row = next(reader)
            except StopIteration:
                return
            except (csv.Error, ValueError) as error:
                yield max(reader.line_num, 1), str(error)
                continue
            if header is None:
                header = row
            elif len(row) == len(header):
                yield reader.line_num, dict(zip(header, row, strict=True))
            elif row:
                yield reader.line_num, f"{len(row)} values, expected {len(header)}"

    def _read(self, line: int, cells: Mapping[str, Any]) -> TraceRow | BadRow:
        fields: dict[str, Any] = {}
        for name, cell in cells.items():
            column = self._column(name)
            if column is None or column.field in fields or is_missing(cell):
                continue
            try:
                fields[column.field] = column.convert(cell)
            except (TypeError, ValueError) as error:
                return BadRow(line, f"{name} {str(cell)[:40]!r}: {error}")
        if not fields:
            return BadRow(line, "no known column has a value")
        t_s = fields.pop(TIME, None)
        return TraceRow(line, t_s, _with_error(fields))

    def _column(self, name: str) -> Column | None:
        if name in self._known:
            return self._known[name]
        column = find_column(name)
        if column is not None or len(self.ignored) < _MAX_IGNORED:
            self._known[name] = column
        return column


def _bounded(text: str) -> str:
    if len(text) > MAX_LINE:
        raise ValueError(f"a line of over {MAX_LINE} characters")
    return text


def _with_error(fields: dict[str, Any]) -> dict[str, Any]:
    """``fields`` with error and status told by each other.

    An error that is an HTTP status is its own type, as OpenTelemetry's ``error.type`` has it. A
    request that failed at once has zeros where nothing was measured: those are no values.
    """
    error = fields.pop(ERROR, None)
    status = fields.get(STATUS)
    if error is None and status is not None and status >= 400:
        error = str(status)
    if error is None:
        return fields
    if status is None and error.isdecimal() and 400 <= int(error) <= 599:
        fields[STATUS] = int(error)
    measured = {name: v for name, v in fields.items() if name not in _MEASURED or v != 0}
    return {**measured, ERROR: error}
