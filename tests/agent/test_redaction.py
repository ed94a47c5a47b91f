"""Secrets by name and by pattern."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmon.packing.redaction import REDACTED, redact, redact_text

SECRETS = (
    "sk-proj-abcdefghijklmnop1234",
    "sk_live_abcdefghijklmnop1234",
    "ghp_abcdefghijklmnopqrstuvwx",
    "xoxb-1234567890-abcdef",
    "AKIAABCDEFGHIJKLMNOP",
    "AIzaSyA1234567890abcdefghijklmnopqrstu",
    "hf_abcdefghijklmnopqrstuvwx",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-def_123",
    "Bearer abcdef0123456789",
    "jane.doe+x@mail.example.org",
    "4111 1111 1111 1111",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----",
)


def test_redaction_of_nested_secrets() -> None:
    fields = {
        "user": "ann",
        "Password": "hunter2",
        "config": {"openai_api_key": "k", "headers": [{"Authorization": "Basic x"}, {"n": 1}]},
        "access_token": "abc",
        "client-secret": {"any": "thing"},
        "tuple": ({"session_cookie": "c"}, "fine"),
    }
    assert redact(fields) == {
        "user": "ann",
        "Password": REDACTED,
        "config": {"openai_api_key": REDACTED, "headers": [{"Authorization": REDACTED}, {"n": 1}]},
        "access_token": REDACTED,
        "client-secret": REDACTED,
        "tuple": [{"session_cookie": REDACTED}, "fine"],
    }
    assert fields["Password"] == "hunter2"


def test_token_counts_are_no_secrets() -> None:
    counts = {"input_tokens": 812, "max_tokens": 4096, "token": None, "cost_per_token": 0.5}
    assert redact(counts) == counts


@pytest.mark.parametrize("secret", SECRETS)
def test_secrets_inside_text_are_replaced_and_the_rest_stays(secret: str) -> None:
    assert redact_text(f"before {secret} after") == f"before {REDACTED} after"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("postgres://app:pa55w0rd@db:5432/x", f"postgres://{REDACTED}@db:5432/x"),
        ("api_key=abcd1234&x=1", f"api_key={REDACTED}&x=1"),
        ('{"password": "hunter2"}', f'{{"password": "{REDACTED}"}}'),
        ("order 4111111111111112 of 2024-01-01 10:00:00", None),
        ("4111 1111 1111 1111 000", f"{REDACTED} 000"),
        ("3782 822463 10005, 4111111111111111", f"{REDACTED}, {REDACTED}"),
        ("task-based risk-averse sk-short", None),
        ("latency 1234567890123 ns", None),
        ("a basic understanding of bearer authentication", None),
        ("Authorization: Basic dXNlcjpwYXNzd29yZA==", f"Authorization: {REDACTED}"),
    ],
)
def test_shapes_around_and_beside_secrets(text: str, clean: str | None) -> None:
    assert redact_text(text) == (text if clean is None else clean)


def test_cycles_and_depth_end() -> None:
    loop: dict[str, Any] = {}
    loop["self"] = loop
    assert "..." in str(redact(loop))


NO_DIGITS = st.text(st.characters(exclude_categories=("Nd", "Cs")), max_size=300)


@given(NO_DIGITS, st.sampled_from(SECRETS), NO_DIGITS)
def test_no_secret_survives_between_spaces(before: str, secret: str, after: str) -> None:
    assert secret not in redact_text(f"{before} {secret} {after}")


VALUES = st.recursive(
    st.one_of(st.none(), st.integers(), st.text(), st.binary(), st.builds(object)),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=20,
)


@given(VALUES)
def test_redacting_takes_anything(value: Any) -> None:
    redact(value)
