"""Is a text written in a named language? By script, or by its commonest words."""

from collections.abc import Mapping

_READ_CHARS = 1500
_MIN_SCRIPT_SHARE = 0.4
_MIN_COMMON_WORDS_SHARE = 0.08

_SCRIPTS: Mapping[str, tuple[str, str]] = {
    "arabic": ("\u0600", "\u06ff"),
    "bengali": ("\u0980", "\u09ff"),
    "bulgarian": ("\u0400", "\u04ff"),
    "chinese": ("\u4e00", "\u9fff"),
    "farsi": ("\u0600", "\u06ff"),
    "greek": ("\u0370", "\u03ff"),
    "gujarati": ("\u0a80", "\u0aff"),
    "hebrew": ("\u0590", "\u05ff"),
    "hindi": ("\u0900", "\u097f"),
    "japanese": ("\u3040", "\u9fff"),
    "kannada": ("\u0c80", "\u0cff"),
    "korean": ("\u1100", "\ud7ff"),
    "marathi": ("\u0900", "\u097f"),
    "nepali": ("\u0900", "\u097f"),
    "persian": ("\u0600", "\u06ff"),
    "punjabi": ("\u0a00", "\u0a7f"),
    "russian": ("\u0400", "\u04ff"),
    "tamil": ("\u0b80", "\u0bff"),
    "telugu": ("\u0c00", "\u0c7f"),
    "thai": ("\u0e00", "\u0e7f"),
    "ukrainian": ("\u0400", "\u04ff"),
    "urdu": ("\u0600", "\u06ff"),
}
_COMMON_WORDS: Mapping[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "dutch": "de het een en van is dat in op te zijn niet met voor aan er ook",
        "english": "the of and to a in is that for it with as on are be this you by",
        "finnish": "ja on ei se että hän oli ovat mutta kun niin myös tai joka voi kuin",
        "french": "le la les de des et en un une du est que pour dans qui sur il pas",
        "german": "der die das und ist in den von zu mit sich des auf für nicht ein eine dem",
        "italian": "il la di che e un una per è in del le non con si da sono della",
        "polish": "i w z na do się jest nie to że o jak ale po dla od",
        "portuguese": "o a de que e do da em um uma para com os as não é no na",
        "spanish": "el la de que y en un una los las por con para es se del no su",
        "swahili": "na ya wa kwa ni katika za la kuwa hii kama cha au wakati pia",
        "swedish": "och att det i en är som på för av med den till inte ett om",
        "turkish": "ve bir bu için ile da de çok olarak gibi daha o ne var ama",
        "vietnamese": "và của là các một có cho không trong được với những để người này",
    }.items()
}

LANGUAGES: tuple[str, ...] = tuple(sorted((*_SCRIPTS, *_COMMON_WORDS)))
"""Names of the languages that `is_written_in` knows, lower case."""


def is_written_in(text: str, language: str) -> bool:
    """Whether the head of `text` is in `language`, one of LANGUAGES; KeyError for others.

    Languages of one script, as Hindi and Marathi, are not told apart.
    """
    head = text[:_READ_CHARS].lower()
    if language in _SCRIPTS:
        first, last = _SCRIPTS[language]
        letters = [char for char in head if char.isalpha() or first <= char <= last]
        return sum(first <= char <= last for char in letters) > _MIN_SCRIPT_SHARE * len(letters)
    words = head.split()
    common = sum(word in _COMMON_WORDS[language] for word in words)
    return common >= _MIN_COMMON_WORDS_SHARE * len(words)
