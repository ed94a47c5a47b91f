"""Coherence: each kind of breakage lowers the score of the same text."""

import random

import pytest

from llmmon.quality import SCORERS, Texts

QUERY = "Why do birds migrate, and how do they find their way?"
TEXT = (
    "Birds migrate because food becomes scarce when winter comes to the places where they breed. "
    "Many species fly thousands of miles to warmer regions, and they return in spring to nest. "
    "They find their way by the sun, the stars and the magnetic field of the earth. "
    "For example, young birds of some species inherit the direction in which they have to fly. "
    "Overall, migration is a costly journey that pays because birds raise more young in the north."
)


def coherence(response: str, query: str | None = QUERY) -> float:
    value = SCORERS["simple"]["coherence"](Texts(query=query, response=response))
    assert value is not None
    return value


def shuffled_words(text: str) -> str:
    words = text.split()
    random.Random(4).shuffle(words)
    return " ".join(words)


def shuffled_sentences(text: str) -> str:
    sentences = text.removesuffix(".").split(". ")
    return ". ".join(sentences[index] for index in (4, 3, 1, 0, 2)) + "."


def test_sound_text_scores_high() -> None:
    assert coherence(TEXT) > 0.8
    assert coherence(TEXT, query=None) > 0.7
    assert coherence("Paris.") > 0.8


@pytest.mark.parametrize(
    ("kind", "broken", "at_most"),
    [
        ("sentence loop", TEXT[:92] * 8, 0.1),
        ("word loop", TEXT + " very" * 40, 0.1),
        ("character loop", TEXT + " " + "ha" * 400, 0.1),
        ("UTF-8 read as Latin-1", TEXT.replace("e", "é").encode().decode("latin-1"), 0.1),
        ("replacement characters", TEXT.replace("i", "\ufffd"), 0.1),
        ("lone surrogates", TEXT.replace("y", "\udc00"), 0.1),
        ("word shuffle", shuffled_words(TEXT), 0.3),
        ("cut before a noun", TEXT[: TEXT.index("magnetic")].strip(), 0.3),
        ("cut in a sentence", TEXT[: TEXT.index(" of the earth")], 0.5),
    ],
)
def test_breakage_is_seen(kind: str, broken: str, at_most: float) -> None:
    assert coherence(broken) <= at_most, kind


def test_sentences_out_of_order_lower_the_score() -> None:
    assert coherence(shuffled_sentences(TEXT)) < coherence(TEXT) - 0.1


def test_list_numbers_out_of_order_lower_the_score() -> None:
    steps = ["1. Boil the water.", "2. Add the salt.", "3. Cook the pasta.", "4. Serve it."]
    in_order = coherence(" ".join(steps), query=None)
    assert coherence(" ".join(steps[index] for index in (2, 0, 3, 1)), query=None) < in_order - 0.1


def test_another_topic_spliced_in_lowers_the_score() -> None:
    spliced = TEXT[:181] + (
        "Preheat the oven and butter a baking tin. Whisk eggs with sugar until pale. "
        "Fold in flour and cocoa. Bake the sponge for thirty minutes, then glaze it."
    )
    assert coherence(spliced) < coherence(TEXT) - 0.1


@pytest.mark.parametrize(
    "sound",
    [
        "1. Apples\n2. Walnuts\n3. Yoghurt\n4. Carrots",
        "```python\ndef area(radius):\n    return 3.14 * radius ** 2\n```",
        '{"city": "Paris", "river": "Seine"}',
        "The café in Zürich opens at nine. A crème brûlée costs 9 €, the naïve tourist pays more.",
        "Die Vögel ziehen im Herbst nach Süden, weil das Futter im Winter knapp wird.",
    ],
)
def test_lists_code_accents_and_other_languages_are_not_breakage(sound: str) -> None:
    assert coherence(sound, query=None) > 0.6


def test_no_response_has_no_score() -> None:
    assert SCORERS["simple"]["coherence"](Texts(query=QUERY)) is None
    assert SCORERS["simple"]["coherence"](Texts(query=QUERY, response=" ")) is None
