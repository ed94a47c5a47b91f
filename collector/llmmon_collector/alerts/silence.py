"""Silences: what is not notified for a while. They mute people's phones, never the state. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from llmmon.protocol.names import DIMENSIONS
from llmmon_collector.rules.alert import Alert

MATCHABLE: Final = ("rule", *DIMENSIONS)
MAX_S: Final = 30 * 86_400.0
KEPT_NS: Final = 5 * 86_400 * 10**9
"""How long an expired silence can still be looked up."""


@dataclass(frozen=True, slots=True)
class Silence:
    """Alerts that match are not notified between two wall times."""

    id: str
    matchers: Mapping[str, str]
    """``rule`` or a dimension to the value that an alert must have; all must match."""
    starts_ns: int
    ends_ns: int
    by: str
    comment: str

    def mutes(self, alert: Alert, now_ns: int) -> bool:
        """Whether it is in force and matches ``alert``."""
        if not self.starts_ns <= now_ns < self.ends_ns:
            return False
        labels = {**dict(alert.labels), "rule": alert.rule.name}
        return all(labels.get(name) == value for name, value in self.matchers.items())


def make_silence(
    matchers: Mapping[str, str], duration_s: float, by: str, comment: str, now_ns: int
) -> Silence:
    """A silence from ``now_ns`` on.

    Raises:
        ValueError: nothing to match, an unknown name, no duration or one over 30 days.
    """
    if not matchers:
        raise ValueError("a silence needs something to match, such as rule=high_latency")
    for name in matchers:
        if name not in MATCHABLE:
            raise ValueError(f"{name!r} cannot be matched: use one of {', '.join(MATCHABLE)}")
    if not 0 < duration_s <= MAX_S:
        raise ValueError("a silence lasts more than nothing and at most 30 days")
    ends_ns = now_ns + round(duration_s * 1e9)
    content = json.dumps([dict(matchers), now_ns, ends_ns, by, comment])
    id_ = "silence-" + hashlib.sha256(content.encode()).hexdigest()[:12]
    return Silence(id_, dict(matchers), now_ns, ends_ns, by, comment)


def muted_until(silences: Iterable[Silence], alert: Alert, now_ns: int) -> int | None:
    """When the last silence that mutes ``alert`` ends; None when none does."""
    return max((s.ends_ns for s in silences if s.mutes(alert, now_ns)), default=None)
