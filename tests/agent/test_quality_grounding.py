"""Factuality: is the response grounded in the context given?"""

from llmmon.quality import SCORERS, Texts

CONTEXT = "The Eiffel Tower was completed in 1889 and stands 330 metres tall in Paris."


def factuality(response: str | None, context: str | None = CONTEXT) -> float | None:
    return SCORERS["simple"]["factuality"](Texts(response=response, context=context))


def judged(response: str) -> float:
    value = factuality(response)
    assert value is not None
    return value


def test_what_the_context_says_is_grounded() -> None:
    assert judged("The Eiffel Tower stands 330 metres tall.") > 0.8


def test_what_it_does_not_say_is_not() -> None:
    assert judged("My favourite dessert is a lemon tart with meringue.") < 0.1


def test_a_changed_number_lowers_the_score() -> None:
    right = judged("The tower was completed in 1889.")
    assert judged("The tower was completed in 1931.") < right - 0.2


def test_without_a_source_there_is_no_score() -> None:
    assert factuality("The tower is tall.", context=None) is None
    assert factuality("The tower is tall.", context="") is None
    assert factuality(None) is None
