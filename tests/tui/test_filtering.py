import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmon_tui.filtering import matches, parse_filter

LABELS = {"provider": "openai", "model": "gpt-4o", "route": None}
NUMBERS = {"error_rate": 0.072, "latency_p95": 3410.0, "hourly_cost": None, "requests": 61}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("", True),
        ("gpt", True),
        ("GPT openai", True),
        ("gpt claude", False),
        ("!claude", True),
        ("!gpt", False),
        ("model=gpt", True),
        ("model=openai", False),
        ("!provider=anthropic", True),
        ("route=x", False),
        ("op=chat", True),
        ("!op=chat", True),
        ("took>1s", True),
        ("err>5%", True),
        ("err>0.08", False),
        ("err<=7.2%", True),
        ("p95>2s p95<4s", True),
        ("p95>=3410ms", True),
        ("n=61", True),
        ("cost>1", False),
        ("cost<1", False),
        ("!cost>1", True),
        ("nothing>1", False),
        ("!nothing>1", False),
        ("err>many", False),
        ('"gpt-4o"', True),
        ('"gpt 4o"', False),
    ],
)
def test_terms(text, holds):
    assert matches(parse_filter(text), LABELS, NUMBERS) is holds


@given(st.text(max_size=40))
def test_any_text_is_a_filter(text):
    assert matches(parse_filter(text), LABELS, NUMBERS) in {True, False}
