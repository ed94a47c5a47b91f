"""A channel: the ``[channels.NAME]`` tables of the configuration, by ``type``."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from llmmon_collector.duration import Duration
from llmmon_collector.secret import SecretRef

_REFERENCE: Final = re.compile(r"env:|file:")
_SECRET_HEADER: Final = re.compile(r"auth|token|secret|key|cookie", re.IGNORECASE)
_HEADER: Final = re.compile(r"[A-Za-z0-9-]{1,64}")


def is_reference(text: str) -> bool:
    """Whether ``text`` says where a secret is instead of being a value."""
    return _REFERENCE.match(text) is not None


def check_url(url: str) -> str:
    """``url``, when it is one to post to.

    Raises:
        ValueError: not http or https, or with a user or password in it.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected a URL such as https://example.org/hook, or env:NAME")
    if parts.username or parts.password:
        raise ValueError("the URL holds a password: put the whole URL in env:NAME or file:/path")
    return url


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


class ChannelBase(BaseModel):
    """What every channel has."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_severity: Literal["warning", "critical"] = "warning"
    """``critical`` keeps warnings away, as from a pager."""
    send_resolved: bool = True
    """Whether to tell that an alert is over."""
    timeout_s: Annotated[Duration, Field(gt=0, le=60)] = Field(10.0, alias="timeout")
    """How long one attempt may take."""


class LogChannel(ChannelBase):
    """A line in the collector's own log."""

    type: Literal["log"]


class WebhookChannel(ChannelBase):
    """JSON posted to a URL."""

    type: Literal["webhook"]
    url: Annotated[str, AfterValidator(_check_target)]
    """``http(s)://…``, or where a secret one is."""
    headers: Annotated[dict[str, str], AfterValidator(_check_headers)] = {}
    """Values may be ``env:NAME`` or ``file:/path``."""
    secret: SecretRef | None = None
    """Signs each message with HMAC-SHA256."""


class SlackChannel(ChannelBase):
    """A Slack incoming webhook."""

    type: Literal["slack"]
    url: SecretRef


class AppriseChannel(ChannelBase):
    """Any of Apprise's services, by its URL: PagerDuty, Opsgenie, e-mail, Teams and many more."""

    type: Literal["apprise"]
    url: SecretRef


ChannelSpec = Annotated[
    LogChannel | WebhookChannel | SlackChannel | AppriseChannel, Field(discriminator="type")
]
"""One ``[channels.NAME]``."""
DEFAULT_CHANNELS: Final[dict[str, ChannelSpec]] = {
    "log": LogChannel.model_validate({"type": "log"})
}
"""What there is when no channel is configured."""
