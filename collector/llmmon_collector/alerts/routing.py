"""Which channels hear of an alert, in what company and how often. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from llmmon_collector.alerts.matching import matches
from llmmon_collector.alerts.model import RouteSpec
from llmmon_collector.notify.model import ChannelSpec
from llmmon_collector.rules.alert import Alert


class Target(NamedTuple):
    """One channel that hears of an alert."""

    channel: str
    spec: ChannelSpec
    repeat_s: float
    group: str = ""
    """What may go in one message with it; empty for whatever else has no group."""
    wait_s: float = 0.0
    """How long it waits for company."""
    mute: tuple[str, ...] = ()
    """Schedules in which the channel is told nothing."""


def labels_of(alert: Alert) -> dict[str, str]:
    """What matchers look at."""
    return {**dict(alert.labels), "rule": alert.rule.name, "severity": alert.severity}


def targets_of(
    alert: Alert, routes: Sequence[RouteSpec], channels: Mapping[str, ChannelSpec]
) -> dict[str, Target]:
    """By name, the channels of the first route that matches, and of those after a ``continue``.

    A channel that several routes lead to is told as the first of them says. When no route matches,
    or those that do name no channel, it is the rule's channels, or all.
    """
    labels = labels_of(alert)
    targets: dict[str, Target] = {}
    matched = False
    for number, route in enumerate(routes):
        if not matches(route.match, labels):
            continue
        matched = True
        for name in _names(route.channels, alert, channels):
            targets.setdefault(name, _target(name, number, route, alert, channels[name], labels))
        if not route.go_on:
            break
    if matched:
        return targets
    names = _names((), alert, channels)
    return {name: Target(name, channels[name], alert.rule.cooldown_s) for name in names}


def _names(
    wanted: Sequence[str], alert: Alert, channels: Mapping[str, ChannelSpec]
) -> Sequence[str]:
    for names in (wanted, alert.rule.channels):
        if known := [name for name in names if name in channels]:
            return known
    return list(channels)


def _target(
    name: str,
    number: int,
    route: RouteSpec,
    alert: Alert,
    spec: ChannelSpec,
    labels: Mapping[str, str],
) -> Target:
    group = ""
    if route.group_by is not None:
        group = json.dumps([number, {by: labels.get(by, "") for by in route.group_by}])
    repeat_s = alert.rule.cooldown_s if route.repeat_s is None else route.repeat_s
    return Target(name, spec, repeat_s, group, route.group_wait_s, route.mute)
