"""What form of answer a query asks for, and whether the response has that form."""

from collections.abc import Callable
from typing import NamedTuple

from llmmon.quality.words import word_set

_READ_CHARS = 3000


class Shape(NamedTuple):
    """Surface facts of the head of a response."""

    lower: str
    lines: list[str]
    line_chars: float
    listed_lines: int
    cased: bool


class Genre(NamedTuple):
    """A form of answer: the query words that ask for it, how it shows, and what that is worth.

    The weights are log odds that the response answers the query: when the form is asked and shown,
    asked and not shown, shown and not asked.
    """

    asked_by: frozenset[str]
    shown_in: Callable[[Shape], bool]
    met: float
    unmet: float
    unasked: float


def genre_evidence(query_words: set[str], response: str) -> float:
    """Log odds from form alone that `response` answers a query of these words; 0 says nothing."""
    shape = _shape(response)
    evidence = 0.0
    for genre in _GENRES:
        asked = not genre.asked_by.isdisjoint(query_words)
        if genre.shown_in(shape):
            evidence += genre.met if asked else genre.unasked
        elif asked:
            evidence += genre.unmet
    return evidence


def _shape(response: str) -> Shape:
    head = response[:_READ_CHARS]
    lines = [line for raw in head.split("\n") if (line := raw.strip())]
    return Shape(
        lower=head.lower(),
        lines=lines,
        line_chars=sum(map(len, lines)) / max(1, len(lines)),
        listed_lines=sum(line[0].isdigit() or line[0] in "-*•" for line in lines),
        cased=not head.islower() and not head.isupper(),
    )


def _is_list(shape: Shape) -> bool:
    if shape.listed_lines >= 3:
        return True
    return "1. " in shape.lower and "2. " in shape.lower and "3. " in shape.lower


_CODE_MARKS = ("```", "def ", "return ", "();", "</", "print(", "for i in", " = ", "select ", "{\n")


def _is_code(shape: Shape) -> bool:
    return sum(mark in shape.lower for mark in _CODE_MARKS) >= 2


def _is_verse(shape: Shape) -> bool:
    if len(shape.lines) < 3 or shape.listed_lines > 1 or not 15 < shape.line_chars < 65:
        return False
    stopped = sum(line[-1] in ".,;!?—" for line in shape.lines)
    return stopped > 0.4 * len(shape.lines)


_LETTER_MARKS = ("dear ", "sincerely", "subject:", "regards", "to whom")


def _is_letter(shape: Shape) -> bool:
    return any(mark in shape.lower for mark in _LETTER_MARKS)


def _is_dialogue(shape: Shape) -> bool:
    return shape.lower.count('"') > 3 or sum(":" in line[:22] for line in shape.lines) >= 3


_PAST_MARKS = (" was ", " had ", " she ", " he ", " her ", " his ")


def _is_story(shape: Shape) -> bool:
    if shape.lower.startswith("once"):
        return True
    return 100 * sum(shape.lower.count(mark) for mark in _PAST_MARKS) > len(shape.lower)


def _is_post(shape: Shape) -> bool:
    return "#" in shape.lower or shape.lower.startswith('"')


def _is_question(shape: Shape) -> bool:
    return "?" in shape.lower


def _is_json(shape: Shape) -> bool:
    return shape.lower.lstrip("`json \n")[:1] in ("{", "[")


def _is_short(shape: Shape) -> bool:
    return len(shape.lower) < 160


def _is_caseless(shape: Shape) -> bool:
    return not shape.cased


def _is_foreign(shape: Shape) -> bool:
    head = shape.lower[:400]
    return sum(map(head.count, "etaoin")) < 0.25 * len(head)


_LANGUAGES = """language translate translation hindi korean german french spanish arabic bulgarian
telugu kannada marathi russian persian japanese italian portuguese swahili vietnamese thai bengali
gujarati punjabi tamil urdu finnish nepali chinese turkish polish dutch greek hebrew latin"""


_GENRES = (
    Genre(
        word_set(
            "list lists ideas ways steps tips examples things items name two three four five"
            " six seven ten 3 4 5 6 7 10 reasons brainstorm suggest bullet topics questions facts"
            " benefits"
        ),
        _is_list,
        0.6,
        -0.3,
        -0.9,
    ),
    Genre(
        word_set(
            "code function python java javascript sql html css algorithm query script regex"
            " regular programming program pseudocode array class xml json"
        ),
        _is_code,
        0.0,
        -0.1,
        -0.7,
    ),
    Genre(
        word_set(
            "poem haiku limerick song rap lyrics lyric verse sonnet jingle rhyme rhyming couplet"
            " ode stanza poetry acrostic"
        ),
        _is_verse,
        0.7,
        0.0,
        -0.4,
    ),
    Genre(
        word_set("email letter memo note mail message resume cover apology invitation"),
        _is_letter,
        0.5,
        -0.2,
        -0.5,
    ),
    Genre(word_set("dialogue conversation interview script skit"), _is_dialogue, 0.5, 0.0, 0.0),
    Genre(
        word_set("story tale fiction scene narrative fairytale fable character novel plot"),
        _is_story,
        0.8,
        0.0,
        0.0,
    ),
    Genre(
        word_set("tweet post caption hashtag hashtags instagram slogan tagline headline"),
        _is_post,
        0.6,
        0.0,
        0.0,
    ),
    Genre(
        word_set("question questions quiz trivia riddle survey interview faq ask quizzes joke"),
        _is_question,
        0.9,
        -0.4,
        -0.1,
    ),
    Genre(word_set("json"), _is_json, 0.5, 0.0, 0.0),
    Genre(
        word_set(
            "sentence phrase word classify identify choose select which is are categorize synonym"
            " antonym title determine rewrite edit correct who when where translate"
        ),
        _is_short,
        0.3,
        0.0,
        0.1,
    ),
    Genre(word_set("capital uppercase caps lowercase lower"), _is_caseless, 0.5, -0.3, -0.1),
    Genre(word_set(_LANGUAGES), _is_foreign, 0.8, 0.0, 0.0),
)
