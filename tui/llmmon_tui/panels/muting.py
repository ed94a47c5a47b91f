"""How long a silence may last, as an operator is asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Final, NamedTuple

from llmmon.protocol.snapshot import AlertView
from llmmon_tui.drawing.lines import Line, fit_line
from llmmon_tui.drawing.table import CURSOR
from llmmon_tui.panels.alertview import where_text
from llmmon_tui.panels.prose import wrap
from llmmon_tui.panels.values import until_text

MORNING: Final = time(9, 0)
"""When somebody is there who can look at what was silenced over night."""
_HOUR_S: Final = 3600.0


class Span(NamedTuple):
    """A length of time that can be chosen."""

    name: str
    duration_s: float


def spans(now_ns: int) -> tuple[Span, ...]:
    """An hour, four, until the next morning and the one after it, by the viewer's clock."""
    now = datetime.fromtimestamp(now_ns / 1e9).astimezone()
    today, tomorrow = (_morning(now.date() + timedelta(days=days)) for days in (0, 1))
    mornings = [one for one in (today, tomorrow) if one > now]
    return (
        Span("1 hour", _HOUR_S),
        Span("4 hours", 4 * _HOUR_S),
        *(
            Span(
                "tomorrow" if one is tomorrow else "this morning",
                (one - now).total_seconds(),
            )
            for one in mornings
        ),
    )


def muting_lines(
    alert: AlertView, offered: Sequence[Span], chosen: int, now_ns: int, width: int
) -> list[Line]:
    """What is silenced, and the lengths to choose from with a cursor at `chosen`."""
    where = where_text(alert)
    lines = wrap(f"⊘ {alert.rule}{'  ' if where else ''}{where}", "strong", width)
    lines += wrap("people are not told of it; it stays on the screen", "muted", width)
    lines += wrap("", "plain", width)
    for place, span in enumerate(offered):
        is_chosen = place == chosen
        until = until_text(now_ns + round(span.duration_s * 1e9), now_ns)
        lines.append(
            fit_line(
                [
                    (f"{CURSOR if is_chosen else ' '} ", "strong"),
                    (f"{span.name:<13}", "strong" if is_chosen else "plain"),
                    (until, "plain" if is_chosen else "muted"),
                ],
                width,
            )
        )
    return lines + wrap("", "plain", width)


def _morning(day: date) -> datetime:
    return datetime.combine(day, MORNING).astimezone()
