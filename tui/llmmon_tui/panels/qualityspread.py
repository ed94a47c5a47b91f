"""How quality is spread over its scale, and whether that has moved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from llmmon_tui.drawing.gauge import FULL
from llmmon_tui.drawing.lines import Line, fit_line
from llmmon_tui.drift import LEAST, MOVED, SHIFTED, Drift, Finding, compare
from llmmon_tui.formatting import count, fit, score
from llmmon_tui.model import Picture
from llmmon_tui.panels.qualityquestions import BEFORE, BUCKETS
from llmmon_tui.severity import Severity

_LABELS: Final = ("0.0 to 0.2", "0.2 to 0.4", "0.4 to 0.6", "0.6 to 0.8", "0.8 to 1.0")
_LABEL: Final = 11
_COUNT: Final = 6
_SHARE: Final = 5
_NAME: Final = 20
_INKS: Final = {Finding.MOVED: Severity.WARNING, Finding.SHIFTED: Severity.WARNING}


def buckets(picture: Picture) -> tuple[int, ...] | None:
    """Scored requests of the window by fifth of the scale; None while that is not known.

    Snapshots tell it of the whole; narrowed to a group the store does, to the minute.
    """
    if not picture.view.where:
        return None if picture.window is None else picture.window.quality_buckets
    told = picture.answer(BEFORE).value
    return told.get("now") if isinstance(told, dict) else None


def drifts(picture: Picture) -> list[tuple[str, Drift]]:
    """The window's distribution against each of the spans that are known."""
    now, told = buckets(picture), picture.answer(BEFORE).value
    if now is None or len(now) != BUCKETS or not isinstance(told, dict):
        return []
    return [(name, compare(now, before)) for name, before in told.items() if name != "now"]


def spread_lines(picture: Picture, width: int, height: int) -> list[Line]:
    """The bars, the best on top, and below them the drift; `height` lines at most."""
    now = buckets(picture)
    if now is None:
        text = picture.answer(BEFORE).error or "asking the collector …"
        return [fit_line([(text if picture.snapshot else "", "muted")], width)]
    bars, drift = _bars(now, width), _drift_lines(picture, width)
    # how to read the index leaves before what it says
    drift = drift if len(bars) + len(drift) <= height else drift[1:] or drift
    return [*bars, *drift][:height]


def _bars(counts: Sequence[int], width: int) -> list[Line]:
    scored, most = sum(counts), max(counts, default=0)
    if not scored:
        return [fit_line([("no request of this window has a score", "muted")], width)]
    room = max(0, width - _LABEL - _COUNT - _SHARE - 1)
    pairs = reversed(list(zip(_LABELS, counts, strict=False)))
    return [_bar(label, number, scored, most, room) for label, number in pairs]


def _bar(label: str, number: int, scored: int, most: int, room: int) -> Line:
    filled = round(number / most * room)
    blocks = FULL * max(filled, 1 if number and room else 0)
    return (
        (fit(label, _LABEL), "muted"),
        (fit(blocks, room), "series-2"),
        (fit(count(number), _COUNT, "right"), "plain"),
        (fit(_percent(number / scored), _SHARE, "right") + " ", "muted"),
    )


def _percent(share: float) -> str:
    return "<1%" if 0 < share < 0.01 else f"{share * 100:.0f}%"


def _drift_lines(picture: Picture, width: int) -> list[Line]:
    answer = picture.answer(BEFORE)
    if answer.value is None:
        text = f"drift: {answer.error}" if answer.error else "drift: asking the collector …"
        return [fit_line([(text, "muted")], width)]
    title = f"drift of this spread, PSI: from {MOVED:g} moved, {SHIFTED:g} shifted"
    lines = [fit_line([(title, "muted")], width)]
    lines += [_drift_line(name, drift, width) for name, drift in drifts(picture)]
    return lines


def _drift_line(name: str, drift: Drift, width: int) -> Line:
    severity = _INKS.get(drift.finding, Severity.OK)
    glyph = f"{severity.glyph} " if severity.breaching else ""
    told = "" if drift.psi is None else fit(score(drift.psi), 5, "right") + " "
    few = f", needs {LEAST}" if drift.psi is None else ""
    ink = "muted" if drift.finding in {Finding.TOO_FEW, Finding.CHANCE} else severity.ink
    return fit_line(
        [
            (fit(name, _NAME), "plain"),
            (told, ink),
            (glyph + drift.finding, ink),
            (f"  n {count(drift.scored)} vs {count(drift.scored_before)}{few}", "muted"),
        ],
        width,
    )
