"""Detectors of text that broke on its way: loops, garbled characters, an answer cut off.

Each returns evidence of breakage in log odds, 0 or more; 0 says that nothing was found.
"""

import re
from collections.abc import Sequence

from llmmon.quality.words import word_set

_LOOP_WORDS = 6
_LOOP_TAIL_CHARS = 12
_MAX_EVIDENCE = 7.0


def loop_evidence(text: str) -> float:
    """Evidence that the text repeats itself: runs of 6 words, one piece of characters, a last word.

    A refrain stays cheap: only what is repeated beyond a tenth of the text counts.
    """
    words = text.split()
    runs = max(1, len(words) - _LOOP_WORDS + 1)
    distinct = len(set(zip(*(words[offset:] for offset in range(_LOOP_WORDS)), strict=False)))
    repeated = 1.0 - distinct / runs if distinct else 0.0
    tail = text[-_LOOP_TAIL_CHARS:]
    if len(text) > 8 * _LOOP_TAIL_CHARS and any(map(str.isalnum, tail)):
        repeated = max(repeated, text.count(tail) * _LOOP_TAIL_CHARS / len(text))
    evidence = 12.0 * max(0.0, repeated - 0.1) + 1.0 * max(0, _stuck_count(words) - 2)
    return min(_MAX_EVIDENCE, evidence)


def _stuck_count(words: Sequence[str]) -> int:
    """How often the last word, or the last two, stand in a row at the end."""
    most = 1
    for period in (1, 2):
        unit, count, end = words[-period:], 1, len(words) - period
        while end >= period and words[end - period : end] == unit:
            count, end = count + 1, end - period
        most = max(most, count)
    return most


# UTF-8 read as Latin-1 or Windows-1252: a lead byte's letter before a continuation byte's.
_MISREAD = re.compile("[\xc2\xc3][\x80-\xbf]|[\xc4-\xf4][\x80-\x9f]|â€|\ufffd|[\ud800-\udfff]")
_CONTROLS = ("\x00", "\x01", "\x08", "\x1b", "\x7f")


def garble_evidence(text: str) -> float:
    """Evidence of a wrong decoding: replacement characters, misread UTF-8, lone surrogates."""
    count = sum(map(text.count, _CONTROLS))
    if not text.isascii():
        count += len(_MISREAD.findall(text))
    if not count:
        return 0.0
    return min(_MAX_EVIDENCE, 2.0 + 300.0 * count / len(text))


_STOPS = frozenset(".!?…。！？।;)]}>|`*_\"'”’»")
_FULL_STOP = re.compile(r"[^\W\d][\"')*”]?[.!?][\"')*”]?\s")
_LIST_NUMBER = re.compile(r"(?:^|\s)\d{1,2}[.)]\s")
_DANGLING = word_set(
    "a an the of to in on at by for with from into and or but nor as than that which who whose is"
    " are was were be been has have had can could will would should may might must this these those"
    " its their your his her our my such because if while when where so not very more most"
    " including between through during without about over under each every"
)


def truncation_evidence(text: str) -> float:
    """Evidence that the text stops in mid-way: a dangling word, no full stop, an open bracket."""
    last_line = text.rpartition("\n")[2].strip()
    open_marks = (text.count("(") > text.count(")")) + (text.count("```") % 2)
    if text[-1:] in _STOPS:
        return 0.3 * open_marks
    last_word = last_line.rpartition(" ")[2].lower()
    if last_word in _DANGLING or text[-1:] in (",", "-", "/", "("):
        return 4.5
    if text[-1:] == ":":
        return 2.5
    if not text[-1:].isalnum():
        return 0.5 * open_marks
    return 1.0 * open_marks + _unstopped_evidence(text, last_line)


def _unstopped_evidence(text: str, last_line: str) -> float:
    """Prose ends with a stop; lists, verse, code, names and signatures need none."""
    stops = len(_FULL_STOP.findall(text))
    if not stops:
        return 0.8 if len(last_line) > 120 else 0.2
    if stops < len(_LIST_NUMBER.findall(text)):
        return 0.8
    lines = [line for line in text.split("\n") if line.strip()]
    unstopped = sum(line.rstrip()[-1] not in _STOPS for line in lines[:-1])
    if len(lines) > 2 and unstopped > 0.3 * len(lines):
        return 0.8
    return 3.5 if last_line[-1:].islower() else 2.8
