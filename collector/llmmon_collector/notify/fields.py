"""Values that several types of channel have in common, and what they must look like. Pure."""

from __future__ import annotations

import re
from typing import Annotated, Final, NamedTuple
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator

from llmmon_collector.duration import parse_duration

_REFERENCE: Final = re.compile(r"env:|file:")
_SECRET_HEADER: Final = re.compile(r"auth|token|secret|key|cookie", re.IGNORECASE)
_NOT_IN_URL: Final = re.compile(r"[\s\x00-\x1f\x7f<>\"\\^`{|}]|%(?![0-9A-Fa-f]{2})")
_HEADER: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_RATE: Final = re.compile(r"(\d{1,6})/(\S+)")
_ADDRESS: Final = re.compile(r"[^\s@<>,;\"\\]+@[^\s@<>,;\"\\]+")


class RateLimit(NamedTuple):
    """At most so many messages in any period of that length."""

    messages: int
    per_s: float


def is_reference(text: str) -> bool:
    """Whether ``text`` says where a secret is instead of being a value."""
    return _REFERENCE.match(text) is not None


def check_url(url: str) -> str:
    """``url``, when it is one to post to.

    Raises:
        ValueError: not http or https, or with a user or password in it.
    """
    parts = urlsplit(url)
    if parts.username or parts.password:
        raise ValueError("the URL holds a password: put the whole URL in env:NAME or file:/path")
    if not is_web_url(url):
        raise ValueError("expected a URL such as https://example.org/hook, or env:NAME")
    return url


def is_web_url(text: str) -> bool:
    """Whether ``text`` is an absolute URL that every service takes for one (RFC 3986)."""
    if _NOT_IN_URL.search(text):
        return False
    try:
        parts = urlsplit(text)
        named = parts.hostname and "%" not in parts.netloc and parts.port != 0
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(named)


def parse_rate(text: str) -> RateLimit:
    """The limit that ``20/1h`` stands for.

    Raises:
        ValueError: not a number of messages and a time.
    """
    match = _RATE.fullmatch(text)
    if match is None or int(match[1]) == 0:
        raise ValueError(f"{text!r} is not a rate: write messages in a time, such as 20/1h")
    per_s = parse_duration(match[2])
    if not 1 <= per_s <= 86_400:
        raise ValueError(f"{text!r}: the time of a rate is 1s to 1d")
    return RateLimit(int(match[1]), per_s)


def _check_target(url: str) -> str:
    return url if is_reference(url) else check_url(url)


def _check_headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not _HEADER.fullmatch(name):
            raise ValueError(f"{name!r} is not the name of a header")
        if any(character in value for character in "\r\n\0"):
            raise ValueError(f"the value of {name} must be one line")
        if _SECRET_HEADER.search(name) and not is_reference(value):
            raise ValueError(f"{name} looks like a secret: name it as env:NAME or file:/path")
    return headers


def _check_link(url: str) -> str:
    return url and check_url(url)


def _check_address(address: str) -> str:
    if not _ADDRESS.fullmatch(address) or not address.isascii():
        raise ValueError(f"{address!r} is no e-mail address: write it as ops@example.org")
    return address


def _rate_from_toml(value: object) -> object:
    return parse_rate(value) if isinstance(value, str) else value


Target = Annotated[str, AfterValidator(_check_target)]
"""``http(s)://…`` without a password, or where a secret URL is."""
Headers = Annotated[dict[str, str], AfterValidator(_check_headers)]
"""HTTP headers; values may be ``env:NAME`` or ``file:/path``, those of secrets must be."""
Link = Annotated[str, AfterValidator(_check_link)]
"""``http(s)://…`` for a reader, or nothing."""
MailAddress = Annotated[str, AfterValidator(_check_address)]
Rate = Annotated[RateLimit, BeforeValidator(_rate_from_toml)]
"""A pydantic field that reads text such as ``20/1h``."""
