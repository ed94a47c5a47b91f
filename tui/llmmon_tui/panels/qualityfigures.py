"""Are the answers good? The figures of the Quality screen."""

from __future__ import annotations

from typing import Final

from llmmon.protocol.names import SCORES
from llmmon_tui.drawing.figures import Figure
from llmmon_tui.drawing.priority import Segment
from llmmon_tui.drift import Finding
from llmmon_tui.formatting import MISSING, count, ratio, score
from llmmon_tui.model import Picture
from llmmon_tui.panels.qualityquestions import SERIES, TENTHS, WORST, Series
from llmmon_tui.panels.qualityspread import drifts
from llmmon_tui.panels.values import breach, limit_words
from llmmon_tui.severity import Severity

_ALMOST_ALL: Final = 0.9
"""From this share on: what failed has no answer to score."""
STABLE_WITHIN: Final = 0.05
"""Change of the mean between the halves of a window that is no news, as the collector has it."""


def figures(picture: Picture) -> list[Figure]:
    """The most important first."""
    tenth = _tenth(picture)
    return [
        _measure(picture, "quality", "quality_score_mean"),
        _trend(picture),
        _scored(picture),
        _measure(picture, "refused", "refusal_rate"),
        Figure("p10", score(tenth), "" if tenth is None else "10% below"),
        *(_measure(picture, name, f"{name}_mean") for name in SCORES),
    ]


def notes(picture: Picture) -> list[Segment]:
    """What the figures rest on, and whether the distribution has moved."""
    if picture.snapshot is None:
        return []
    answers = [picture.answer(name) for name in (SERIES, WORST)]
    trouble = next((one.error for one in answers if one.error), "")
    is_asking = not trouble and any(one.value is None for one in answers)
    moved = [
        f"▲ {one.finding} against {name} (PSI {one.psi:.2f})"
        for name, one in drifts(picture)
        if one.finding in {Finding.MOVED, Finding.SHIFTED} and one.psi is not None
    ]
    return [
        Segment(f"the store does not tell: {trouble}" if trouble else "", "warning", 95),
        Segment("asking the collector …" if is_asking else "", "muted", 90),
        Segment(moved[0] if moved else "", "warning", 80),
        Segment(_sample_words(picture), "muted", 70),
        Segment("refusals count apart: one can be right", "muted", 20),
    ]


def trend_word(series: Series | None, start_ns: int, end_ns: int) -> tuple[str, float | None]:
    """`improving`, `degrading` or `stable`, and the change from the first to the second half.

    Means weigh by scored requests; a dash where a half has none.
    """
    if series is None:
        return MISSING, None
    middle_ns = (start_ns + end_ns) // 2
    first, second = _mean(series, start_ns, middle_ns), _mean(series, middle_ns, end_ns)
    if first is None or second is None:
        return MISSING, None
    change = second - first
    if abs(change) <= STABLE_WITHIN:
        return "stable", change
    return ("improving" if change > 0 else "degrading"), change


def _mean(series: Series, start_ns: int, end_ns: int) -> float | None:
    inside = [
        (point.scored, mean)
        for point in series.points
        if start_ns <= point.start_ns + series.step_ns // 2 < end_ns
        and (mean := point.means["quality_score"]) is not None
    ]
    scored = sum(count for count, _ in inside)
    return sum(count * mean for count, mean in inside) / scored if scored else None


def _measure(picture: Picture, title: str, metric: str) -> Figure:
    """A metric with its limit, or else with its change from the window before."""
    value = picture.total.get(metric)
    limits = () if picture.snapshot is None else picture.snapshot.limits
    severity = breach(metric, value, limits)
    text = ratio(value) if metric == "refusal_rate" else score(value)
    glyph = severity.glyph if severity.breaching else ""
    ink = severity.ink if severity.breaching else "muted" if value is None else "strong"
    beside = limit_words(metric, limits) or _change(picture, metric)
    return Figure(title, glyph + text, beside, ink)


def _change(picture: Picture, metric: str) -> str:
    """`↑ from 0.66` of the window before, which is only known of the whole."""
    window, value = picture.window, picture.total.get(metric)
    before = None if window is None or picture.view.where else window.previous.get(metric)
    if value is None or before is None:
        return ""
    told, now = (
        (ratio(before), ratio(value)) if metric == "refusal_rate" else (score(before), score(value))
    )
    return "as before" if told == now else f"{'↑' if value > before else '↓'} from {told}"


def _trend(picture: Picture) -> Figure:
    answer = picture.answer(SERIES).value
    window = picture.window
    if window is None:
        return Figure("trend", MISSING)
    start_ns = picture.at_ns - window.window_s * 1_000_000_000
    series = answer if isinstance(answer, Series) else None
    word, change = trend_word(series, start_ns, picture.at_ns)
    ink = Severity.WARNING.ink if word == "degrading" else "strong"
    # adding zero takes the sign off a negative one
    beside = "" if change is None else f"by {round(change, 2) + 0.0:+.2f}"
    return Figure("trend", word, beside, ink)


def _scored(picture: Picture) -> Figure:
    scored, requests = picture.total.get("scored_requests"), picture.total.get("requests")
    if scored is None or not requests:
        return Figure("scored", MISSING, "", "muted")
    return Figure("scored", ratio(scored / requests), f"of {count(requests)}")


def _tenth(picture: Picture) -> float | None:
    told = picture.answer(TENTHS).value
    return told.get(()) if isinstance(told, dict) else None


def _sample_words(picture: Picture) -> str:
    """`scored 412 of 5.2k: a sample`."""
    scored, requests = picture.total.get("scored_requests"), picture.total.get("requests")
    if not requests:
        return ""
    if not scored:
        return "no request of this window has a score"
    told = f"scored {count(scored)} of {count(requests)} requests"
    return f"{told}: a sample" if scored < _ALMOST_ALL * requests else told
