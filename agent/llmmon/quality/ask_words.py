"""Words to use or to avoid, endings, languages and repetitions that a query asks for."""

import re
from collections.abc import Iterator

from llmmon.quality import checks
from llmmon.quality.bounds import BEFORE, NUMBER, Bounds, number, read_bounds
from llmmon.quality.checks import Check
from llmmon.quality.languages import LANGUAGES, is_written_in
from llmmon.quality.words import word_set

_QUOTED = re.compile(r"[\"'](\w[^\"'\n]{0,60}?)[\"']")
_LISTED = re.compile(r"\w[\w-]*")
_LIST_WORDS = word_set("and or the word words in your response entire etc")
_NEGATED = re.compile(r"(?:not|n't|avoid|without)\b[^.]{0,20}$")
_INCLUDE = re.compile(
    r"(?:includ\w+|with|contain\w*|mention|use)(?: the| these| following| both| all)*"
    r" ?(?:key ?words?|words)\b:? (?P<rest>[^.\n]*)"
)
_FORBID = re.compile(
    r"(?:not|n't|without|avoid|refrain from|no)\b(?: \w+){0,5}?"
    r" (?:using|use|include|including|mention|mentioning|say|contain)"
    r"(?: \w+){0,4}?(?: \(?\w+\)?)?:? (?P<rest>[\"'][^.\n]*|[^.\n]*[\"'][^.\n]*)"
)
_FORBID_BARE = re.compile(
    r"(?:not|n't|avoid|without) (?:include|use|using|mention)[^.:\"']{0,20}"
    r" key ?words:? (?P<rest>[^.\"'\n]+)$",
    re.MULTILINE,
)
_FREQUENCY = re.compile(
    r"(?:word|keyword|letter)s? [\"']?(?P<word>[\w#!-]+)[\"']?(?P<link>[^.]{0,30}?)\b(?:"
    + BEFORE
    + r" ?"
    + NUMBER
    + r"(?: (?P<times>times?))?)(?! placeholder| word| sentence| bullet| italic)"
)
_NOT_COUNTED = word_set("with in or that of for and all to count")


def find_keywords(_query: str, lower: str) -> Iterator[Check]:
    """Words and letters to use, and how often."""
    if "word" not in lower and "letter" not in lower:
        return
    counted: set[str] = set()
    for found in _FREQUENCY.finditer(lower):
        word, before, amount = found["word"], found[3] or "", found[4]
        repeated = found["times"] or amount in ("once", "twice")
        if word not in _NOT_COUNTED and (before or repeated):
            counted.add(word)
            yield _frequency(
                word, read_bounds(before, amount, "", "") or Bounds(number(amount), None)
            )
    for found in _INCLUDE.finditer(lower):
        if not _NEGATED.search(lower[max(0, found.start() - 40) : found.start()]):
            words = [word for word in _QUOTED.findall(found["rest"]) if word not in counted]
            if words:
                yield _existence(words)


def _frequency(word: str, wanted: Bounds) -> Check:
    name = "letter_frequency" if len(word) == 1 else "frequency"
    return checks.count_check(name, lambda text: checks.keyword_count(text, word), wanted)


def _existence(words: list[str]) -> Check:
    return Check("existence", lambda text: all(checks.keyword_count(text, word) for word in words))


def find_forbidden(_query: str, lower: str) -> Iterator[Check]:
    """Words not to use: quoted, or listed after "keywords"."""
    if "word" not in lower and "mention" not in lower and "include" not in lower:
        return
    for found in _FORBID.finditer(lower):
        words = _QUOTED.findall(found["rest"])
        if words:
            yield _forbidden(words)
            return
    if bare := _FORBID_BARE.search(lower):
        yield _forbidden([w for w in _LISTED.findall(bare["rest"]) if w not in _LIST_WORDS])


def _forbidden(words: list[str]) -> Check:
    return Check(
        "forbidden_words", lambda text: not any(checks.has_word(text, word) for word in words)
    )


_END = re.compile(
    r"(?:end|finish)\b[^.\"':]{0,60}?(?:phrase|with|by saying)[^\"':]{0,40}?(?:: ?\n*|\"|')\s*"
    r"[\"']?([^\"\n]+)"
)


def find_ending(_query: str, lower: str) -> Iterator[Check]:
    """A phrase to end with."""
    if ("end" in lower or "finish" in lower) and (found := _END.search(lower)):
        phrase = found[1].strip().strip("\"'")
        yield Check("end_checker", lambda text: checks.ends_with(text, phrase))


_LANGUAGE = re.compile(
    r"\b(?:in|only|using|but use)(?: the| only| just)* ("
    + "|".join(LANGUAGES)
    + r")\b(?! speaking)"
)


def find_language(_query: str, lower: str) -> Iterator[Check]:
    """A language other than English to answer in."""
    if "language" not in lower and "entire" not in lower and "only" not in lower:
        return
    found = _LANGUAGE.search(lower)
    if found and found[1] != "english":
        language = found[1]
        yield Check("response_language", lambda text: is_written_in(text, language))


_REPEAT = re.compile(r"(?:^|(?<=[.!?\n])\s{0,3})[^.!?\n]{0,200}\brepeat (?:the|this|what)\b")
_VERBATIM = re.compile(r"word for word|chang|exact|before|first")
_LEAST_REQUEST_CHARS = 15


def find_repetition(query: str, lower: str) -> Iterator[Check]:
    """The request itself, to be repeated before the answer."""
    if "repeat" not in lower or len(lower) != len(query):
        return
    found = _REPEAT.search(lower)
    if found and _VERBATIM.search(lower):
        start = found.start()
        asked = query[:start] if start > _LEAST_REQUEST_CHARS else query.rpartition("\n\n")[2]
        yield Check("repeat_prompt", lambda text: checks.starts_with(text, asked))
