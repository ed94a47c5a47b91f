"""Row two: is something wrong now? Problems of the collector, then the worst alert."""

from __future__ import annotations

from collections import Counter
from typing import Final

from llmmon.protocol.snapshot import AlertView, HealthView, Snapshot
from llmmon_tui.drawing.priority import Segment
from llmmon_tui.formatting import age, clean, width_of
from llmmon_tui.link import LinkState
from llmmon_tui.model import Picture
from llmmon_tui.panels.alertview import (
    age_text,
    alert_severity,
    breach_text,
    marks_words,
    where_text,
    worst_first,
)
from llmmon_tui.panels.channels import channel_severity, trouble_text, troubled
from llmmon_tui.panels.pastnotes import past_notes
from llmmon_tui.severity import Severity

_SECOND_NS: Final = 1_000_000_000
_GAP: Final = 2
_QUIET: Final = (
    Severity.PENDING,
    Severity.ACKNOWLEDGED,
    Severity.INHIBITED,
    Severity.SILENCED,
)
_NAMED: Final = 3
"""Alerts told in full where there is room; the others are counted."""


def worst_line(picture: Picture, width: int, can_act: bool = True) -> list[Segment]:
    """The worst of the newest snapshot, also while the screen is paused, in `width` cells."""
    if picture.live is None or picture.link.state is not LinkState.LIVE:
        return _link_trouble(picture)
    segments = _past(picture) + [
        Segment(f"✖ collector: {clean(problem)}", "critical", 95)
        for problem in picture.live.problems[:1]
    ]
    segments += _channel_trouble(picture.live)
    shouting = _shouting(picture.live)
    if not shouting:
        return segments + _calm(picture, picture.live)
    for named in range(min(_NAMED, len(shouting)), 0, -1):
        told = segments + _alerts(picture.live, shouting, named, can_act)
        if _width(told) <= width:
            break
    return told


def _past(picture: Picture) -> list[Segment]:
    """This row tells of now whatever is shown, and says so beside the past."""
    if not picture.is_past or picture.snapshot is None:
        return []
    known = [Segment(one, "muted", 93) for one in past_notes(picture)[:1]]
    return [*known, Segment("now:", "accent", 96)]


def is_troubled(snapshot: Snapshot) -> bool:
    """Whether the collector itself has a problem, or a channel fails for good."""
    return bool(snapshot.problems or _channel_trouble(snapshot))


def loudest(snapshot: Snapshot | None) -> AlertView | None:
    """The alert that an acknowledgement without a chosen row is meant for."""
    if snapshot is None:
        return None
    shouting = _shouting(snapshot)
    return shouting[0] if shouting else None


def _link_trouble(picture: Picture) -> list[Segment]:
    link = picture.link
    if link.retry_at_ns is None:
        return [Segment(f"connecting to {clean(picture.address)}", "warning", 9)]
    wait_s = max(0, -(-(link.retry_at_ns - picture.now_ns) // _SECOND_NS))
    is_mismatch = link.state is LinkState.MISMATCH
    hint = "start one with llmmon-collector, or name another with --connect"
    return [
        Segment(clean(link.reason), "critical" if is_mismatch else "warning", 9),
        Segment(f"next try in {wait_s}s (r: now)" if wait_s else "trying now", "plain", 8),
        Segment(f"try {link.attempt + 1}" if link.attempt else "", "muted", 3),
        Segment(hint if link.state is LinkState.CONNECTING else "", "muted", 5),
        Segment(clean(picture.address), "plain", 2),
    ]


def _channel_trouble(snapshot: Snapshot) -> list[Segment]:
    """The worst channel where it is more than a hiccup: who waits to be told waits in vain."""
    bad = troubled(snapshot)
    if not bad:
        return []
    severity = channel_severity(bad[0], snapshot.at_ns)
    more = f" +{len(bad) - 1}" if len(bad) > 1 else ""
    text = f"{severity.glyph} {trouble_text(bad[0], snapshot.at_ns)}{more}"
    return [Segment(text, severity.ink, 94)] if severity is Severity.CRITICAL else []


def _shouting(snapshot: Snapshot) -> list[AlertView]:
    ranked = worst_first(snapshot.alerts, snapshot.at_ns)
    return [one for one in ranked if alert_severity(one, snapshot.at_ns).breaching]


def _alerts(
    snapshot: Snapshot, shouting: list[AlertView], named: int, can_act: bool
) -> list[Segment]:
    segments: list[Segment] = []
    for place, alert in enumerate(shouting[:named]):
        segments += _told(alert, snapshot.at_ns, 90 - 20 * place)
        if place == 0 and can_act:
            segments.append(Segment("[a]ck", "muted", 60))
    hidden = len(shouting) - named
    more = f"+{hidden} more" if hidden else ""
    return [*segments, Segment(more, "strong", 85), *_quiet(snapshot)]


def _width(segments: list[Segment]) -> int:
    texts = [width_of(one.text) for one in segments if one.text]
    return sum(texts) + _GAP * (len(texts) - 1)


def _told(alert: AlertView, now_ns: int, priority: int) -> list[Segment]:
    severity = alert_severity(alert, now_ns)
    ink = severity.ink
    return [
        Segment(f"{severity.glyph} {severity.word} {clean(alert.rule)}", ink, priority),
        Segment(clean(breach_text(alert)), ink, priority - 1),
        Segment(clean(where_text(alert)), "plain", priority - 10),
        Segment(age_text(alert, now_ns), "plain", priority - 2),
        Segment(marks_words(alert, now_ns), "accent", priority - 11),
    ]


def _quiet(snapshot: Snapshot) -> list[Segment]:
    """How many are known and being dealt with: `1 ack`, `2 muted`, `4 inhib`."""
    counts = Counter(alert_severity(one, snapshot.at_ns) for one in snapshot.alerts)
    return [
        Segment(f"{counts[severity]} {severity.word}", "muted", 20)
        for severity in _QUIET
        if counts[severity]
    ]


def _calm(picture: Picture, snapshot: Snapshot) -> list[Segment]:
    if picture.is_stale:
        return [Segment(f"nothing new for {age(picture.age_s)}: not known", "warning", 90)]
    if picture.is_empty:
        return [
            Segment("· no events yet", "plain", 90),
            Segment("try `llmmon demo`", "muted", 80),
            *_quiet(snapshot),
        ]
    if is_troubled(snapshot):
        return [Segment("no alert", "plain", 50), *_quiet(snapshot)]
    health, quiet = _health(snapshot), _quiet(snapshot)
    if not quiet and not _bad_checks(snapshot):
        return [Segment("✓ all clear", "ok", 90), *health]
    return [Segment(f"✓ no {'new ' if quiet else ''}alert", "ok", 90), *health, *quiet]


def _bad_checks(snapshot: Snapshot) -> list[HealthView]:
    return [check for check in snapshot.health if check.status in {"degraded", "failing"}]


def _health(snapshot: Snapshot) -> list[Segment]:
    bad = _bad_checks(snapshot)
    if bad:
        names = ", ".join(clean(check.name) for check in bad)
        return [Segment(f"▲ check {names}", "warning", 88)]
    known = sum(check.status == "ok" for check in snapshot.health)
    return [Segment(f"{known} checks ok" if known else "", "muted", 40)]
