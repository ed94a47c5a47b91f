"""Whether one channel is told of an alert now. Pure."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

from llmmon_collector.alerts.record import Notice, is_worse
from llmmon_collector.notify.notification import Event
from llmmon_collector.rules.model import Severity


class Situation(NamedTuple):
    """What matters of an alert to whether it is told."""

    firing: bool
    severity: Severity
    acknowledged: bool = False
    """Somebody has it in hand, at this severity."""
    muted: bool = False
    """Silenced or inhibited."""
    flapping: bool = False


class Terms(NamedTuple):
    """What matters of a channel, for one alert."""

    repeat_s: float
    """Between notifications of what goes on; 0 tells every episode, and repeats none."""
    min_severity: Severity = "warning"
    tells_acknowledged: bool = False
    refresh_s: float | None = None
    """How often to tell what fires, whatever else there is but a mute; None for need not."""
    muted: bool = False
    """By a schedule, or because no route leads there any more."""


def decide(notice: Notice, situation: Situation, terms: Terms, now_s: float) -> Event | None:
    """What to tell a channel, if anything, at monotonic time ``now_s``.

    - Who was told that it fires is told that it is over, muted or not: that only closes it. Of
      what flaps it is told once it has calmed.
    - What is muted, or milder than the channel wants, is not told. Afterwards it is, if it fires.
    - The first firing, and one worse than what the channel was told last, are told at once; so is,
      once, that it flaps. After that, nothing while it flaps.
    - While somebody has it in hand, nothing but that.
    - Otherwise it is told again after ``repeat_s``, whether it kept firing or went and came back.
    """
    damped = situation.flapping and terms.refresh_s is None
    if not situation.firing:
        return "resolved" if notice.open and not damped else None
    if situation.muted or terms.muted or is_worse(terms.min_severity, situation.severity):
        return None
    if _is_news(notice, situation, damped):
        return "firing"
    untold = situation.acknowledged and not notice.acknowledged
    if notice.open and untold and terms.tells_acknowledged:
        return "acknowledged"
    return "firing" if not damped and now_s >= due_s(notice, situation, terms) else None


def due_s(notice: Notice, situation: Situation, terms: Terms) -> float:
    """When a channel is told again that the alert fires, if nothing changes; monotonic clock."""
    if notice.told_s is None:
        return -math.inf
    if terms.refresh_s is not None:
        return notice.told_s + terms.refresh_s if notice.open else -math.inf
    if notice.open and (situation.acknowledged or terms.repeat_s == 0):
        return math.inf
    return notice.told_s + terms.repeat_s


def noted(notice: Notice, event: Event, situation: Situation, now_s: float) -> Notice:
    """``notice`` after the channel was told ``event``."""
    match event:
        case "firing":
            return Notice(True, now_s, situation.severity, False, situation.flapping)
        case "acknowledged":
            return replace(notice, acknowledged=True)
        case "resolved":
            return replace(notice, open=False, acknowledged=False, flapping=False)


def _is_news(notice: Notice, situation: Situation, damped: bool) -> bool:
    if notice.severity is None or is_worse(situation.severity, notice.severity):
        return True
    return damped and not notice.flapping
