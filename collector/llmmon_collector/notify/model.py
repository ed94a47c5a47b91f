"""A channel: the ``[channels.NAME]`` tables of the configuration, by ``type``."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from llmmon_collector.duration import Duration
from llmmon_collector.notify.fields import Headers, Link, MailAddress, Rate, Target
from llmmon_collector.notify.wording import TextTemplate, TitleTemplate, Wording
from llmmon_collector.secret import SecretRef

_LABEL: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}
PAGERDUTY_URL: Final = "https://events.pagerduty.com/v2/enqueue"
OPSGENIE_URL: Final = "https://api.opsgenie.com"


class ChannelBase(BaseModel):
    """What every channel has."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_severity: Literal["warning", "critical"] = "warning"
    """``critical`` keeps warnings away, as from a pager."""
    send_resolved: bool = True
    """Whether to tell that an alert is over."""
    timeout_s: Annotated[Duration, Field(gt=0, le=60)] = Field(10.0, alias="timeout")
    """How long one attempt may take."""
    rate_limit: Rate | None = None
    """Messages in a time, such as ``20/1h``; what is over waits and then goes together."""
    title: TitleTemplate = ""
    """One line on an alert; made from the alert when empty."""
    text: TextTemplate = ""
    """Some lines on an alert; its facts when empty."""

    @property
    def tells_acknowledged(self) -> bool:
        """Whether it is worth telling this type that somebody has taken an alert on."""
        return True

    @property
    def refresh_s(self) -> float | None:
        """How often it must hear of an alert that goes on firing; None for need not."""
        return None

    @property
    def wording(self) -> Wording:
        """The templates."""
        return Wording(self.title, self.text)


class LogChannel(ChannelBase):
    """A line in the collector's own log."""

    type: Literal["log"]


class WebhookChannel(ChannelBase):
    """JSON posted to a URL."""

    type: Literal["webhook"]
    url: Target
    """``http(s)://…``, or where a secret one is."""
    headers: Headers = {}
    """Values may be ``env:NAME`` or ``file:/path``."""
    secret: SecretRef | None = None
    """Signs each message with HMAC-SHA256."""


class SlackChannel(ChannelBase):
    """A Slack incoming webhook."""

    type: Literal["slack"]
    url: SecretRef


PagerDutySeverity = Literal["critical", "error", "warning", "info"]


class PagerDutyChannel(ChannelBase):
    """An Events API v2 integration of a PagerDuty service."""

    type: Literal["pagerduty"]
    routing_key: SecretRef
    url: Target = PAGERDUTY_URL
    """``https://events.eu.pagerduty.com/v2/enqueue`` for accounts in the EU."""
    source: str = Field("llmmon", min_length=1, max_length=200)
    """Which system is affected, for alerts without a service."""
    severities: dict[Literal["warning", "critical"], PagerDutySeverity] = {}
    """What PagerDuty is told instead of ``warning`` or ``critical``."""
    link: Link = ""
    """Where a reader can look further, such as a dashboard."""


OpsgeniePriority = Literal["P1", "P2", "P3", "P4", "P5"]


class OpsgenieChannel(ChannelBase):
    """An API integration of Opsgenie, or of Jira Service Management, which has the same API."""

    type: Literal["opsgenie"]
    api_key: SecretRef
    url: Target = OPSGENIE_URL
    """``https://api.eu.opsgenie.com`` for accounts in the EU."""
    priorities: dict[Literal["warning", "critical"], OpsgeniePriority] = {}
    """``P3`` for ``warning`` and ``P1`` for ``critical`` when not given."""


class EmailChannel(ChannelBase):
    """Mail over SMTP."""

    type: Literal["email"]
    host: str = Field(min_length=1, max_length=255)
    port: int | None = Field(None, ge=1, le=65_535)
    """587 for ``starttls``, 465 for ``tls``, 25 for ``none`` when not given."""
    encryption: Literal["starttls", "tls", "none"] = "starttls"
    ca_file: str | None = None
    """Certificates to trust instead of the system's."""
    username: str | None = Field(None, min_length=1)
    password: SecretRef | None = None
    from_address: MailAddress = Field(alias="from")
    to: tuple[MailAddress, ...] = Field(min_length=1, max_length=100)

    @model_validator(mode="after")
    def _check_login(self) -> EmailChannel:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password go together: write both or none")
        if self.username and self.encryption == "none" and self.host not in _LOOPBACK:
            raise ValueError(
                'a password is not sent in the clear: set encryption to "starttls" or "tls"'
            )
        return self

    @property
    def tells_acknowledged(self) -> bool:
        """See :class:`ChannelBase`: mail about it is read too late."""
        return False

    @property
    def smtp_port(self) -> int:
        """The port to connect to."""
        return self.port or _PORTS[self.encryption]


def _check_labels(labels: dict[str, str]) -> dict[str, str]:
    for name in labels:
        if not _LABEL.fullmatch(name) or name in ("alertname", "severity"):
            raise ValueError(f"{name!r} cannot be a label: use letters, digits and _")
    return labels


class AlertmanagerChannel(ChannelBase):
    """A Prometheus Alertmanager, or all members of a cluster of them."""

    type: Literal["alertmanager"]
    urls: tuple[Target, ...] = Field(min_length=1, max_length=16)
    """Of each member, without ``/api/v2/alerts``; each is told, one must take it."""
    username: str | None = Field(None, min_length=1)
    password: SecretRef | None = None
    token: SecretRef | None = None
    """Sent as a bearer token."""
    labels: Annotated[dict[str, str], AfterValidator(_check_labels)] = {}
    """More labels for every alert."""
    link: Link = ""
    """``generatorURL``: where a reader can look further; the runbook when not given."""
    refresh_every_s: Annotated[Duration, Field(ge=5, le=3600)] = Field(60.0, alias="refresh")
    """How often it is told again what fires; it takes four times that without a word for over."""

    @model_validator(mode="after")
    def _check_login(self) -> AlertmanagerChannel:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password go together: write both or none")
        if self.username and self.token:
            raise ValueError("either username and password, or token: not both")
        return self

    @property
    def tells_acknowledged(self) -> bool:
        """See :class:`ChannelBase`: Alertmanager knows no acknowledgement."""
        return False

    @property
    def refresh_s(self) -> float | None:
        """See :class:`ChannelBase`."""
        return self.refresh_every_s


class CommandChannel(ChannelBase):
    """A program that reads JSON from its standard input."""

    type: Literal["command"]
    command: tuple[Annotated[str, Field(min_length=1)], ...] = Field(min_length=1)
    """The program and its arguments; no shell reads them."""


class AppriseChannel(ChannelBase):
    """Any of Apprise's services, by its URL: Teams, Telegram, ntfy and many more."""

    type: Literal["apprise"]
    url: SecretRef

    @property
    def tells_acknowledged(self) -> bool:
        """See :class:`ChannelBase`: Apprise has no word for it."""
        return False


ChannelSpec = Annotated[
    LogChannel
    | WebhookChannel
    | SlackChannel
    | PagerDutyChannel
    | OpsgenieChannel
    | EmailChannel
    | AlertmanagerChannel
    | CommandChannel
    | AppriseChannel,
    Field(discriminator="type"),
]
"""One ``[channels.NAME]``."""
DEFAULT_CHANNELS: Final[dict[str, ChannelSpec]] = {
    "log": LogChannel.model_validate({"type": "log"})
}
"""What there is when no channel is configured."""
