"""Finds the line on which a key of a TOML text is written. Pure.

``tomllib`` forgets places, so this scans the text a second time. It only needs to be right on text
that ``tomllib`` accepts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

Path = tuple[str | int, ...]
"""Keys and list indexes from the top of the document, such as ``("rule", 1, "window")``."""

_KEY: Final = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_DOTTED: Final = rf"{_KEY}(?:\s*\.\s*{_KEY})*"
_HEADER: Final = re.compile(rf"\s*(\[\[?)\s*({_DOTTED})\s*\]")
_ASSIGNMENT: Final = re.compile(rf"\s*({_DOTTED})\s*=")
_TOKEN: Final = re.compile(
    r'"""(?:[^\\]|\\.)*?"""'
    r"|'''.*?'''"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*"
    r"|[\[\]{}\n]",
    re.DOTALL,
)


def line_of(text: str, path: Path) -> int | None:
    """The line (from 1) of ``path``, or of the nearest table or key around it; None for neither."""
    best_line, best_length = None, 0
    for line, written in _written_paths(text):
        shared = _shared(written, path)
        if shared > best_length and (shared == len(written) or shared == len(path)):
            best_line, best_length = line, shared
    return best_line


def _shared(written: Path, path: Path) -> int:
    length = 0
    for one, other in zip(written, path, strict=False):
        if one != other:
            break
        length += 1
    return length


def _written_paths(text: str) -> Iterator[tuple[int, Path]]:
    """Every header and assignment of ``text``: its line and its path."""
    table: Path = ()
    counts: dict[Path, int] = {}
    for line, statement in _statements(text):
        if header := _HEADER.match(statement):
            table = _resolve(_split(header[2]), counts)
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = (*table, counts[table])
            yield line, table
        elif assignment := _ASSIGNMENT.match(statement):
            path = (*table, *_split(assignment[1]))
            yield line, path
            yield from _inline_paths(line, path, statement[assignment.end() :])


def _inline_paths(line: int, path: Path, value: str) -> Iterator[tuple[int, Path]]:
    """Keys of an inline table that the value opens with: one level, on the same line."""
    if value.lstrip().startswith("{"):
        for key in re.findall(rf"[{{,]\s*({_KEY})\s*=", value):
            yield line, (*path, *_split(key))


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Pieces of ``text`` that end at a line break outside strings and brackets."""
    start, depth, line, start_line = 0, 0, 1, 1
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark == "\n":
            line += 1
            if depth == 0:
                yield start_line, text[start : token.end()]
                start, start_line = token.end(), line
        elif mark in "[{":
            depth += 1
        elif mark in "]}":
            depth -= 1
        else:
            line += mark.count("\n")
    yield start_line, text[start:]


def _split(dotted: str) -> tuple[str, ...]:
    return tuple(key.strip("\"'") for key in re.findall(_KEY, dotted))


def _resolve(keys: tuple[str, ...], counts: dict[Path, int]) -> Path:
    """``keys`` of a header with the index of every list of tables that it goes through."""
    path: Path = ()
    for number, key in enumerate(keys):
        path = (*path, key)
        if path in counts and number < len(keys) - 1:
            path = (*path, counts[path])
    return path
