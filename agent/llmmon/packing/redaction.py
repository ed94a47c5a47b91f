"""Secrets and personal data out of what is logged or leaves the process.

By name: the value of a key that speaks of a secret is replaced whole. By pattern: keys, tokens,
passwords in URLs, e-mail addresses and card numbers are replaced inside any text. Patterns find
what has a telling shape, and nothing else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final

REDACTED: Final = "[REDACTED]"

_SECRET_WORDS: Final = (
    "password",
    "passwd",
    "passphrase",
    "secret",
    "apikey",
    "authorization",
    "cookie",
    "credential",
    "privatekey",
    "accesskey",
    "bearer",
    "token",
)
_MAX_DEPTH: Final = 8
_MAX_ITEMS: Final = 256

_PATTERNS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        # keys of providers, code hosts, clouds and chats, by their prefixes
        r"\b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,}",
        r"\bgh[opsur]_[A-Za-z0-9]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}",
        r"\bglpat-[A-Za-z0-9_-]{16,}",
        r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}",
        r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
        r"\bAIza[A-Za-z0-9_-]{30,}",
        r"\bhf_[A-Za-z0-9]{20,}",
        # JSON web tokens
        r"\beyJ[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]*",
        # with a digit, "=" or camel case in it: "basic understanding" is none
        r"(?i:\b(?:bearer|basic))\s+(?=[A-Za-z._~+/-]*(?:[0-9=]|[a-z][A-Z]))[A-Za-z0-9._~+/=-]{12,}",
        r"-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----[^-]{0,16384}(?:-----END [A-Z ]{0,32}KEY-----)?",
        # the password of user:password@host
        r"(?<=://)[^\s/:@]{1,128}:[^\s/@]{1,128}(?=@)",
        r"\b[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,8}\.[A-Za-z]{2,24}\b",
    )
)
# name=value and "name": "value"; the name stays
_ASSIGNED: Final = re.compile(
    r"(?i:(\b(?:api[_-]?key|password|passwd|secret|access[_-]?token)[\"']?\s{0,4}[:=]\s{0,4}[\"']?))"
    r"[^\s\"',;&]{4,256}"
)
# 4-4-4-4, 4-6-5, or 13 to 19 digits in a row; a check digit tells cards from other numbers
_CARD: Final = re.compile(
    r"(?<![\d.-])(?:\d{4}([ -])\d{4}\1\d{4}\1\d{4}|\d{4}([ -])\d{6}\2\d{5}|\d{13,19})(?![\d.])"
)


def redact_text(text: str) -> str:
    """``text`` with everything that looks like a secret, an e-mail address or a card replaced."""
    for pattern in _PATTERNS:
        text = pattern.sub(REDACTED, text)
    text = _ASSIGNED.sub(rf"\1{REDACTED}", text)
    return _CARD.sub(_redact_card, text)


def _redact_card(match: re.Match[str]) -> str:
    digits = [int(digit) for digit in match.group() if digit.isdigit()]
    return REDACTED if _passes_luhn(digits) else match.group()


def _passes_luhn(digits: list[int]) -> bool:
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[::-2]) + sum(doubled)) % 10 == 0


def is_secret_name(name: str, value: object) -> bool:
    """Whether a key's value must not be shown. A number under ``..._tokens`` is a count."""
    plain = name.lower().replace("_", "").replace("-", "").replace(" ", "")
    for word in _SECRET_WORDS:
        if word in plain:
            return not (word == "token" and isinstance(value, int | float))
    return False


def redact(value: Any, depth: int = 0) -> Any:
    """A copy of ``value`` without secrets, at any depth of mappings and sequences.

    Other objects become text. Beyond 8 levels or 256 items a part is left out.
    """
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        # JSON has no number for what is not finite
        return value if math.isfinite(value) else str(value)
    if depth >= _MAX_DEPTH and not isinstance(value, str):
        return "..."
    if isinstance(value, Mapping):
        return redact_fields(value, depth)
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item, depth + 1) for item in list(value)[:_MAX_ITEMS]]
    return redact_text(_as_text(value))


def redact_fields(fields: Mapping[Any, Any], depth: int = 0) -> dict[str, Any]:
    """A copy of a mapping without secrets, keys as text."""
    clean: dict[str, Any] = {}
    for key, item in list(fields.items())[:_MAX_ITEMS]:
        name = _as_text(key)
        secret = item is not None and is_secret_name(name, item)
        clean[redact_text(name)] = REDACTED if secret else redact(item, depth + 1)
    return clean


def _as_text(value: object) -> str:
    try:
        return str(value)
    except Exception:
        # a caller's __str__ may raise anything
        return f"<{type(value).__name__}>"
