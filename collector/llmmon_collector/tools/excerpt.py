"""Where in a file an error is, to the character, and that line with a caret under it. Pure."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from llmmon.errors import ConfigError

_IN_EXPRESSION: Final = re.compile(r"column (\d+): ")
_IN_FILE: Final = re.compile(r" at column (\d+)(?=: )")
_QUOTE: Final = r"\s*=\s*(\"\"\"|'''|\"|')"
_ESCAPE: Final = re.compile(r"\\(?:u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)", re.DOTALL)
_INDENT: Final = "    "


class Place(NamedTuple):
    """A character of a file, both numbers from 1."""

    line: int
    column: int


class Located(NamedTuple):
    """An error with its place."""

    file: str
    place: Place | None
    key: str
    reason: str

    def text(self, source: str) -> str:
        """``file:line:column: key: reason``, then the line of ``source`` with a caret below."""
        numbers = () if self.place is None else self.place
        where = ":".join(map(str, (self.file, *numbers)))
        head = ": ".join(part for part in (where, self.key, self.reason) if part)
        lines = source.splitlines()
        if self.place is None or self.place.line > len(lines):
            return head
        line = lines[self.place.line - 1]
        # tabs stay tabs, so that the caret stands where the character does
        lead = re.sub(r"[^\t]", " ", line[: self.place.column - 1])
        return f"{head}\n{_INDENT}{line}\n{_INDENT}{lead}^"


def located(error: ConfigError, source: str) -> Located:
    """``error`` of the file that reads ``source``, to the character where that is known."""
    reason, file, key = error.reason, error.file or "", error.key or ""
    if error.line is None:
        return Located(file, None, key, reason)
    if found := _IN_FILE.search(reason):
        place = Place(error.line, int(found[1]))
        return Located(file, place, key, reason.replace(found[0], "", 1))
    leaf = re.sub(r"\[.*?\]$", "", key).rpartition(".")[2]
    if found := _IN_EXPRESSION.match(reason):
        inside = _inside(source, error.line, leaf, int(found[1]))
        if inside is not None:
            return Located(file, inside, key, reason[found.end() :])
    return Located(file, Place(error.line, _column_of(source, error.line, leaf)), key, reason)


def _inside(source: str, line: int, leaf: str, column: int) -> Place | None:
    """Character ``column`` of the text that the key ``leaf`` has on ``line``."""
    begin = _offset(source, line)
    opening = re.compile(rf"(?<![\w.-]){re.escape(leaf)}{_QUOTE}").search(source, begin)
    if opening is None or source.count("\n", begin, opening.start()):
        return None
    at = opening.end()
    if len(opening[1]) == 3 and source.startswith(("\n", "\r\n"), at):
        at = source.index("\n", at) + 1
    for _ in range(column - 1):
        escape = _ESCAPE.match(source, at) if opening[1][0] == '"' else None
        at = escape.end() if escape else at + 1
    start = source.rfind("\n", 0, at) + 1
    return Place(source.count("\n", 0, at) + 1, at - start + 1)


def _column_of(source: str, line: int, leaf: str) -> int:
    begin = _offset(source, line)
    text = source[begin:].partition("\n")[0]
    found = re.search(rf"(?<![\w.-]){re.escape(leaf)}(?![\w-])", text) if leaf else None
    return (found.start() if found else len(text) - len(text.lstrip())) + 1


def _offset(source: str, line: int) -> int:
    """Where ``line`` begins."""
    at = 0
    for _ in range(line - 1):
        at = source.find("\n", at) + 1
    return at
