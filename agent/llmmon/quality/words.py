"""Words, stems and how much a word tells: what the lexical scorers share."""

from collections.abc import Iterable, Mapping

from llmmon.quality.vocabulary import COMMON_WORDS

_SEPARATORS = str.maketrans(
    dict.fromkeys('!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\n\t\r“”‘…–—•·।。、，', " ")
    | dict.fromkeys("'’", "")
)
_ENDINGS = (
    *("ization", "ational", "ation", "ments", "ment", "ingly", "edly", "ings", "ness", "tion"),
    *("able", "ible", "ing", "ance", "ence", "ally", "ious", "ive", "ed", "er", "or", "ly"),
    *("al", "ic", "est", "y", "e"),
)
_ENDINGS_BY_LAST: Mapping[str, tuple[str, ...]] = {
    last: tuple(ending for ending in _ENDINGS if ending[-1] == last)
    for last in {ending[-1] for ending in _ENDINGS}
}
_SHORTEST_STEM = 4


def split(text: str) -> list[str]:
    """Lower-case words of `text` in order; apostrophes vanish, other punctuation separates."""
    return text.lower().translate(_SEPARATORS).split()


def word_set(listed: str) -> frozenset[str]:
    """The words of a table written as one string."""
    return frozenset(listed.split())


def stem(word: str) -> str:
    """`word` without plural and common derivational endings; a light cousin of Porter's stemmer."""
    word = _singular(word)
    if len(word) > _SHORTEST_STEM + 1:
        for ending in _ENDINGS_BY_LAST.get(word[-1], ()):
            if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
                return word[: -len(ending)]
    return word


def stems(words: Iterable[str]) -> list[str]:
    """The stem of each word in order; each distinct word is worked out once."""
    words = list(words)
    stem_of = {word: stem(word) for word in set(words)}
    return [stem_of[word] for word in words]


def _singular(word: str) -> str:
    if len(word) < 4 or not word.endswith("s"):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    return word if word[-2] in "su" else word[:-1]


def _stem_weights(tiers: Iterable[tuple[float, str]]) -> Mapping[str, float]:
    weights: dict[str, float] = {}
    for weight, listed in tiers:
        for word in listed.split():
            weights.setdefault(stem(word), weight)
    return weights


WEIGHTS: Mapping[str, float] = _stem_weights(COMMON_WORDS)
"""Stem to how much it tells, 0 to 1, from the commonest; stems not listed weigh RARE_WEIGHT.

It stands for the inverse document frequency, which a stateless scorer cannot count.
"""

RARE_WEIGHT = 1.0
