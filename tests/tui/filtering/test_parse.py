import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmon_tui.filtering.amount import Amount, parse_amount
from llmmon_tui.filtering.parse import Term, Value, parse_filter, quote, scan


def texts(text):
    return [
        (term.negated, term.field, term.operator, tuple(value.text for value in term.values))
        for term in parse_filter(text)
    ]


def test_the_whole_language():
    text = '!op=judge "rate limit" p95>2s cost>$0.05 status>=500 user:abc -error level!=a,"b c"'
    assert texts(text) == [
        (True, "op", ":", ("judge",)),
        (False, "", "", ("rate limit",)),
        (False, "p95", ">", ("2s",)),
        (False, "cost", ">", ("$0.05",)),
        (False, "status", ">=", ("500",)),
        (False, "user", ":", ("abc",)),
        (True, "", "", ("error",)),
        (False, "level", "!=", ("a", "b c")),
    ]


@pytest.mark.parametrize("text", ["", "  ", "-", "!", "model:", "p95>", 'model:"', '"', ",", '""'])
def test_what_is_unfinished_does_not_count(text):
    assert parse_filter(text) == ()


def test_places():
    assert [(term.start, term.end) for term in scan("a  -b:c,d p95>")] == [(0, 1), (3, 9), (10, 14)]


def test_an_open_quote_takes_the_rest():
    assert parse_filter('model:"a b c')[0].values == (Value("a b c", quoted=True, open=True),)


def test_quotes_inside_quotes():
    assert texts(r'"say \"hi\" \\ \n"') == [(False, "", "", (r'say "hi" \ \n',))]


@given(st.text(min_size=1))
def test_a_quoted_value_is_read_as_it_was(text):
    (term,) = parse_filter("model:" + quote(text))
    assert [value.text for value in term.values] == [text]
    assert not term.values[0].is_glob


@given(st.text(alphabet='ab:=!-<>",\\* \n', max_size=30))
def test_every_term_stands_where_it_says(text):
    ends = 0
    for term in scan(text):
        assert isinstance(term, Term)
        assert ends <= term.start < term.end <= len(text)
        ends = term.end


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("2s", Amount(2000, True)),
        ("1.5h", Amount(5_400_000, True)),
        ("250us", Amount(0.25, True)),
        ("$0.05", Amount(0.05)),
        ("$1.5k", Amount(1500)),
        ("5%", Amount(0.05)),
        ("-3", Amount(-3)),
        (".5", Amount(0.5)),
        ("1e3", None),
        ("9" * 400, None),
        ("٣", None),
        ("$", None),
        ("", None),
    ],
)
def test_amounts(text, amount):
    assert parse_amount(text) == amount


def test_seconds():
    assert parse_amount("5m").of_field("window_s") == 300
    assert parse_amount("5m").of_field("latency_ms") == 300_000
    assert parse_amount("300").of_field("window_s") == 300
