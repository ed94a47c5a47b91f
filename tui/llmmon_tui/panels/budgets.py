"""Spending limits: what is spent of each, where it will end, and when it starts anew."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from llmmon.protocol.snapshot import BudgetView
from llmmon_tui.drawing.gauge import gauge
from llmmon_tui.drawing.priority import Segment
from llmmon_tui.drawing.table import Cell, Column, Row
from llmmon_tui.formatting import MISSING, age, axis_money, clean, count, money, strip_controls
from llmmon_tui.panels.values import labels_text, severity_of
from llmmon_tui.severity import Severity

_GAUGE: Final = 8
_SHORT_GAUGE: Final = 7
_SECOND_NS: Final = 1_000_000_000
_ORDER: Final = {severity: rank for rank, severity in enumerate(Severity)}
LASTS: Final = "lasts"
COLUMNS: Final = (
    Column("name", "budget", 14, flex=True),
    Column("spent", "spent", 8, "right"),
    Column("limit", "limit", 6, "right"),
    Column("gauge", "", _GAUGE),
    Column("used", "used", 6, "right"),
    Column("forecast", "forecast", 9, "right"),
    Column("out", "runs out", 8, "right"),
    Column("resets", "resets", 6, "right"),
    Column("rate", "per hour", 8, "right", 100),
)


def worst_budgets(budgets: Sequence[BudgetView]) -> list[BudgetView]:
    """Those that alert first, then by the share that is spent or will be."""
    return sorted(budgets, key=_badness)


def budget_row(budget: BudgetView, now_ns: int) -> Row:
    """One budget as a row of `COLUMNS`."""
    severity = severity_of(budget.severity)
    group = labels_text(budget.labels) if budget.labels else ""
    out = out_text(budget, now_ns)
    cells = (
        Cell(strip_controls(budget.name), ink=severity.ink, beside=strip_controls(group)),
        spent_text(budget),
        Cell(axis_money(budget.limit_usd), ink="muted"),
        gauge(used(budget), _GAUGE),
        Cell(used_text(budget), _overspent(budget)),
        Cell(money(budget.forecast_usd), _ends_over(budget)),
        Cell(out, ink="muted" if out in {LASTS, MISSING} else ""),
        Cell(resets_text(budget, now_ns), ink="muted"),
        Cell(money(budget.rate_usd_per_hour), ink="muted"),
    )
    return Row(f"budget:{budget.name}:{group}", cells, severity)


def budget_notes(budget: BudgetView) -> list[Segment]:
    """What a row has no column for."""
    return [Segment(unpriced_text(budget), "accent", 9), Segment(_unknown(budget), "muted", 5)]


def budget_block(budget: BudgetView, now_ns: int) -> list[list[Segment]]:
    """One budget in lines for a narrow screen."""
    severity = severity_of(budget.severity)
    glyph = f"{severity.glyph} " if severity.breaching else "  "
    return [
        [Segment(glyph + budget_name(budget), severity.ink if severity.breaching else "strong", 9)],
        [
            Segment(f"  {spent_of_limit(budget)}", "plain", 9),
            Segment(gauge(used(budget), _SHORT_GAUGE).strip(), _overspent(budget).ink, 7),
            Segment(used_text(budget), _overspent(budget).ink, 8),
        ],
        [
            Segment(f"  {_forecast_words(budget)}", _ends_over(budget).ink, 8),
            Segment(_out_words(budget, now_ns), "plain", 9),
            Segment(f"resets {resets_text(budget, now_ns)}", "muted", 5),
        ],
        [Segment(f"  {unpriced_text(budget)}" if unpriced_text(budget) else "", "accent", 9)],
    ]


def budget_segments(budget: BudgetView, now_ns: int) -> list[Segment]:
    """The budget in full on one line: `▲ team $812 of $1k/day ▕██████░░▏ 81% …`."""
    severity = severity_of(budget.severity)
    return [
        Segment(f"{severity.glyph} {budget_name(budget)}", severity.ink, 90),
        Segment(spent_of_limit(budget), "plain", 80),
        Segment(gauge(used(budget), _GAUGE), "plain", 65),
        Segment(used_text(budget), _overspent(budget).ink, 85),
        Segment(_forecast_words(budget), _ends_over(budget).ink, 70),
        Segment(_out_words(budget, now_ns), "plain", 75),
        Segment(f"resets {resets_text(budget, now_ns)}", "muted", 50),
        Segment(unpriced_text(budget), "accent", 55),
    ]


def budget_brief(budget: BudgetView) -> Segment:
    """The budget in a few words: `▲ team 81%`."""
    severity = severity_of(budget.severity)
    glyph = f"{severity.glyph} " if severity.breaching else ""
    told = "$?" if used(budget) is None else f"{used_text(budget)} spent"
    return Segment(f"{glyph}{budget_name(budget)} {told}", severity.ink, 40)


def budget_name(budget: BudgetView) -> str:
    """The budget with its group."""
    group = f" {labels_text(budget.labels)}" if budget.labels else ""
    return clean(budget.name + group)


def used(budget: BudgetView) -> float | None:
    """Share of the limit that is spent; None where nobody knows it."""
    if budget.unpriced_requests and not budget.spent_usd:
        return None
    if budget.limit_usd > 0:
        return budget.spent_usd / budget.limit_usd
    return math.inf if budget.spent_usd > 0 else None


def used_text(budget: BudgetView) -> str:
    """`81%`, `<1%`, `132%`; what is below the limit never reads as 100 %."""
    share = used(budget)
    if share is None:
        return MISSING
    if not math.isfinite(share):
        return "over"
    if 0 < share < 0.01:
        return "<1%"
    percent = math.floor(share * 100)
    return f"{percent}%" if percent < 1000 else ">999%"


def spent_text(budget: BudgetView) -> str:
    """`$812.40`; with a `+` where the cost of some requests is not known."""
    if budget.unpriced_requests and not budget.spent_usd:
        return "$?"
    return money(budget.spent_usd) + ("+" if budget.unpriced_requests else "")


def spent_of_limit(budget: BudgetView) -> str:
    """`$812.40 of $1k/month`."""
    return f"{spent_text(budget)} of {axis_money(budget.limit_usd)}/{clean(budget.period)}"


def unpriced_text(budget: BudgetView) -> str:
    """How many requests are missing from what is spent."""
    unpriced = budget.unpriced_requests
    return f"{count(unpriced)} unpriced, not counted" if unpriced else ""


def out_text(budget: BudgetView, now_ns: int) -> str:
    """When the limit is reached: `in 5d`, `3h ago`, `lasts`; `—` where too little is known."""
    at_ns = budget.exhausted_ns
    if at_ns is None:
        return MISSING if budget.forecast_usd is None else LASTS
    if at_ns > now_ns:
        return f"in {age((at_ns - now_ns) / _SECOND_NS)}"
    return f"{age((now_ns - at_ns) / _SECOND_NS)} ago"


def resets_text(budget: BudgetView, now_ns: int) -> str:
    """When the next period begins: `in 6d`."""
    return f"in {age(max(0, budget.resets_ns - now_ns) / _SECOND_NS)}"


def _out_words(budget: BudgetView, now_ns: int) -> str:
    text = out_text(budget, now_ns)
    if text == MISSING:
        return ""
    return text if text == LASTS else f"spent {text}"


def _forecast_words(budget: BudgetView) -> str:
    if budget.forecast_usd is None:
        return "no forecast yet"
    glyph = _ends_over(budget).glyph if _ends_over(budget).breaching else ""
    return f"{glyph}forecast {money(budget.forecast_usd)}"


def _unknown(budget: BudgetView) -> str:
    return "too little is known for a forecast" if budget.forecast_usd is None else ""


def _overspent(budget: BudgetView) -> Severity:
    return Severity.WARNING if budget.spent_usd > budget.limit_usd else Severity.OK


def _ends_over(budget: BudgetView) -> Severity:
    forecast = budget.forecast_usd
    is_over = forecast is not None and forecast > budget.limit_usd
    return Severity.WARNING if is_over else Severity.OK


def _badness(budget: BudgetView) -> tuple[int, float]:
    share = used(budget) or 0.0
    forecast = budget.forecast_usd or 0.0
    ahead = forecast / budget.limit_usd if budget.limit_usd > 0 else 0.0
    return _ORDER[severity_of(budget.severity)], -max(share, ahead)
