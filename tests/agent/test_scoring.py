"""The CPU budget of scoring, and what of a text is scored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmon.packing.scoring import ScoreBudget, as_text, is_sampled, score_extra


def test_all_are_scored_while_the_budget_lasts_and_a_sample_beyond() -> None:
    budget = ScoreBudget(0.05, now_s=0.0)
    assert budget.rate(100, 0.0) == 1.0
    budget.spent(100, 100 * 200e-6)
    assert budget.rate(10_000, 0.0) < 0.1
    assert budget.rate(10, 60.0) == 1.0


def test_over_time_no_more_than_the_share_is_spent() -> None:
    budget, spent_s, now_s = ScoreBudget(0.05, 0.0), 0.0, 0.0
    for _ in range(400):
        now_s += 0.25
        scored = int(1000 * budget.rate(1000, now_s))
        budget.spent(scored, scored * 100e-6)
        spent_s += scored * 100e-6
    assert 0.02 < spent_s / now_s < 0.06


def test_no_budget_scores_nothing() -> None:
    assert ScoreBudget(0.0, 0.0).rate(1, 100.0) == 0.0


@given(st.integers(0, 10), st.integers(0, 10), st.text())
def test_a_smaller_sample_is_part_of_a_greater_one(a: int, b: int, request_id: str) -> None:
    few, many = sorted((2.0**-a, 2.0**-b))
    assert is_sampled(request_id, many) or not is_sampled(request_id, few)


def test_a_sample_is_about_as_large_as_its_rate() -> None:
    taken = sum(is_sampled(f"0123456789abcdef-{n:x}", 0.25) for n in range(10_000))
    assert 2300 < taken < 2700


def test_scores_of_the_caller_are_kept() -> None:
    extra = {"query": "What is the capital of France?", "response": "Paris.", "relevance": 0.125}
    score_extra(extra, "simple", 0.5)
    assert extra["relevance"] == 0.125
    assert extra["score_sample"] == 0.5
    assert "coherence" in extra


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, None),
        ("plain", "plain"),
        (b"caf\xc3\xa9", "café"),
        ({"role": "user", "content": "hi"}, "hi"),
        ([{"content": "a"}, {"content": [{"type": "text", "text": "b"}]}, "c"], "a\nb\nc"),
        (12, "12"),
        ([{"type": "image_url", "image_url": {"url": "data:AAAA"}}, {"text": "b"}], "b"),
        ([{"role": "assistant", "content": None, "tool_calls": []}, "c"], "c"),
        ({"title": "T"}, "{'title': 'T'}"),
    ],
)
def test_messages_and_documents_become_text(content: object, text: str | None) -> None:
    assert as_text(content) == text
