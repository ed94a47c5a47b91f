"""Objectives: how much of each error budget is left, how fast it goes, and until when it lasts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from llmmon.protocol.snapshot import SloView
from llmmon_tui.drawing.gauge import gauge
from llmmon_tui.drawing.priority import Segment
from llmmon_tui.drawing.table import Cell, Column, Row
from llmmon_tui.formatting import MISSING, age, clean, count, duration, number, strip_controls
from llmmon_tui.panels.values import labels_text, severity_of, window_text
from llmmon_tui.severity import Severity

BURN_FROM: Final = 108
"""Cells from which a table has a column for each burn rate; below it they are told underneath."""
LASTS: Final = "lasts"
_GAUGE: Final = 10
_SHORT_GAUGE: Final = 7
_KNOWN_SHARE: Final = 0.99
"""Of the period: counts that cover less of it say so."""
_UNITS_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_FAST_WINDOW: Final = "1h"
_MOST_PERCENT: Final = 1e15
"""Beyond it a budget is as spent as can be, and a float may be infinite."""
_ORDER: Final = {severity: rank for rank, severity in enumerate(Severity)}
_COLUMNS: Final = (
    Column("name", "objective", 16, flex=True),
    Column("attained", "attained", 9, "right"),
    Column("goal", "goal", 7, "right"),
    Column("gauge", "err budget", _GAUGE),
    Column("left", "left", 9, "right"),
    Column("out", "runs out", 8, "right"),
)


def worst_slos(slos: Sequence[SloView]) -> list[SloView]:
    """Those that alert first, then by what is left; those without events last."""
    return sorted(slos, key=_badness)


def slo_columns(slos: Sequence[SloView]) -> tuple[Column, ...]:
    """The columns of the table, with one for each window that burn rates are told over."""
    return (
        *_COLUMNS,
        *(
            Column(f"burn:{name}", clean(name), 5, "right", BURN_FROM)
            for name in burn_windows(slos)
        ),
    )


def burn_windows(slos: Sequence[SloView]) -> list[str]:
    """Windows of the burn rates of all objectives, each once, the shortest first."""
    return sorted({name for one in slos for name in one.burn_rates}, key=_length)


def slo_row(slo: SloView, windows: Sequence[str]) -> Row:
    """One objective as a row of `slo_columns`."""
    severity = severity_of(slo.severity)
    group = labels_text(slo.labels) if slo.labels else ""
    cells: tuple[Cell | str, ...] = (
        Cell(strip_controls(slo.name), ink=severity.ink, beside=strip_controls(group)),
        attained_text(slo),
        Cell(share_text(slo.objective), ink="muted"),
        gauge(slo.budget_left, _GAUGE),
        Cell(left_text(slo), _overspent(slo)),
        Cell(out_text(slo), ink="" if _is_urgent(slo) else "muted"),
        *(_burn_cell(slo.burn_rates.get(name)) for name in windows),
    )
    return Row(f"slo:{slo.name}:{group}", cells, severity)


def slo_notes(slo: SloView, with_burn: bool) -> list[Segment]:
    """What a row has no column for; the burn rates where those have none."""
    bad = slo.total_events - slo.good_events
    events = f"{count(bad)} bad of {count(slo.total_events)}" if slo.total_events else ""
    return [
        Segment(coverage_text(slo), "accent", 9),
        *(_burn_segments(slo, "plain", "burn ") if with_burn else ()),
        Segment(events, "muted", 5),
        Segment(f"good: {clean(slo.good)}" if slo.good else "", "muted", 4),
    ]


def slo_block(slo: SloView) -> list[list[Segment]]:
    """One objective in lines for a narrow screen."""
    severity = severity_of(slo.severity)
    glyph = f"{severity.glyph} " if severity.breaching else "  "
    left = Segment(
        f"{gauge(slo.budget_left, _SHORT_GAUGE)} {_told_left(slo)}".strip(),
        _overspent(slo).ink,
        8,
    )
    return [
        [Segment(glyph + slo_name(slo), severity.ink if severity.breaching else "strong", 9)],
        [Segment(f"  {attained_of_goal(slo)}", "plain", 9), left],
        [
            Segment(f"  {lasts_words(slo) or 'burn'}", "plain", 9),
            *_burn_segments(slo, "muted"),
        ],
        [Segment(f"  {coverage_text(slo)}" if coverage_text(slo) else "", "accent", 9)],
    ]


def slo_segments(slo: SloView) -> list[Segment]:
    """The objective in full on one line: `✖ chat 99.81% of 99.9% ▕██░░▏ 21% left …`."""
    severity = severity_of(slo.severity)
    burn = slo.burn_rates.get(_FAST_WINDOW)
    return [
        Segment(f"{severity.glyph} {slo_name(slo)}", severity.ink, 90),
        Segment(attained_of_goal(slo), "plain", 70),
        Segment(gauge(slo.budget_left, _SHORT_GAUGE) if slo.total_events else "", "plain", 65),
        Segment(_told_left(slo), _overspent(slo).ink, 80),
        Segment("" if burn is None else f"{_FAST_WINDOW} burn {number(burn)}", "plain", 60),
        Segment(lasts_words(slo), "plain", 75),
        Segment(coverage_text(slo), "accent", 55),
    ]


def slo_brief(slo: SloView) -> Segment:
    """The objective in a few words: `▲ chat 61% left`."""
    severity = severity_of(slo.severity)
    glyph = f"{severity.glyph} " if severity.breaching else ""
    told = _told_left(slo) or "no events"
    return Segment(f"{glyph}{slo_name(slo)} {told}", severity.ink, 40)


def slo_name(slo: SloView) -> str:
    """The objective with its group."""
    group = f" {labels_text(slo.labels)}" if slo.labels else ""
    return clean(slo.name + group)


def attained_text(slo: SloView) -> str:
    """The share of good events, told a digit finer than the objective and never rounded up.

    So neither does a miss read like the objective, nor one bad event in a million like none.
    """
    if slo.attained is None or math.isnan(slo.attained):
        return "no events" if not slo.total_events else MISSING
    if slo.attained >= 1:
        return "100%"
    goal = share_text(slo.objective)[:-1]
    digits = max(2, len(goal.partition(".")[2]) + 1)
    factor = 10**digits
    percent = math.floor(round(max(0.0, slo.attained) * 100 * factor, 6)) / factor
    return f"{percent:.{digits}f}%"


def attained_of_goal(slo: SloView) -> str:
    """`99.81% of 99.9%`, `no events in 30d`."""
    if slo.attained is None:
        return f"no events in {window_text(slo.period_s)}"
    return f"{attained_text(slo)} of {share_text(slo.objective)}"


def share_text(share: float) -> str:
    """An objective as it was written: `99.9%`."""
    return f"{share * 100:.8g}%"


def left_text(slo: SloView) -> str:
    """How much of the error budget is left: `61%`, `<1%`, `none`, `35% over`."""
    left = slo.budget_left
    if left is None or not math.isfinite(left):
        return MISSING
    if left < 0:
        return f"{_percent(-left)} over"
    return _percent(left) if left > 0 else "none"


def out_text(slo: SloView) -> str:
    """Until the budget is spent: `4d03h`, `spent`, `lasts`."""
    if slo.budget_left is None:
        return MISSING
    if slo.budget_left <= 0 or slo.exhausted_in_s == 0:
        return "spent"
    if slo.exhausted_in_s is None or slo.exhausted_in_s > slo.period_s:
        return LASTS
    return duration(slo.exhausted_in_s * 1000)


def lasts_words(slo: SloView) -> str:
    """The same in words: `budget lasts`, `spent in 4d03h`; empty without events."""
    text = out_text(slo)
    if text == MISSING:
        return ""
    if text == LASTS:
        return "budget lasts"
    return text if text == "spent" else f"spent in {text}"


def coverage_text(slo: SloView) -> str:
    """`3h of 30d known` where the counts do not cover the period yet."""
    if slo.covered_s >= slo.period_s * _KNOWN_SHARE:
        return ""
    return f"{age(slo.covered_s)} of {window_text(slo.period_s)} known"


def _burn_segments(slo: SloView, ink: str, before: str = "") -> list[Segment]:
    names = sorted(slo.burn_rates, key=_length)
    texts = [f"{clean(name)} {number(slo.burn_rates[name])}" for name in names]
    return [Segment(text if place else before + text, ink, 6) for place, text in enumerate(texts)]


def _length(window: str) -> tuple[float, str]:
    number_text, unit = window[:-1], window[-1:]
    if not number_text.isdecimal() or unit not in _UNITS_S:
        return math.inf, window
    return int(number_text) * _UNITS_S[unit], window


def _told_left(slo: SloView) -> str:
    text = left_text(slo)
    if text == MISSING:
        return ""
    return f"budget {text}" if text == "none" else text + ("" if "over" in text else " left")


def _percent(share: float) -> str:
    percent = math.floor(min(share * 100, _MOST_PERCENT))
    if percent == 0:
        return "<1%"
    return f"{percent}%" if percent < 1000 else f"{number(percent)}%"


def _burn_cell(rate: float | None) -> Cell:
    return Cell(number(rate), ink="strong" if rate is not None and rate > 1 else "muted")


def _overspent(slo: SloView) -> Severity:
    is_spent = slo.budget_left is not None and slo.budget_left <= 0
    return Severity.WARNING if is_spent else Severity.OK


def _is_urgent(slo: SloView) -> bool:
    return out_text(slo) not in {LASTS, MISSING}


def _badness(slo: SloView) -> tuple[int, float]:
    left = math.inf if slo.budget_left is None else slo.budget_left
    return _ORDER[severity_of(slo.severity)], left
