"""Does the response speak of what the query asks?"""

import math
from collections import Counter
from itertools import pairwise
from typing import NamedTuple

from llmmon.quality.genre import genre_evidence
from llmmon.quality.texts import Texts, clip
from llmmon.quality.words import RARE_WEIGHT, WEIGHTS, split, stems

_LEAD_WORDS = 45
_UNSPACED_SHARE = 0.3
_TELLING_PAIR_WEIGHT = 0.6

# Log odds per unit of each overlap, from a logistic regression, rounded; the prior is raised to the
# odds of live traffic, where most responses answer their query.
_PRIOR = -1.8
_COSINE_WEIGHT = 3.6
_COVERAGE_WEIGHT = 2.5
_LEAD_WEIGHT = 1.2
_PAIR_WEIGHT = 1.2


class Overlap(NamedTuple):
    """How the query's stems come back in the response, each from 0 to 1."""

    cosine: float
    coverage: float
    lead_coverage: float
    pair_coverage: float


def relevance(texts: Texts) -> float | None:
    """Score from 0 to 1 of how well the response fits the query: shared topic, and form asked for.

    A logistic of the TF-IDF cosine of stems (Salton and Buckley 1988; the document frequencies are
    a built-in table), the share of the query's telling stems and pairs met in the response and in
    its first words, and whether the form asked for (list, code, verse, letter ...) is there.
    It knows no synonyms, no facts and no other language than English for the forms; a correct
    answer that shares no word with its query scores low, and an answer to a neighbouring
    question scores high. None without query or response, when the query holds no telling word, and
    for scripts written without spaces.
    """
    query, response = clip(texts.query), clip(texts.response)
    if not query or not response or _is_unspaced(query):
        return None
    query_words = split(query)
    overlap = measure_overlap(query_words, split(response))
    if overlap is None:
        return None
    log_odds = (
        _PRIOR
        + _COSINE_WEIGHT * math.sqrt(overlap.cosine)
        + _COVERAGE_WEIGHT * overlap.coverage
        + _LEAD_WEIGHT * overlap.lead_coverage
        + _PAIR_WEIGHT * overlap.pair_coverage
        + genre_evidence(set(query_words), response)
    )
    return 1.0 / (1.0 + math.exp(-log_odds))


def measure_overlap(query_words: list[str], response_words: list[str]) -> Overlap | None:
    """Overlap of two word lists by stem; None when the query has no stem that tells anything."""
    query_stems, response_stems = stems(query_words), stems(response_words)
    query, response = Counter(query_stems), Counter(response_stems)
    weights = {term: WEIGHTS.get(term, RARE_WEIGHT) for term in query}
    total = sum(weights.values())
    if not total:
        return None
    lead = set(response_stems[:_LEAD_WORDS])
    telling = {
        pair
        for pair in pairwise(query_stems)
        if weights[pair[0]] + weights[pair[1]] > _TELLING_PAIR_WEIGHT
    }
    met = telling.intersection(pairwise(response_stems))
    return Overlap(
        cosine=_cosine(query, response),
        coverage=sum(weights[term] for term in query if term in response) / total,
        lead_coverage=sum(weights[term] for term in query if term in lead) / total,
        pair_coverage=len(met) / max(1, len(telling)),
    )


def _cosine(query: dict[str, int], response: dict[str, int]) -> float:
    query_squares = response_squares = dot = 0.0
    for term, count in response.items():
        value = (1.0 + math.log(count)) * WEIGHTS.get(term, RARE_WEIGHT)
        response_squares += value * value
        if term in query:
            dot += value * (1.0 + math.log(query[term])) * WEIGHTS.get(term, RARE_WEIGHT)
    for term, count in query.items():
        query_squares += ((1.0 + math.log(count)) * WEIGHTS.get(term, RARE_WEIGHT)) ** 2
    return min(1.0, dot / math.sqrt(query_squares * response_squares)) if dot else 0.0


def _is_unspaced(text: str) -> bool:
    if text.isascii():
        return False
    return sum("\u2e80" <= char < "\ud800" for char in text) > _UNSPACED_SHARE * len(text)
