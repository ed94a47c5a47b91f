"""Masks what looks like a secret in text and in logged values. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

MASK: Final = "***"
_MAX_DEPTH: Final = 6
_MAX_LINE: Final = 200

_SECRET_KEYS: Final = re.compile(
    r"passw|secret|token|credential|authorization|api[-_]?key|private[-_]?key|routing[-_]?key|dsn",
    re.IGNORECASE,
)
_ASSIGNED: Final = (
    r"(?i)((?:api[-_]?key|access[-_]?key|routing[-_]?key|token|secret|password|passwd|pwd|sig"
    r"|signature)[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,;]{3,}"
)
_PATTERNS: Final = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*-----|$)", MASK),
        (r"\beyJ[\w-]{6,}\.[\w-]{6,}\.[\w-]*", MASK),
        (r"\b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{8,}", MASK),
        (r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b", MASK),
        (r"\b(?:gh[pousr]|github_pat)_[A-Za-z0-9_]{16,}", MASK),
        (r"\bxox[a-z]-[A-Za-z0-9-]{8,}", MASK),
        (r"\bAIza[A-Za-z0-9_-]{30,}", MASK),
        (r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}", rf"\1 {MASK}"),
        (r"(\b[a-z][a-z0-9+.-]*://)[^\s/@]+@", rf"\1{MASK}@"),
        (r"(https?://hooks\.slack\.com/)\S+", rf"\1{MASK}"),
        (_ASSIGNED, rf"\1{MASK}"),
    )
)


def scrub(text: str) -> str:
    """``text`` with API keys, tokens, passwords and URL credentials replaced by ``***``."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def scrub_value(key: str, value: Any, depth: int = 0) -> Any:
    """``value`` of the field ``key``, masked at any depth.

    Numbers, booleans and None are kept whatever their key: ``input_tokens`` is no secret.
    """
    if value is None or isinstance(value, bool | int | float):
        return value
    if _SECRET_KEYS.search(key) or depth > _MAX_DEPTH:
        return MASK
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, Mapping):
        return {name: scrub_value(str(name), item, depth + 1) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [scrub_value(key, item, depth + 1) for item in value]
    return scrub(str(value))


def one_line(text: str) -> str:
    """``text`` as may be shown anywhere: one line, nothing but printable characters, not long."""
    head = text[: 4 * _MAX_LINE]
    printable = "".join(char if char.isprintable() else " " for char in head)
    return " ".join(printable.split())[:_MAX_LINE]
