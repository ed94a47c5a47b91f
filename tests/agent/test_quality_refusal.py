"""Refusal: the probability that a response declines."""

import pytest

from llmmon.quality import SCORERS, Texts


def refusal(response: str | None) -> float | None:
    return SCORERS["simple"]["refusal"](Texts(response=response))


@pytest.mark.parametrize(
    "response",
    [
        "I'm sorry, but I can't help with that.",
        "I’m sorry, but I cannot assist with that request.",
        "I cannot provide instructions on how to do this. It is illegal and unethical.",
        "  As an AI, I am unable to comply with this request, as it goes against my guidelines.",
    ],
)
def test_a_refusal_is_seen(response: str) -> None:
    value = refusal(response)
    assert value is not None
    assert value > 0.8


@pytest.mark.parametrize(
    "response",
    [
        "To end a Python process, you can use the kill command:\n1. Find its id.\n2. Kill it.",
        "Paris is the capital of France.",
        "Sure! Here are three ideas: a walk, a swim and a film.",
        "The report says that the bank cannot provide figures before May.",
    ],
)
def test_an_answer_is_not_a_refusal(response: str) -> None:
    value = refusal(response)
    assert value is not None
    assert value < 0.5


def test_a_refusal_quoted_far_down_does_not_count() -> None:
    answer = "The play opens on a quiet street in Rome, where two friends meet. " * 15
    quoted = refusal(answer + "He says: I'm sorry, I cannot do this.")
    assert quoted == refusal(answer)


def test_no_response_is_not_zero() -> None:
    assert refusal(None) is None
    assert refusal("") is None
    assert refusal("  \n") is None
