"""Which alerts are muted because a worse one says it already. Pure.

Built in: what is critical mutes warnings of other rules about the same: the same labels and filter,
and the same kind of metric, as ``latency_p99`` and ``latency_p95`` are. Besides that there are the
``[[inhibit]]`` of the configuration, with Alertmanager's exception: an alert that matches both
sides of one is not muted by another that does too, so that no two mute each other, nor one itself.

Only alerts that fire mute others; one that is itself silenced or muted does all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from llmmon.protocol.names import FAMILIES
from llmmon_collector.alerts.matching import matches
from llmmon_collector.alerts.model import InhibitSpec
from llmmon_collector.alerts.routing import labels_of
from llmmon_collector.rules.alert import Alert, AlertKey

_STATISTIC: Final = re.compile(r"(_p\d+|_mean|_max|_rate|s)$")
_PLAIN: Final = frozenset().union(*FAMILIES.values())

_Subject = tuple[str, str, AlertKey]
"""A kind of metric, the rule's filter, and the labels (under no rule's name)."""


@dataclass(frozen=True, slots=True)
class _Side:
    """One side of one ``[[inhibit]]``, with an alert's values of its ``equal``."""

    number: int
    values: tuple[str, ...]
    both: bool
    """Whether the alert matches the other side too."""


class Traits(NamedTuple):
    """What of an alert matters here; the same for as long as its severity and rule are."""

    key: AlertKey
    rule: str
    critical: bool
    subject: _Subject
    sources: tuple[_Side, ...]
    targets: tuple[_Side, ...]


class Muting:
    """Which of the alerts that fire now mute what."""

    def __init__(self, firing: Iterable[Traits]) -> None:
        self._critical: dict[_Subject, str] = {}
        self._sources: dict[tuple[int, tuple[str, ...]], list[tuple[str, bool]]] = {}
        for traits in firing:
            if traits.critical:
                self._critical.setdefault(traits.subject, traits.rule)
            for side in traits.sources:
                place = self._sources.setdefault((side.number, side.values), [])
                place.append((traits.rule, side.both))

    def by(self, traits: Traits) -> str | None:
        """The rule of an alert that mutes the one with ``traits``; None when none does."""
        for side in traits.targets:
            for rule, both in self._sources.get((side.number, side.values), ()):
                if not (both and side.both):
                    return rule
        return None if traits.critical else self._critical.get(traits.subject)


def traits_of(alert: Alert, specs: Sequence[InhibitSpec], defaults: bool) -> Traits:
    """What of ``alert`` matters under ``specs``; ``defaults`` says whether the built-in holds."""
    labels = labels_of(alert)
    sources, targets = [], []
    for number, spec in enumerate(specs):
        values = tuple(labels[name] for name in spec.equal if name in labels)
        if len(values) < len(spec.equal):
            continue
        mutes, muted = matches(spec.source, labels), matches(spec.target, labels)
        side = _Side(number, values, mutes and muted)
        sources += [side] if mutes else []
        targets += [side] if muted else []
    critical = defaults and alert.severity == "critical"
    subject = _subject(alert) if defaults else ("", "", alert.key)
    return Traits(alert.key, alert.rule.name, critical, subject, tuple(sources), tuple(targets))


def metric_kind(value: str) -> str:
    """What ``value`` is about, whichever statistic of it: ``latency`` for ``latency_p95``."""
    text = value.strip()
    return _STATISTIC.sub("", text) if text in _PLAIN else text


def _subject(alert: Alert) -> _Subject:
    return metric_kind(alert.rule.expression(alert.severity)), alert.rule.where, ("", alert.key[1])
