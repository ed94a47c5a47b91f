"""Silences: what is not notified for a while. They mute people's phones, never the state. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from llmmon_collector.alerts.matching import MAX_GLOB, check_name, matches

MAX_S: Final = 30 * 86_400.0
KEPT_NS: Final = 5 * 86_400 * 10**9
"""How long an expired silence can still be looked up."""


@dataclass(frozen=True, slots=True)
class Silence:
    """Alerts that match are not notified between two wall times."""

    id: str
    matchers: Mapping[str, str]
    """``rule``, ``severity`` or a label to a glob that an alert's must fit; all must."""
    starts_ns: int
    ends_ns: int
    by: str
    comment: str

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether it is about an alert with these labels, rule and severity."""
        return matches({name: (glob,) for name, glob in self.matchers.items()}, labels)

    def in_force(self, now_ns: int) -> bool:
        """Whether it has begun and not ended."""
        return self.starts_ns <= now_ns < self.ends_ns


class SilenceOrder(NamedTuple):
    """What somebody asks for."""

    matchers: Mapping[str, str]
    duration_s: float
    by: str = ""
    comment: str = ""
    starts_ns: int | None = None
    """Wall clock; None for now."""


def make_silence(order: SilenceOrder, now_ns: int) -> Silence:
    """The silence that ``order`` asks for; one that was to begin before now begins now.

    Raises:
        ValueError: nothing to match, an unknown name, no duration, or one over 30 days, or a start
            that far off.
    """
    if not order.matchers:
        raise ValueError("a silence needs something to match, such as rule=high_latency")
    for name, glob in order.matchers.items():
        check_name(name)
        if len(glob) > MAX_GLOB:
            raise ValueError(f"{name}: what it must be has at most {MAX_GLOB} characters")
    if not 0 < order.duration_s <= MAX_S:
        raise ValueError("a silence lasts more than nothing and at most 30 days")
    starts_ns = max(now_ns, order.starts_ns or now_ns)
    if starts_ns - now_ns > MAX_S * 1e9:
        raise ValueError("a silence begins within 30 days")
    ends_ns = starts_ns + round(order.duration_s * 1e9)
    content = json.dumps([dict(order.matchers), starts_ns, ends_ns, order.by, order.comment])
    id_ = "silence-" + hashlib.sha256(content.encode()).hexdigest()[:12]
    return Silence(id_, dict(order.matchers), starts_ns, ends_ns, order.by, order.comment)


class Silences:
    """All that are in force, to come, or ended within five days."""

    def __init__(self, silences: Iterable[Silence]) -> None:
        self._by_id = {silence.id: silence for silence in silences}
        self.version = 0
        """Rises with every change."""

    def all(self) -> tuple[Silence, ...]:
        """Every one, those that end first first."""
        return tuple(sorted(self._by_id.values(), key=lambda silence: silence.ends_ns))

    def in_force(self, now_ns: int) -> frozenset[str]:
        """The ids of those in force."""
        return frozenset(s.id for s in self._by_id.values() if s.in_force(now_ns))

    def put(self, silence: Silence) -> None:
        """Add ``silence``, or replace the one of its id."""
        self._by_id[silence.id] = silence
        self.version += 1

    def end(self, silence_id: str, now_ns: int) -> None:
        """End one now; one that is yet to begin never does, one that has ended is left.

        Raises:
            KeyError: there is none of this id.
        """
        silence = self._by_id[silence_id]
        ends_ns = min(silence.ends_ns, now_ns)
        starts_ns = min(silence.starts_ns, ends_ns)
        self.put(replace(silence, starts_ns=starts_ns, ends_ns=ends_ns))

    def forget_old(self, now_ns: int) -> None:
        """Drop those that ended long ago."""
        for silence in self.all():
            if now_ns - silence.ends_ns > KEPT_NS:
                del self._by_id[silence.id]
                self.version += 1

    def set_clock(self, moved_ns: int) -> None:
        """The wall clock was set by so much: each begins and ends after as long as before."""
        for silence in self.all():
            starts_ns, ends_ns = silence.starts_ns + moved_ns, silence.ends_ns + moved_ns
            self.put(replace(silence, starts_ns=starts_ns, ends_ns=ends_ns))
