"""The sets of quality scorers, and what holds for every scorer on any text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmmon import quality
from llmmon.quality import SCORERS, Texts, score
from llmmon.quality.texts import PROSE_LIMIT_CHARS, clip

NAMES = {"relevance", "coherence", "safety", "refusal", "format", "factuality"}
DEMANDS = (
    *("at least", "3", "words", "sentences", "json", '"', "```", "include keyword", "\n\n", "."),
    *("do not use", "***", "<<a>>", "[x]", "p.s.", "repeat the request", "paragraph 2", "commas"),
    *("starts with the word", "all capital letters", "end with", "in Hindi language"),
)
ANY_TEXT = st.one_of(
    st.text(st.characters(), max_size=400),  # lone surrogates and NULs included
    st.builds(
        lambda piece, times: piece * times,
        st.text(st.characters(), min_size=1, max_size=12),
        st.integers(min_value=1, max_value=3000),
    ),
    st.lists(
        st.sampled_from(DEMANDS),
        max_size=30,
    ).map(" ".join),
)
MAYBE_TEXT = st.none() | ANY_TEXT


def test_the_sets_hold_the_scores_of_the_schema() -> None:
    assert set(SCORERS) == {"simple", "seed"}
    assert set(SCORERS["simple"]) == NAMES
    assert set(SCORERS["seed"]) == NAMES - {"factuality"}


def test_an_unknown_set_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'seed', 'simple', got 'judge'"):
        score(Texts(response="Hello there."), scorers="judge")


def test_what_cannot_be_judged_is_left_out() -> None:
    judged = score(Texts(response="The capital of France is Paris."))
    assert set(judged) == {"coherence", "safety", "refusal"}


@pytest.mark.parametrize("empty", [None, "", " \n\t "])
@pytest.mark.parametrize("scorers", ["simple", "seed"])
def test_no_response_gives_no_score(empty: str | None, scorers: str) -> None:
    texts = Texts(query="What is new?", response=empty, context="Much.", expected_format="json")
    if empty in (None, ""):
        assert score(texts, scorers) == {}
    else:
        assert "format" not in score(texts, scorers)


def test_everything_known_gives_every_score() -> None:
    texts = Texts(
        query="Give the river of Paris as JSON.",
        response='{"river": "Seine"}',
        context="The Seine flows through Paris.",
        expected_format="json",
    )
    assert set(score(texts)) == NAMES


@pytest.mark.parametrize("scorers", sorted(SCORERS))
@settings(max_examples=120, deadline=None)
@given(MAYBE_TEXT, MAYBE_TEXT, MAYBE_TEXT, st.sampled_from([None, "json", "text"]))
def test_any_text_scores_from_0_to_1_or_not_at_all(
    scorers: str,
    query: str | None,
    response: str | None,
    context: str | None,
    expected_format: str | None,
) -> None:
    texts = Texts(query, response, context, expected_format)
    for name, value in score(texts, scorers).items():
        assert 0.0 <= value <= 1.0, name


@given(ANY_TEXT, ANY_TEXT)
@settings(max_examples=40, deadline=None)
def test_scores_are_a_function_of_the_texts(query: str, response: str) -> None:
    texts = Texts(query=query, response=response)
    assert score(texts) == score(texts)


def test_a_long_text_is_clipped_to_head_and_tail() -> None:
    text = "a" * PROSE_LIMIT_CHARS + "b" * PROSE_LIMIT_CHARS
    clipped = clip(text)
    assert len(clipped) == PROSE_LIMIT_CHARS
    assert clipped.startswith("aaa")
    assert clipped.endswith("bbb")


def test_public_names_are_sorted() -> None:
    assert quality.__all__ == sorted(quality.__all__)
