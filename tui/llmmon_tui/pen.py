"""The shortest way from one ink on the terminal to the next."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

_FOREGROUND: Final = frozenset({*range(30, 40), *range(90, 98)})
_BACKGROUND: Final = frozenset({*range(40, 50), *range(100, 108)})
_LONG: Final = {"2": 5, "5": 3}
"""Numbers that a colour has after 38 or 48, by the kind that it names first."""


class Ink(NamedTuple):
    """An ink in its parts, each the parameters of an SGR sequence."""

    attributes: str
    foreground: str
    background: str


@lru_cache(8192)
def change_ink(before: str | None, after: str) -> str:
    """The sequence that turns one ink into another; `before` is None where it is not known."""
    if before == after:
        return ""
    anew = f"\x1b[0;{after}m" if after else "\x1b[m"
    if before is None or not before:
        return f"\x1b[{after}m" if before == "" else anew
    old, new = split_ink(before), split_ink(after)
    is_more = all(now or not then for then, now in zip(old[1:], new[1:], strict=True))
    if old.attributes != new.attributes or not is_more:
        return anew
    parts = [now for then, now in zip(old[1:], new[1:], strict=True) if then != now]
    return min(f"\x1b[{';'.join(parts)}m", anew, key=len)


@lru_cache(4096)
def split_ink(ink: str) -> Ink:
    """The parts of an ink; of two colours for the same ground the later counts."""
    numbers = ink.split(";") if ink else []
    attributes: list[str] = []
    foreground = background = ""
    at = 0
    while at < len(numbers):
        number = int(numbers[at] or 0)
        length = _LONG.get("".join(numbers[at + 1 : at + 2]), 1) if number in {38, 48} else 1
        part = ";".join(numbers[at : at + length])
        at += length
        if number in _FOREGROUND:
            foreground = part
        elif number in _BACKGROUND:
            background = part
        else:
            attributes.append(part)
    return Ink(";".join(attributes), foreground, background)
