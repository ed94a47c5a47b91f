"""Whether people are told of an alert now. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from llmmon_collector.alerts.record import Record, is_worse
from llmmon_collector.notify.model import ChannelSpec
from llmmon_collector.notify.notification import Event
from llmmon_collector.rules.alert import Alert
from llmmon_collector.rules.state import State


def decide(alert: Alert, record: Record, silenced: bool, now_s: float) -> Event | None:
    """What to tell of ``alert``, if anything, at monotonic time ``now_s``.

    - The first firing of an instance and every escalation are told at once, unless silenced.
    - Otherwise the rule's cooldown must have passed since the last time, whether the alert kept
      firing or went and came back; while somebody has it in hand it is not repeated at all. A
      cooldown of zero tells every new episode, and repeats none.
    - Who was told that it fires is told that it is over, silenced or not: that only closes it.
    """
    if alert.state is not State.FIRING:
        return "resolved" if record.open else None
    if silenced:
        return None
    if record.notified_s is None or record.notified_severity is None:
        return "firing"
    if is_worse(alert.severity, record.notified_severity):
        return "firing"
    if record.open and _in_hand(alert, record):
        return None
    return "firing" if now_s - record.notified_s >= alert.rule.cooldown_s else None


def route(alert: Alert, event: Event, channels: Mapping[str, ChannelSpec]) -> tuple[str, ...]:
    """The channels that hear of it: the rule's, or all, less those that want only worse."""
    names = [name for name in alert.rule.channels if name in channels] or list(channels)
    return tuple(name for name in names if _wants(channels[name], alert, event))


def _in_hand(alert: Alert, record: Record) -> bool:
    return alert.rule.cooldown_s == 0 or record.acknowledgement_of(alert.severity) is not None


def _wants(channel: ChannelSpec, alert: Alert, event: Event) -> bool:
    if event == "resolved":
        return channel.send_resolved
    return not is_worse(channel.min_severity, alert.severity)
