"""Which sender delivers for which type of channel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from llmmon_collector.notify.model import (
    AlertmanagerChannel,
    AppriseChannel,
    ChannelBase,
    ChannelSpec,
    CommandChannel,
    EmailChannel,
    LogChannel,
    OpsgenieChannel,
    PagerDutyChannel,
    SlackChannel,
    WebhookChannel,
)
from llmmon_collector.notify.senders.alertmanager import AlertmanagerSender
from llmmon_collector.notify.senders.apprise import AppriseSender
from llmmon_collector.notify.senders.command import CommandSender
from llmmon_collector.notify.senders.discreet import DiscreetSender
from llmmon_collector.notify.senders.log import LogSender
from llmmon_collector.notify.senders.mail import MailSender
from llmmon_collector.notify.senders.opsgenie import OpsgenieSender
from llmmon_collector.notify.senders.pagerduty import PagerDutySender
from llmmon_collector.notify.senders.references import Place
from llmmon_collector.notify.senders.sender import Log, Sender
from llmmon_collector.notify.senders.slack import SlackSender
from llmmon_collector.notify.senders.webhook import WebhookSender

__all__ = ["Log", "Sender", "make_sender"]

_MAKERS: Final[Mapping[type[ChannelBase], Callable[[Any, Place], Sender]]] = {
    WebhookChannel: WebhookSender,
    SlackChannel: SlackSender,
    PagerDutyChannel: PagerDutySender,
    OpsgenieChannel: OpsgenieSender,
    EmailChannel: MailSender,
    AlertmanagerChannel: AlertmanagerSender,
    AppriseChannel: AppriseSender,
}
"""Of the types that have secrets."""


def make_sender(name: str, spec: ChannelSpec, environ: Mapping[str, str], log: Log) -> Sender:
    """The sender of the channel ``name``, its secrets read.

    Raises:
        ConfigError: a secret cannot be read, or is not what it should be; names the key.
    """
    match spec:
        case LogChannel():
            return LogSender(spec, log)
        case CommandChannel():
            return CommandSender(spec, environ)
        case _:
            place = Place(name, environ)
            return DiscreetSender(_MAKERS[type(spec)](spec, place), place)
