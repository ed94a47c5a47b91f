"""Lengths and letter case that a query asks for."""

import re
from collections.abc import Callable, Iterator

from llmmon.quality import checks
from llmmon.quality.bounds import BEFORE, NUMBER, counted, number, read_bounds
from llmmon.quality.checks import Check, count_check

_COUNTED_UNITS: tuple[tuple[str, str, re.Pattern[str], Callable[[str], int]], ...] = (
    ("number_words", "word", counted(r"words?\b(?! with| in all| or phrase)"), checks.word_count),
    ("number_sentences", "sentence", counted(r"sentences?\b"), checks.sentence_count),
)


def find_lengths(_query: str, lower: str) -> Iterator[Check]:
    """Numbers of words and sentences."""
    for name, mark, pattern, count in _COUNTED_UNITS:
        if mark in lower:
            yield from _find_length(name, pattern, count, lower)


def _find_length(
    name: str, pattern: re.Pattern[str], count: Callable[[str], int], lower: str
) -> Iterator[Check]:
    for before, first, second, middle, after in pattern.findall(lower):
        wanted = read_bounds(before, first, second, middle or after)
        if wanted is not None:
            yield count_check(name, count, wanted)
            return


_CAPITAL_BOUNDS = counted(r"(?:such )?(?:words|words or phrases|capitali[sz]ed words)\b")
_TIMES = re.compile(
    r"(?:appear|show up|be|times?|usage)[^.]{0,20}?" + BEFORE + r" ?" + NUMBER + r"(?: times)?"
)
_CAPITAL_WORDS = re.compile(
    r"words (?:or phrases )?(?:in|with) all cap|all-?caps words|words in caps"
)
_ALL_CAPITAL = ("all capital", "all caps", "capital letters", "capitalize all", "capitalize every")
_NO_CAPITAL = (
    "no capital",
    "lowercase",
    "lower case",
    "without using capital",
    "without using any cap",
)


def find_case(_query: str, lower: str) -> Iterator[Check]:
    """Whole answers in one case, or a number of words in capitals."""
    if "capital" not in lower and "case" not in lower and "all caps" not in lower:
        return
    if _CAPITAL_WORDS.search(lower):
        yield from _find_capital_words(lower)
    elif any(mark in lower for mark in _NO_CAPITAL):
        yield Check("english_lowercase", str.islower)
    elif any(mark in lower for mark in _ALL_CAPITAL):
        yield Check("english_capital", str.isupper)


def _find_capital_words(lower: str) -> Iterator[Check]:
    start = lower.find("all cap")
    near = lower[max(0, start - 80) : start + 200]
    for pattern in (_TIMES, _CAPITAL_BOUNDS):
        for before, first, *more in pattern.findall(near):
            wanted = read_bounds(before, first, more[0] if more else "", "")
            if wanted is not None:
                yield count_check("capital_word_frequency", checks.capital_word_count, wanted)
                return


_PARTS = re.compile(NUMBER + r" (?:\w+ )?(?:paragraphs?|parts?|sections?|q and as|steps)\b")


def find_divided_parts(lower: str) -> Iterator[Check]:
    """A number of parts divided by ***."""
    if found := _PARTS.search(lower):
        wanted = number(found[1])
        yield Check("number_paragraphs", lambda text: checks.divided_part_count(text) == wanted)


_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7}
_PARAGRAPHS = re.compile(NUMBER + r" paragraphs?\b")
_FIRST_WORD = re.compile(
    r"(?:paragraph (\d)|(?:the )?(\d)(?:st|nd|rd|th) paragraph|("
    + "|".join(_ORDINALS)
    + r") paragraph)[^.]{0,20}?(?:starts? |starting )?with (?:the )?(?:word )?[\"']?(\w+)"
)


def find_paragraph_start(_query: str, lower: str) -> Iterator[Check]:
    """A number of paragraphs, one of which starts with a given word."""
    if "paragraph" not in lower:
        return
    count, start = _PARAGRAPHS.search(lower), _FIRST_WORD.search(lower)
    if not count or not start:
        return
    wanted = number(count[1])
    nth = _ORDINALS[start[3]] if start[3] else int(start[1] or start[2])
    yield Check(
        "nth_paragraph_first_word", lambda text: _starts_paragraph(text, wanted, nth, start[4])
    )


def _starts_paragraph(text: str, wanted: int, nth: int, word: str) -> bool:
    parts = checks.paragraphs(text)
    if len(parts) != wanted or not 1 <= nth <= wanted:
        return False
    first = parts[nth - 1].split()[0].lstrip("'\"")
    return re.split(r"[.,?!'\"]", first)[0].lower() == word
