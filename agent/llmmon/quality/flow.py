"""Detectors across sentences: are they in order, and do they stay with one topic?"""

import math
import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice, pairwise
from typing import NamedTuple

from llmmon.quality.words import RARE_WEIGHT, WEIGHTS, split, stems

_MAX_SENTENCES = 60
_MIN_TELLING = 0.3
_MIN_AFTER_WEIGHT = 4.0
_UNKNOWN_BOUND = 0.5
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')”*]*\s+")
_LIST_NUMBER = re.compile(r"(?:^|(?<=\s))(\d{1,2})[.):]\s")
_NUMBERS_TOGETHER = re.compile(r"\s\d{1,2}\.\s+\d{1,2}\.\s")
_DISORDER_PRIOR = -0.8
# The other numbers of log odds below are of the same logistic regressions, rounded.

_POINTS_BACK = (
    *("it ", "they ", "he ", "she ", "this ", "these ", "those ", "such ", "its ", "their "),
    *("his ", "her ", "that ", "them "),
)
_CONTINUES = (
    *("however", "additionally", "furthermore", "moreover", "also", "therefore", "thus", "then"),
    *("as a result", "for example", "for instance", "but ", "and ", "or ", "so ", "next"),
    *("another", "in addition", "meanwhile", "consequently", "on the other hand", "similarly"),
    *("instead", "to do this", "second", "third", "other", "hence", "nevertheless", "though"),
    "without",
)
_CONCLUDES = (
    *("in conclusion", "overall", "in summary", "finally", "to conclude", "ultimately"),
    *("in the end", "lastly", "in short", "let me know", "i hope", "thank you", "sincerely"),
)


class Flow(NamedTuple):
    """Signed evidence in log odds of sentences out of order, and of a topic left."""

    disorder: float
    drift: float


def measure_flow(text: str, query: str) -> Flow:
    """Evidence that the sentences of `text` are out of order or leave their topic.

    Order: an opening that points back or concludes, list numbers that fall or stand together, a
    conclusion in mid-text, an opening with less of the query than the rest. Topic: the share of
    weighted stems common to what stands before and after each sentence bound, and to the query.
    Both are 0 for a single sentence. Code and lists of names, which share no words, look like
    drift; a skilful change of order or a changed topic with the same words is not seen.
    """
    sentences = [part for part in _SENTENCE_END.split(text) if part][:_MAX_SENTENCES]
    if len(sentences) < 2:
        return Flow(0.0, 0.0)
    vectors = [_telling(terms) for terms in _sentence_stems(sentences)]
    asked = _telling(stems(split(query)))
    return Flow(_disorder(text, sentences, vectors, asked), _drift(vectors, asked))


def _telling(terms: Iterable[str]) -> dict[str, float]:
    weights = {term: WEIGHTS.get(term, RARE_WEIGHT) for term in terms}
    return {term: weight for term, weight in weights.items() if weight >= _MIN_TELLING}


def _sentence_stems(sentences: list[str]) -> Iterator[list[str]]:
    words = [split(sentence) for sentence in sentences]
    every = iter(stems(chain.from_iterable(words)))
    for sentence in words:
        yield list(islice(every, len(sentence)))


def _disorder(
    text: str,
    sentences: list[str],
    vectors: list[dict[str, float]],
    asked: dict[str, float],
) -> float:
    starts = [sentence.lstrip("\"'*-#( ")[:20].lower() for sentence in sentences]
    evidence = _DISORDER_PRIOR + _opening_evidence(starts[0]) + _number_evidence(text)
    if any(start.startswith(_CONCLUDES) for start in starts[: -max(1, len(starts) // 3)]):
        evidence += 1.1
    if asked:
        shares = [sum(weight for term, weight in asked.items() if term in v) for v in vectors]
        lead = shares[0] - sum(shares) / len(shares)
        evidence += 0.6 * (shares[0] < max(shares)) - 0.3 * max(-2.0, min(2.0, lead))
    return evidence


def _opening_evidence(start: str) -> float:
    if start.startswith((*_POINTS_BACK, *_CONTINUES)):
        return 1.7
    return 0.3 if start.startswith(_CONCLUDES) else 0.0


def _number_evidence(text: str) -> float:
    numbers = [int(found) for found in _LIST_NUMBER.findall(text)]
    if not numbers:
        return 0.0
    evidence = 1.9 * (numbers[0] > 1) + 1.0 * bool(_NUMBERS_TOGETHER.search(text))
    if len(numbers) > 1:
        steps = list(pairwise(numbers))
        jumps = sum(after not in (before + 1, 1) for before, after in steps)
        falls = sum(1 < after < before for before, after in steps)
        evidence += (1.1 * jumps + 0.7 * falls) / len(steps)
    return evidence


def _drift(vectors: list[dict[str, float]], asked: dict[str, float]) -> float:
    half = max(1, len(vectors) // 2)
    tail, end = _merge(vectors[half:]), _merge(vectors[-2:])
    weakest = _weakest_bound(vectors, asked)
    tail_held = _share(tail, _merge(vectors[:half]) | asked)
    end_held = _share(end, _merge(vectors[:-2]) | asked)
    if not asked:
        return 0.9 - 3.4 * weakest - 3.8 * tail_held - 1.5 * end_held
    kept = 2.6 * weakest + 2.8 * tail_held + 1.4 * end_held
    return 1.4 - kept - 3.0 * _share(asked, tail) - 3.7 * _share(asked, end)


def _share(terms: dict[str, float], others: dict[str, float]) -> float:
    """The share of the weight of `terms` that `others` hold too; small sets count for less."""
    common = sum(weight for term, weight in terms.items() if term in others)
    return common / (1.0 + sum(terms.values()))


def _weakest_bound(vectors: list[dict[str, float]], asked: dict[str, float]) -> float:
    """The least share of common weight over all sentence bounds: |A and B| / sqrt(|A| |B|)."""
    weight_of = _merge(vectors) | asked
    after: dict[str, int] = {}
    for vector in vectors:
        for term in vector:
            after[term] = after.get(term, 0) + 1
    before = set(asked)
    before_weight = sum(asked.values())
    after_weight = sum(weight_of[term] for term in after)
    shared = sum(weight_of[term] for term in before if term in after)
    weakest: float | None = None
    for vector in vectors[:-1]:
        for term, weight in vector.items():
            after[term] -= 1
            if term not in before:
                before.add(term)
                before_weight += weight
                shared += weight
            if not after[term]:
                after_weight -= weight
                shared -= weight
        if after_weight > _MIN_AFTER_WEIGHT:
            common = shared / math.sqrt(1.0 + before_weight * after_weight)
            weakest = common if weakest is None else min(weakest, common)
    return _UNKNOWN_BOUND if weakest is None else weakest


def _merge(vectors: list[dict[str, float]]) -> dict[str, float]:
    merged: dict[str, float] = {}
    for vector in vectors:
        merged.update(vector)
    return merged
