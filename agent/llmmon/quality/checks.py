"""Predicates on the form of a response: each says whether one asked-for property holds."""

import json
import re
from collections.abc import Callable
from typing import NamedTuple

from llmmon.quality.bounds import Bounds


class Check(NamedTuple):
    """One property asked for: its name, and whether a response has it."""

    name: str
    holds: Callable[[str], bool]


def count_check(name: str, count: Callable[[str], int], wanted: Bounds) -> Check:
    """A check that `count` of the response lies within `wanted`."""
    return Check(name, lambda text: wanted.hold(count(text)))


_WORD = re.compile(r"\w+")
_SENTENCE_END = re.compile(
    r"(?<![.!?])[.!?]{1,8}[\"')*”\]]{0,3}(?=\s{1,9}[\"'(*“\[]?[A-Z0-9#*]|\s?\n|\s?$)"
)
_LOWER_SENTENCE_END = re.compile(r"(?<=[a-z0-9)])[.!?]{1,8}[\"')*”\]]{0,3}(?=\s)")
_ABBREVIATION = re.compile(r"\b(?:mr|mrs|ms|dr|prof|st|vs|etc|e\.g|i\.e|[a-z])\.$", re.IGNORECASE)
_LONG_RUN_CHARS = 12
_BULLET = re.compile(r"^[ \t]*(?:\*[^*].*|-.*)$", re.MULTILINE)
_HIGHLIGHT = re.compile(r"\*\*[^\n*]+\*\*|\*[^\n*]+\*")
_TITLE = re.compile(r"<<\s?[^\s<>][^\n<>]{0,300}>>")
_PLACEHOLDER = re.compile(r"\[[^\]\n]{0,200}\]")
_DIVIDER = re.compile(r"\s?\*\*\*\s?")


def word_count(text: str) -> int:
    """Number of runs of letters, digits and underscores."""
    return len(_WORD.findall(text))


def sentence_count(text: str) -> int:
    """Number of sentences by their full stops; abbreviations and initials do not end one."""
    pattern = _LOWER_SENTENCE_END if text.islower() else _SENTENCE_END
    ends = [match.end() for match in pattern.finditer(text)]
    count = sum(not _ABBREVIATION.search(text[max(0, end - _LONG_RUN_CHARS) : end]) for end in ends)
    rest = text[ends[-1] :] if ends else text
    return count + any(map(str.isalnum, rest))


def capital_word_count(text: str) -> int:
    """Number of words all in capitals, single letters included."""
    return sum(map(str.isupper, re.findall(r"[\w'’-]+", text)))


def bullet_count(text: str) -> int:
    """Number of Markdown bullet lines that start with * or -."""
    return len(_BULLET.findall(text))


def highlight_count(text: str) -> int:
    """Number of *highlighted* or **highlighted** spans."""
    return sum(bool(span.strip("* ")) for span in _HIGHLIGHT.findall(text))


def placeholder_count(text: str) -> int:
    """Number of [bracketed] placeholders."""
    return len(_PLACEHOLDER.findall(text))


def section_count(text: str, marker: str) -> int:
    """Number of sections headed by `marker` and a number, as in "Section 2"."""
    return len(re.findall(rf"{re.escape(marker)}\s?\d+", text))


def keyword_count(text: str, keyword: str) -> int:
    """Occurrences of `keyword` in any case, parts of words included."""
    return text.lower().count(keyword.lower())


def has_word(text: str, word: str) -> bool:
    """Whether `word` stands in the text as a whole word, in any case."""
    return re.search(rf"\b{re.escape(word)}\b", text, re.IGNORECASE) is not None


def divided_part_count(text: str) -> int | None:
    """Number of parts between *** dividers; None when one between two dividers is empty."""
    parts = [part.strip() for part in _DIVIDER.split(text)]
    if not all(parts[1:-1]):
        return None
    return sum(map(bool, parts))


def paragraphs(text: str) -> list[str]:
    """Parts between blank lines that are not empty."""
    return [part for raw in text.split("\n\n") if (part := raw.strip())]


def has_two_answers(text: str) -> bool:
    """Whether exactly two different answers stand around a line of six asterisks."""
    raw = text.split("******")
    parts = [part.strip() for part in raw]
    if not all(parts[1:-1]):
        return False
    answers = [part for part in parts if part]
    return len(answers) == 2 and answers[0] != answers[1]


def has_title(text: str) -> bool:
    """Whether a title stands in <<double angular brackets>>."""
    return _TITLE.search(text) is not None


def has_postscript(text: str, marker: str) -> bool:
    """Whether a postscript marked P.S. or P.P.S is there, in any case and spacing."""
    letters = [char for char in marker.lower() if char.isalpha()]
    return re.search(r"\s*" + r"\.\s?".join(letters), text.lower()) is not None


def is_json(text: str) -> bool:
    """Whether the whole text, without a Markdown fence around it, is one JSON document."""
    body = text.strip()
    if body.startswith("```"):
        body = body[3:].removesuffix("```").strip()
        if body[:4].lower() == "json":
            body = body[4:]
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


def is_quoted(text: str) -> bool:
    """Whether double quotation marks stand around the whole text."""
    body = text.strip()
    return len(body) > 1 and body[0] == '"' == body[-1]


def ends_with(text: str, phrase: str) -> bool:
    """Whether the text ends with `phrase`, but for case and quotation marks."""
    return text.strip().strip('"').lower().endswith(phrase.strip().lower())


def starts_with(text: str, phrase: str) -> bool:
    """Whether the text starts with `phrase` in any case."""
    return text.strip().lower().startswith(phrase.strip().lower())


def has_closed_fences(text: str) -> bool:
    """Whether every Markdown code fence that opens is closed."""
    return text.count("```") % 2 == 0
