import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmon_tui.filtering import problems


@pytest.mark.parametrize(
    "text",
    [
        "",
        "gpt error -ok",
        "model:gpt-*,claude p95>2s status:429,500",
        'cost:"" window>5m "a b"',
        "status!=200",
    ],
)
def test_what_is_right(text):
    assert problems(text) == ()


@pytest.mark.parametrize(
    ("text", "span", "told"),
    [
        ("ok modle:x", (3, 10), "no field modle: model?"),
        ("-latncy_ms>3", (0, 12), "no field latncy_ms: latency_ms?"),
        ("xyzzy:3", (0, 7), 'no field xyzzy: quote it to search for "…"'),
        ("p95>many", (0, 8), 'p95: "many" is no number such as 2s'),
        ("cost>5,000", (0, 10), 'cost: "5,000" is no number such as $0.05'),
        ("err>x", (0, 5), 'err: "x" is no number such as 5%'),
        ("status:200,x", (0, 12), 'status: "x" is no number such as 3'),
        ("model>3", (0, 7), "model is text: use model: instead of >"),
    ],
)
def test_mistakes(text, span, told):
    (found,) = problems(text, ("groups", "requests"))
    assert ((found.start, found.end), found.text) == (span, told)
    assert not found.unfinished


@pytest.mark.parametrize("text", ["model:", "p95>", '"rate li', 'model:a,"b', "-"])
def test_what_more_typing_may_mend(text):
    (found,) = problems(text)
    assert found.unfinished


def test_a_field_of_other_rows_has_no_effect():
    (found,) = problems("latency_ms>3s", ("logs",))
    assert found.text == "logs have no latency_ms: no effect"
    assert problems("latency_ms>3s", ("logs", "requests")) == ()


@given(st.text(alphabet='abp95:=!-<>",\\* $', max_size=30))
def test_a_problem_stands_in_the_text(text):
    for found in problems(text):
        assert 0 <= found.start < found.end <= len(text)
        assert found.text
