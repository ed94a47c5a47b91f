"""Row one: can this picture be trusted?"""

from __future__ import annotations

from typing import Final

from llmmon_tui.drawing.priority import Segment
from llmmon_tui.formatting import MISSING, age, clean, count, rate
from llmmon_tui.link import LOST_AFTER_S, STALE_AFTER_S, CollectorState, LinkState
from llmmon_tui.model import Held, Picture
from llmmon_tui.panels.values import clock_text, labels_text, moment_text, window_text

_SECOND_NS: Final = 1_000_000_000
_MOST_NAMED: Final = 3
"""Collectors that are away and are named; the others are in the count."""


def trust_line(picture: Picture) -> list[Segment]:
    """Link, name, age of the data, losses, then what is being looked at, and the time."""
    return [
        Segment("llmmon", "strong", 1),
        _link(picture),
        *_source(picture),
        *_flow(picture),
        *_choices(picture),
        Segment(
            f"{clock_text(picture.now_ns)}{' UTC' if picture.view.utc else ''}",
            "muted",
            60,
            "right",
        ),
        Segment("? help", "muted", 5, "right"),
    ]


def _link(picture: Picture) -> Segment:
    if picture.held is not None:
        return Segment(_paused(picture, picture.held), "warning", 99)
    state = picture.link.state
    if state is LinkState.MISMATCH:
        return Segment("✖ VERSION MISMATCH", "critical", 99)
    if state is LinkState.CONNECTING:
        return Segment("○ CONNECTING", "warning", 99)
    age_s = picture.age_s or 0.0
    if state is LinkState.RECONNECTING:
        return Segment("✖ RECONNECTING", _age_ink(age_s, "warning"), 99)
    if picture.is_stale:
        glyph = "✖" if age_s > LOST_AFTER_S else "▲"
        return Segment(f"{glyph} STALE", _age_ink(age_s, "warning"), 99)
    return Segment("● LIVE", "ok", 99)


def _paused(picture: Picture, held: Held) -> str:
    if held.is_past:
        at_ns, now_ns = held.snapshot.at_ns, picture.live_at_ns
        return f"◀ PAST {moment_text(at_ns, now_ns)} -{age((now_ns - at_ns) / _SECOND_NS)}"
    since = age((picture.now_ns - held.since_ns) / _SECOND_NS)
    link = "" if picture.link.state is LinkState.LIVE else f" ({picture.link.state})"
    return f"‖ PAUSED {clock_text(held.since_ns)} +{since}{link}"


def _source(picture: Picture) -> list[Segment]:
    if picture.live is None:
        return [Segment(clean(picture.address), "plain", 80)]
    if picture.collectors:
        return [*_collectors(picture.collectors), Segment(clean(picture.live.note), "accent", 40)]
    return [
        Segment(clean(picture.live.name), "plain", 50),
        Segment(clean(picture.live.note), "accent", 40),
    ]


def _collectors(states: tuple[CollectorState, ...]) -> list[Segment]:
    """All of them where all are well; else those that are not in the numbers, by name."""
    away = [one for one in states if not one.is_counted]
    if not away:
        return [Segment(f"{len(states)} collectors", "plain", 50)]
    told = [Segment(f"{clean(one.name)} {one.link}", "warning", 85) for one in away[:_MOST_NAMED]]
    return [Segment(f"{len(states) - len(away)}/{len(states)} collectors", "warning", 86), *told]


def _flow(picture: Picture) -> list[Segment]:
    """The age always; intake and losses of the newest snapshot."""
    if picture.live is None or picture.age_s is None:
        return []
    ingest = picture.live.ingest
    lost = sum(ingest.events_lost.values())
    text = f"{picture.age_s:.1f}s" if picture.age_s < LOST_AFTER_S else age(picture.age_s)
    flow = rate(ingest.events_per_second) if not picture.is_stale else MISSING
    missed = f"missed {count(picture.missed)}" if picture.missed else ""
    return [
        Segment(f"age {text}", _age_ink(picture.age_s, "plain"), 90),
        Segment(f"{flow} ev/s", "plain", 30),
        Segment(f"lost {count(lost)}", "warning" if lost else "plain", 45),
        Segment(missed, "warning", 20),
    ]


def _choices(picture: Picture) -> list[Segment]:
    """A narrowing and a filter hide things, so they outlive most of the line."""
    view = picture.view
    window = picture.window
    shown_s = view.window_s if window is None else window.window_s
    narrowed = f"› {clean(labels_text(view.where))}" if view.where else ""
    return [
        Segment(window_text(shown_s), "strong", 70),
        Segment(f"by {view.by}", "plain", 35),
        Segment("vs yesterday" if view.compare else "", "accent", 36),
        Segment(narrowed, "accent", 75),
        Segment(f"/{clean(view.filter)}" if view.filter else "", "accent", 74),
    ]


def _age_ink(age_s: float, calm: str) -> str:
    if age_s > LOST_AFTER_S:
        return "critical"
    return "warning" if age_s > STALE_AFTER_S else calm
