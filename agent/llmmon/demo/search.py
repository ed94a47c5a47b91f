"""A small search over the demo's documents, so that its retrieval steps are real ones. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_WORD: Final = re.compile(r"\w{3,}")


class Library:
    """Documents by the words in them."""

    def __init__(self, documents: Iterable[str]) -> None:
        self.documents = tuple(dict.fromkeys(documents))
        self._having: dict[str, list[int]] = {}
        for number, document in enumerate(self.documents):
            for word in _words(document):
                self._having.setdefault(word, []).append(number)

    def search(self, query: str, limit: int = 3) -> list[str]:
        """The documents that share most of the query's rarer words, best first."""
        scores: dict[int, float] = {}
        for word in _words(query):
            having = self._having.get(word, ())
            for number in having:
                scores[number] = scores.get(number, 0.0) + 1 / len(having)
        best = sorted(scores, key=lambda number: (-scores[number], number))[:limit]
        return [self.documents[number] for number in best]


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))
