"""Relevance: does the response fit the query?"""

import pytest

from llmmon.quality import SCORERS, Texts

PASTA = "How long should I boil fresh pasta, and how much salt goes into the water?"
PASTA_ANSWER = "Boil fresh pasta for two to four minutes, in water with ten grams of salt a litre."
CHESS_ANSWER = "White opens with the queen's pawn, and Black answers with the Slav defence."


def relevance(query: str | None, response: str | None) -> float | None:
    return SCORERS["simple"]["relevance"](Texts(query=query, response=response))


def judged(query: str, response: str) -> float:
    value = relevance(query, response)
    assert value is not None
    return value


def test_an_answer_to_the_question_beats_one_to_another() -> None:
    assert judged(PASTA, PASTA_ANSWER) > 0.7
    assert judged(PASTA, CHESS_ANSWER) < 0.3


def test_stems_match_across_endings() -> None:
    related = judged("Explain photosynthesizing plants", "A plant photosynthesizes by daylight.")
    assert related > judged("Explain photosynthesizing plants", "A bank lends money by contract.")


def test_common_words_alone_are_no_relation() -> None:
    common = "How do I do that and what is it that I can do with it for you?"
    assert judged(PASTA, common) < judged(PASTA, PASTA_ANSWER) - 0.4


def test_the_form_asked_for_counts() -> None:
    query = "Give me a list of five healthy snacks"
    listed = "1. Apples\n2. Walnuts\n3. Yoghurt\n4. Carrots\n5. Hummus"
    code = "```\ndef f():\n    return 1\n```\nprint(f())"
    assert judged(query, listed) > judged(query, code)


@pytest.mark.parametrize(
    ("query", "response"),
    [
        (None, PASTA_ANSWER),
        ("", PASTA_ANSWER),
        (PASTA, None),
        (PASTA, "  "),
        ("for the", PASTA_ANSWER),
        ("鳥はなぜ空を飛べるのですか", "翼があるからです"),
    ],
)
def test_what_cannot_be_judged_has_no_score(query: str | None, response: str | None) -> None:
    assert relevance(query, response) is None
