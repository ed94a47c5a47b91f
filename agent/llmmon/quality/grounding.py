"""Does the response rest on the context it was given?"""

import math
from itertools import pairwise

from llmmon.quality.texts import Texts, clip
from llmmon.quality.words import RARE_WEIGHT, WEIGHTS, split, stems

_PRIOR = -3.0
_COVERAGE_WEIGHT = 5.3
_PAIR_WEIGHT = 2.8
_FOREIGN_NUMBERS_WEIGHT = -1.0
_FOREIGN_WORDS_WEIGHT = -0.7
_LEAST_WORD_WEIGHT = 0.15


def factuality(texts: Texts) -> float | None:
    """Score from 0 to 1 of how much of the response the context holds: grounding, not truth.

    A logistic of the weighted share of the response's stems and of its pairs of words met in the
    context, against numbers and rare words that are not. A swapped name, a negation or a wrong
    link between words of the context is not seen, and a fair paraphrase scores low. None without
    response or context: without a source nothing can be said of facts.
    """
    context = stems(split(clip(texts.context)))
    response = stems(split(clip(texts.response)))
    if not context or not response:
        return None
    given, said = set(context), set(response)
    weights = {term: _LEAST_WORD_WEIGHT + WEIGHTS.get(term, RARE_WEIGHT) for term in said}
    coverage = sum(weights[term] for term in said & given) / sum(weights.values())
    pairs = set(pairwise(response))
    pair_coverage = len(pairs.intersection(pairwise(context))) / max(1, len(pairs))
    numbers = [term for term in said if any(map(str.isdigit, term))]
    foreign_numbers = sum(term not in given for term in numbers) / max(1, len(numbers))
    foreign_words = sum(term not in WEIGHTS for term in said - given)
    log_odds = (
        _PRIOR
        + _COVERAGE_WEIGHT * coverage
        + _PAIR_WEIGHT * pair_coverage
        + _FOREIGN_NUMBERS_WEIGHT * foreign_numbers
        + _FOREIGN_WORDS_WEIGHT * math.log1p(foreign_words)
    )
    return 1.0 / (1.0 + math.exp(-log_odds))
