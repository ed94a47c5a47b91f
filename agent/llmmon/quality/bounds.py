"""Numbers and ranges as people write them in a request: "at least three", "10 or fewer"."""

import re
from typing import NamedTuple


class Bounds(NamedTuple):
    """An inclusive range of a count; None leaves that side open."""

    low: int | None
    high: int | None

    def hold(self, count: int) -> bool:
        """Whether `count` lies within the range."""
        return (self.low is None or count >= self.low) and (self.high is None or count <= self.high)


_NUMBER_WORDS = {
    "zero": 0,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "eleven": 11,
    "twelve": 12,
    "fifteen": 15,
    "twenty": 20,
    "once": 1,
    "twice": 2,
}
NUMBER = r"(\d{1,5}|" + "|".join(_NUMBER_WORDS) + r")"
BEFORE = (
    r"(at least|at most|less than|fewer than|no more than|not more than|more than|no less than"
    r"|minimum of|maximum of|exactly|under|over|up to|within|longer than)?"
)
_AFTER = r"(or more|or less|or fewer|or above|at least|at most)?"


def number(found: str) -> int:
    """The value of digits or of a number word that NUMBER matches."""
    return _NUMBER_WORDS[found] if found in _NUMBER_WORDS else int(found)


_BELOW = ("less than", "fewer than", "under")
_UP_TO = (
    "at most",
    "no more than",
    "not more than",
    "maximum of",
    "up to",
    "within",
    "longer than",
)
_ABOVE = ("more than", "over")
_FROM = ("at least", "no less than", "minimum of")


def read_bounds(before: str, first: str, second: str, after: str) -> Bounds | None:
    """The range asked for by a phrase that BEFORE, NUMBER and their like matched; "" for no match.

    None for a bare number, which may describe and not demand ("a 200 word essay").
    """
    low = number(first)
    if second:
        return Bounds(low, number(second))
    if before in _BELOW:
        return Bounds(None, low - 1)
    if before in _UP_TO or after in ("or less", "or fewer", "at most"):
        return Bounds(None, low)
    if before in _ABOVE:
        return Bounds(low + 1, None)
    if before in _FROM or after:
        return Bounds(low, None)
    return Bounds(low, low) if before == "exactly" else None


def counted(unit: str) -> re.Pattern[str]:
    """A pattern of a range of `unit`; its groups fill `read_bounds`, the last two one argument."""
    span = r"(?: ?(?:to|-|or) ?" + NUMBER + r")?"
    return re.compile(
        BEFORE
        + r"(?: a total of)? ?\b"
        + NUMBER
        + span
        + r" ?"
        + _AFTER
        + r" ?(?:\w+ )?"
        + unit
        + r"(?: "
        + _AFTER
        + r")?"
    )
