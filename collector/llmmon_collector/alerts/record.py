"""What is remembered of an alert besides its state: its key, who was told, who took it on. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from llmmon_collector.alerts.flapping import Flap
from llmmon_collector.rules.alert import Alert, AlertKey
from llmmon_collector.rules.model import SEVERITIES, Severity


class Acknowledgement(NamedTuple):
    """Somebody has taken an alert on."""

    by: str
    note: str
    at_ns: int
    severity: Severity
    """How bad it was then: a worse one has not been taken on."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What one channel has been told of an alert."""

    open: bool = False
    """Whether it was told that the alert fires, and not yet that it is over."""
    told_s: float | None = None
    """When it was last told that it fires, in any episode; monotonic clock."""
    severity: Severity | None = None
    """How bad it was said to be then."""
    acknowledged: bool = False
    """Whether it was told that somebody has this episode in hand."""
    flapping: bool = False
    """Whether it was told that the alert flaps."""


@dataclass(frozen=True, slots=True)
class Record:
    """One per rule and group, from the first time it is active until it no longer matters."""

    id: str
    """The deduplication key of the present, or last, episode."""
    started_ns: int
    """Which episode that is: ``Alert.started_ns``."""
    acknowledgement: Acknowledgement | None = None
    notices: Mapping[str, Notice] = field(default_factory=dict)
    """By channel."""
    flap: Flap = field(default_factory=Flap)
    silenced: bool = False
    """Whether a silence muted it when it was last seen firing."""
    inhibited_by: str | None = None
    """The rule of the alert that muted it then."""

    @property
    def open(self) -> bool:
        """Whether any channel waits to be told that it is over."""
        return any(notice.open for notice in self.notices.values())

    def acknowledgement_of(self, severity: Severity) -> Acknowledgement | None:
        """The acknowledgement, if it still holds at ``severity``."""
        taken = self.acknowledgement
        return taken if taken is not None and not is_worse(severity, taken.severity) else None


def alert_id(key: AlertKey, generation: int) -> str:
    """The deduplication key: the same for the same rule, labels and generation."""
    identity = json.dumps([key, generation], ensure_ascii=False, separators=(",", ":"))
    return "llmmon:" + hashlib.sha256(identity.encode()).hexdigest()[:32]


def record_of(alert: Alert, known: Record | None, is_told: Callable[[str], bool]) -> Record:
    """The record of the episode that ``alert`` is in.

    A new episode gets a new key, unless somebody still believes that the old one fires: it flaps
    and its end was never told, or the end was told and not delivered (``is_told``). Then the old
    key makes the two one incident.
    """
    if known is None:
        return Record(alert_id(alert.key, alert.started_ns), alert.started_ns)
    if known.started_ns == alert.started_ns:
        return known
    kept = known.open or is_told(known.id)
    return replace(
        known,
        id=known.id if kept else alert_id(alert.key, alert.started_ns),
        started_ns=alert.started_ns,
        acknowledgement=None,
        notices={c: replace(n, acknowledged=False) for c, n in known.notices.items()},
    )


def is_worse(severity: Severity, than: Severity) -> bool:
    """Whether ``severity`` is worse ``than`` another."""
    return SEVERITIES.index(severity) > SEVERITIES.index(than)
