"""What could be typed next."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal, NamedTuple

from llmmon_tui.filtering.folding import fold
from llmmon_tui.filtering.kinds import chosen, is_number, names_of
from llmmon_tui.filtering.parse import NUMBER_OPERATORS, TEXT_OPERATORS, quote, scan
from llmmon_tui.filtering.vocabulary import Vocabulary

MOST: Final = 20
"""Suggestions given at once."""
VIEW_SIGN: Final = "@"
"""A filter that begins with it names a saved view."""
_PREFIX: Final = re.compile(r"([-!]?)(?:([^\W\d]\w*)(>=|<=|!=|==?|[:<>]))?(.*)", re.DOTALL)
_FLAG_HINTS: Final = {
    "error": "failed",
    "errors": "failed",
    "failed": "failed",
    "ok": "did not fail",
    "slow": "beyond the limit on latency",
    "unpriced": "cost unknown",
}


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One way to go on."""

    insert: str
    """What takes the place of the word at the cursor."""
    text: str
    """The whole filter after it."""
    cursor: int
    """Where the cursor is then."""
    kind: Literal["field", "value", "operator", "flag", "view"]
    hint: str = ""


class _Place(NamedTuple):
    """The word at the cursor and what is around it."""

    text: str
    start: int
    cursor: int

    def put(
        self,
        insert: str,
        kind: Literal["field", "value", "operator", "flag", "view"],
        hint: str = "",
    ) -> Suggestion:
        text = self.text[: self.start] + insert + self.text[self.cursor :]
        return Suggestion(insert, text, self.start + len(insert), kind, hint)


def complete(
    text: str, cursor: int, vocabulary: Vocabulary, kinds: Collection[str] = ()
) -> list[Suggestion]:
    """What the word before `cursor` may become: the likeliest first, at most `MOST`.

    Field names and flags first; after `model:` the values that are live, the most frequent first;
    after `@` the saved views.
    """
    cursor = max(0, min(cursor, len(text)))
    if text.startswith(VIEW_SIGN):
        return list(islice(_views(text, text[1:cursor], vocabulary), MOST))
    start = next((term.start for term in scan(text) if term.start < cursor <= term.end), cursor)
    found = _PREFIX.fullmatch(text, start, cursor)
    if found is None:
        return []
    if found[2]:
        ways = _values(_Place(text, found.start(4), cursor), found[2].lower(), vocabulary, kinds)
    else:
        ways = _words(_Place(text, found.start(4), cursor), found[4], vocabulary, kinds)
    done = text[:cursor]
    return [way for way in islice(ways, MOST) if way.text[: way.cursor] != done]


def _views(text: str, typed: str, vocabulary: Vocabulary) -> Iterator[Suggestion]:
    for name, saved in vocabulary.views.items():
        if fold(name).startswith(fold(typed)):
            yield Suggestion(saved, saved, len(saved), "view", name)


def _words(
    place: _Place, typed: str, vocabulary: Vocabulary, kinds: Collection[str]
) -> Iterator[Suggestion]:
    word, names = fold(typed), names_of(kinds)
    flags = dict.fromkeys(flag for kind in chosen(kinds) for flag in kind.flags)
    if typed.startswith('"') or word in flags:
        return
    if word in names:
        yield from _operators(place, typed, names[word], kinds)
    for flag in flags:
        if flag.startswith(word) and word:
            yield place.put(flag, "flag", _FLAG_HINTS[flag])
    for name in _ranked(names, word):
        if name != word:
            yield _field(place, name, names[name], kinds)
    if word:
        yield from _anywhere(place, word, vocabulary, frozenset(names.values()))


def _operators(
    place: _Place, typed: str, field: str, kinds: Collection[str]
) -> Iterator[Suggestion]:
    operators = NUMBER_OPERATORS if is_number(field, kinds) else TEXT_OPERATORS
    for operator in operators:
        yield place.put(typed + operator, "operator", field)


def _field(place: _Place, name: str, field: str, kinds: Collection[str]) -> Suggestion:
    sign = ">" if is_number(field, kinds) else ":"
    return place.put(name + sign, "field", "" if name == field else field)


def _ranked(names: Iterable[str], word: str) -> Iterator[str]:
    """Those that begin with the folded word, then those that hold it."""
    known = [(name, fold(name)) for name in names]
    yield from (name for name, folded in known if folded.startswith(word))
    yield from (name for name, folded in known if word in folded and not folded.startswith(word))


def _anywhere(
    place: _Place, word: str, vocabulary: Vocabulary, fields: frozenset[str]
) -> Iterator[Suggestion]:
    """`gpt` as `model:gpt-4o`."""
    for field, values in vocabulary.values.items():
        if field in fields:
            for value in _ranked(values, word):
                yield place.put(f"{field}:{quote(value)}", "value", field)


def _values(
    place: _Place, name: str, vocabulary: Vocabulary, kinds: Collection[str]
) -> Iterator[Suggestion]:
    field = names_of(kinds).get(name, name)
    typed = place.text[place.start : place.cursor]
    start = place.start + _last_alternative(typed)
    word = fold(place.text[start : place.cursor].lstrip('"'))
    for value in _ranked(vocabulary.values.get(field, ()), word):
        yield _Place(place.text, start, place.cursor).put(quote(value), "value", field)


def _last_alternative(typed: str) -> int:
    """Where the last of `a,"b,c",d` begins."""
    start, in_quotes = 0, False
    for at, letter in enumerate(typed):
        if letter == '"':
            in_quotes = not in_quotes
        elif letter == "," and not in_quotes:
            start = at + 1
    return start
