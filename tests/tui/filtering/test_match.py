import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.snapshots import AT_NS, alert, check
from support.viewer_data import request_row

from llmmon_tui.filtering import (
    alert_subject,
    check_subject,
    flags_of,
    matches,
    parse_filter,
    plain_subject,
    request_subject,
)
from llmmon_tui.rows import parse_row

LABELS = {"provider": "openai", "model": "gpt-4o", "route": None}
NUMBERS = {
    "error_rate": 0.072,
    "latency_p95": 3410.0,
    "hourly_cost": None,
    "requests": 61,
    "unpriced_requests": 0,
}


def passes(text, **changes):
    row = parse_row(request_row(0, **changes))
    return request_subject(row, slow_ms=2000.0).passes(parse_filter(text))


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("", True),
        ("gpt", True),
        ("GPT openai", True),
        ("gpt claude", False),
        ("!claude", True),
        ("-claude", True),
        ("!gpt", False),
        ("model=gpt", True),
        ("model:gpt", True),
        ("MODEL:GPT", True),
        ("model==gpt", True),
        ("model:openai", False),
        ("model!=openai", True),
        ("model!=gpt", False),
        ("model>gpt", False),
        ("!provider=anthropic", True),
        ("route=x", False),
        ("-route:x", True),
        ("route!=x", False),
        ('route:""', True),
        ('route!=""', False),
        ('model!=""', True),
        ("op=chat", True),
        ("!op=chat", True),
        ("took>1s", True),
        ("err>5%", True),
        ("err>0.08", False),
        ("err<=7.2%", True),
        ("err=7.2%", True),
        ("err!=7.2%", False),
        ("p95>2s p95<4s", True),
        ("p95>=3410ms", True),
        ("p95>=3410000us", True),
        ("p95<1m", True),
        ("p95<1h", True),
        ("n=61", True),
        ("n:60,61", True),
        ("n!=60,61", False),
        ("n<1k", True),
        ("n<.1M", True),
        ("cost>1", False),
        ("cost<$1", False),
        ("cost!=$1", False),
        ('cost:""', True),
        ("!cost>1", True),
        ("nothing>1", False),
        ("!nothing>1", False),
        ("err>many", False),
        ("err>1,000", False),
        ('"gpt-4o"', True),
        ('"gpt 4o"', False),
        ("gpt-*", True),
        ("pt-*", False),
        ("*4o", True),
        ("model:*-4*", True),
        ('model:"gpt-*"', False),
        ("model:claude,gpt", True),
        ("claude,gpt", True),
        ("-model:claude,gpt", False),
        ("error", True),
        ("-error", False),
        ("ok", False),
        ("failed", True),
        ('"error"', False),
        ("unpriced", False),
        ("slow", False),
        ("model: err> -", True),
        ('"gp', True),
    ],
)
def test_terms(text, holds):
    assert matches(parse_filter(text), LABELS, NUMBERS) is holds


@given(st.text(max_size=40))
def test_any_text_is_a_filter(text):
    assert matches(parse_filter(text), LABELS, NUMBERS) in {True, False}


@given(st.sampled_from(["gpt", "model:gpt", "n>5", "error", "route:x", "cost>1", "err>many"]))
def test_a_sign_turns_a_term_round(text):
    plain, turned = (matches(parse_filter(sign + text), LABELS, NUMBERS) for sign in ("", "-"))
    assert plain is not turned


def test_a_request():
    assert passes("status:200 cost>$0.001 took<2s in>1k user:user-0")
    assert passes("error status>=500", status_code=503)
    assert passes("error:rate*", error="RateLimitError")
    assert passes("slow -error", latency_ms=2001.0)
    assert not passes("slow", latency_ms=2000.0)
    assert not passes("slow", latency_ms=None)
    assert passes("unpriced", cost_usd=None)
    assert passes("err>5% p95>1s", latency_ms=10.0)


def test_nothing_is_slow_without_a_limit():
    assert flags_of({}, {"latency_ms": 1e9})["slow"] is False
    assert flags_of({}, {"latency_p95": 3.0}, 2.0)["slow"] is True


def test_a_log_line():
    line = plain_subject("logs", {"level": "ERROR", "message": "disk of db-1 failed", "x": 1})
    assert line.passes(parse_filter('error failed "db-1" level:warning,error'))
    assert line.passes(parse_filter("latency_ms>3000"))
    assert not line.passes(parse_filter("-error"))
    assert not line.passes(parse_filter("ok"))


def test_a_span():
    span = plain_subject("spans", {"name": "search", "duration_ms": 30.0, "error": None})
    assert span.passes(parse_filter("took>20ms name:sear* ok -slow"))


def test_an_alert():
    subject = alert_subject(alert(labels={"model": "gpt-4o"}, window_s=300), AT_NS)
    assert subject.passes(parse_filter("model:gpt* window>=5m window:300 age<9h"))
    assert not subject.passes(parse_filter("provider:openai"))
    assert subject.passes(parse_filter("took>1s"))


def test_a_check():
    subject = check_subject(check(name="disk", status="failing", slow=True), AT_NS)
    assert subject.passes(parse_filter("disk check:disk status:fail error slow -ok"))


def test_letters_beyond_ascii_have_no_case():
    assert matches(parse_filter("model:ÄRGER"), {"model": "ärger"}, {})
