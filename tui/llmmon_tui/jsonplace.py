"""Finds the line on which a member of a JSON text is written.

The reader of JSON forgets places, so this scans the text a second time. It only needs to be right
on text that is JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

Path = tuple[str | int, ...]
"""Names and list indexes from the top of the document, such as `("views", 1)`."""

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:\n]|[^\s"{}\[\],:]+')


def line_of(text: str, path: Path) -> int | None:
    """The line (from 1) of `path`, or of the nearest member around it; None for neither."""
    found = {place: line for line, place in _places(text) if place == path[: len(place)]}
    return max(found.items(), key=lambda one: len(one[0]))[1] if found else None


def _places(text: str) -> Iterator[tuple[int, Path]]:
    """Every member and item of `text`: its line and its path."""
    line, is_item = 1, False
    stack: list[str | int] = []
    names: list[bool] = []  # of each open bracket: whether a name comes next
    for mark in _TOKEN.findall(text):
        if mark == "\n":
            line += 1
            continue
        if is_item and mark != "]":
            yield line, tuple(stack)
        is_item = False
        if mark in "{[":
            names.append(mark == "{")
            stack.append("" if mark == "{" else 0)
            is_item = mark == "["
        elif mark in "}]":
            names.pop()
            stack.pop()
        elif mark == ",":
            is_item = _next(stack, names)
        elif names and names[-1] and mark != ":":
            names[-1] = False
            stack[-1] = json.loads(mark)
            yield line, tuple(stack)


def _next(stack: list[str | int], names: list[bool]) -> bool:
    """Go to what follows a comma; whether that is an item of a list."""
    last = stack[-1]
    if isinstance(last, int):
        stack[-1] = last + 1
        return True
    names[-1] = True
    return False
