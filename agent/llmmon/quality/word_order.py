"""Detector of shuffled words: are neighbouring kinds of words as English puts them?"""

from collections.abc import Mapping
from itertools import pairwise

_READ_WORDS = 200
_FULL_TRUST_PAIRS = 25
_MIN_FUNCTION_SHARE = 0.15
_PLAUSIBLE_MEAN = 0.03
_GAIN = 22.0
_MAX_EVIDENCE = 7.0

_SENTENCE_START = "^"
_PAUSE = ","
_ORDINARY = "O"
_EMPTY = "Y"
_FUNCTION_KINDS = frozenset("DPTANBMCSX")

_KIND_WORDS = {
    "D": "the a an this these those my your his her its our their each every some any no",
    "P": "of in on at by for with from into about over under between through during without within"
    " across among against toward towards around like after before since until per via upon",
    "T": "to",
    "A": "as than",
    "N": "i you he she it we they me him us them who one there",
    "B": "is are was were be been being am",
    "M": "can could will would should may might must shall does did do has have had dont cannot",
    "C": "and or but nor",
    "S": "that which when where while if because although so whether how what why then",
    "X": "not also more most very often just only even well too still",
}
_KINDS: Mapping[str, str] = {
    word: kind for kind, listed in _KIND_WORDS.items() for word in listed.split()
}
_ENDINGS = (("ing", "G"), ("ed", "E"), ("ly", "L"), ("s", "Z"))

# Log odds, in halves, that a pair of kinds comes from written English and not from the same words
# shuffled, counted on public instruction data; # is a number, K a capitalised word, O any other.
_PAIRS_BY_LOG_ODDS = {
    -2.5: "BC BM CC DA DC DD DP DS DT MC MK PA PB PC PM PP SC TC TP TT",
    -2.0: "BB CT DB DN EB EM MP N# ND NK NN PT TS XC ^B ^O",
    -1.5: "#D ,T AP BK BZ CP DM EE GG LD MG MS MZ NC SP TN XK XN ^C ^T",
    -1.0: ",B ,M ,P BP BS C# CA CB D# E# EN GK GM LK NG NS OX PE PX TE TZ ZZ ^M",
    -0.5: "## #P ,E ,O ,Z AO BN BT CK CM ED EG EK EL EO G# GB GE GL GX KA KE KN KS KX MT NP OD"
    " OE OG OK OL ON PL PS SK SO SS ST TG TK TM XD ZD ZG ZK ZN ZO ZX ^E ^G ^P ^X ^Z",
    0.5: "#B #C ,A AG BD BG CG CO CX DO DZ GD GP GT KB KM LG ML MM OA OC OP OT PG SZ TD TO XG XM XX"
    " ZB ZM ZS ^D ^L ^S",
    1.0: "#Z ,C ,G ,N ,S AD AN EP ME NE PD SB SM SN XA XE XL ZC ZP ZT ^A ^K ^N",
    1.5: "BE BL BX ET LE MX NB NM",
    2.0: "MB",
}
_LOG_ODDS: Mapping[tuple[str, str], float] = {
    (pair[0], pair[1]): log_odds
    for log_odds, pairs in _PAIRS_BY_LOG_ODDS.items()
    for pair in pairs.split()
}


def word_order_evidence(text: str) -> float:
    """Evidence in log odds, 0 or more, that the words of the text are shuffled.

    The mean log odds of its pairs of neighbouring word kinds (closed classes, endings, sentence
    bounds) over the first 200 words. 0 for text with few English function words: other languages,
    code, tables and lists of names cannot be judged.
    """
    kinds = _kinds(text)
    function_words = sum(kind in _FUNCTION_KINDS for kind in kinds)
    if function_words < _MIN_FUNCTION_SHARE * len(kinds):
        return 0.0
    log_odds = [_LOG_ODDS.get(pair, 0.0) for pair in pairwise(kinds)]
    if not log_odds:
        return 0.0
    shortfall = _PLAUSIBLE_MEAN - sum(log_odds) / len(log_odds)
    trust = min(1.0, len(log_odds) / _FULL_TRUST_PAIRS)
    return trust * min(_MAX_EVIDENCE, _GAIN * max(0.0, shortfall))


def _kinds(text: str) -> list[str]:
    kinds = [_SENTENCE_START]
    for token in text.split(None, _READ_WORDS)[:_READ_WORDS]:
        kinds.append(_KINDS.get(token) or _kind(token))
        if not token[-1].isalnum():
            last = token.rstrip("\"')*”")[-1:]
            if last in (".", "!", "?"):
                kinds += ("$", _SENTENCE_START)
            elif last in (",", ";", ":"):
                kinds.append(_PAUSE)
    return kinds


def _kind(token: str) -> str:
    bare = token.strip("\"'()[]*`,.;:!?“”").replace("'", "").replace("’", "")
    word = bare.lower()
    if known := _KINDS.get(word):
        return known
    if not word:
        return _EMPTY
    if word[0].isdigit():
        return "#"
    for ending, kind in _ENDINGS:
        if word.endswith(ending):
            return kind
    return "K" if bare[0].isupper() else _ORDINARY
