"""SLOs and budgets together: a strip of the worst on the overview, and a sheet of all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from llmmon.protocol.snapshot import BudgetView, SloView, Snapshot
from llmmon_tui.drawing.lines import Line, fit_line
from llmmon_tui.drawing.priority import Segment, status_line
from llmmon_tui.drawing.table import GUTTER, header_line, lay_out, row_line
from llmmon_tui.formatting import width_of
from llmmon_tui.model import Picture
from llmmon_tui.panels import budgets as money
from llmmon_tui.panels import slos as quality
from llmmon_tui.panels.prose import heading, wrap
from llmmon_tui.panels.values import severity_of

TABLE_FROM: Final = 75
"""Cells from which the sheet has tables; below it each objective is a few short lines."""
_BESIDE: Final = 6
"""Objectives told beside the worst, where there is room."""
_GAP: Final = 2
_HOW_SLO: Final = """No objectives. Add one to the collector's configuration:

  [[slo]]
  name = "chat-availability"
  good = "error is None"
  objective = 0.999"""
_HOW_BUDGET: Final = """No budgets. Add one to the collector's configuration:

  [[budget]]
  name = "all-models"
  limit_usd = 1000
  period = "month\""""


def strip_height(picture: Picture) -> int:
    """Lines that the overview gives to objectives: one for SLOs, one for budgets, as there are."""
    snapshot = picture.snapshot
    return 0 if snapshot is None else bool(snapshot.slos) + bool(snapshot.budgets)


def strip_lines(picture: Picture, width: int) -> list[Line]:
    """The worst objective in full and the next ones in short, likewise the budgets."""
    snapshot = picture.snapshot
    if snapshot is None:
        return []
    lines = []
    if snapshot.slos:
        worst, *others = quality.worst_slos(snapshot.slos)
        briefs = [quality.slo_brief(one) for one in others]
        lines.append(_strip("slo  ", quality.slo_segments(worst), briefs, width))
    if snapshot.budgets:
        first, *rest = money.worst_budgets(snapshot.budgets)
        told = money.budget_segments(first, snapshot.at_ns)
        briefs = [money.budget_brief(one) for one in rest]
        lines.append(_strip("spend", told, briefs, width))
    return lines


def objective_lines(picture: Picture, width: int) -> list[Line]:
    """All SLOs and budgets, the worst first, in lines of `width` cells."""
    snapshot = picture.snapshot
    if snapshot is None:
        return wrap("not known yet: no collector has answered", "muted", width)
    return [*slo_lines(snapshot, width), *wrap("", "plain", width), *budget_lines(snapshot, width)]


def _strip(label: str, told: Sequence[Segment], briefs: Sequence[Segment], width: int) -> Line:
    """As many of `briefs` as have room beside `told`; the others are counted."""
    for named in range(min(_BESIDE, len(briefs)), -1, -1):
        hidden = len(briefs) - named
        segments = [
            Segment(label, "muted", 88),
            *told,
            *briefs[:named],
            Segment(f"+{hidden} more" if hidden else "", "muted", 87),
        ]
        texts = [width_of(one.text) for one in segments if one.text]
        if sum(texts) + _GAP * (len(texts) - 1) <= width:
            break
    return status_line(segments, width)


def slo_lines(snapshot: Snapshot, width: int) -> list[Line]:
    """A title and all SLOs, the worst first, or how to add one."""
    if not snapshot.slos:
        return [heading("SLOs", width), *wrap(_HOW_SLO, "muted", width)]
    beside = "burn rate over the last … →" if width >= quality.BURN_FROM else ""
    title = f"SLOs  {slos_alerting(snapshot)}"
    return [heading(title, width, beside), *slo_body(snapshot.slos, width)]


def slo_body(slos: Sequence[SloView], width: int) -> list[Line]:
    """The SLOs, the worst first: a table, or a few short lines each where it is narrow."""
    worst = quality.worst_slos(slos)
    if width < TABLE_FROM:
        return [line for one in worst for line in _block(quality.slo_block(one), width)]
    return _slo_table(worst, width, has_burn=width >= quality.BURN_FROM)


def slos_alerting(snapshot: Snapshot) -> str:
    """`1 of 3 alerting`."""
    return _alerting([one.severity for one in snapshot.slos])


def _slo_table(slos: Sequence[SloView], width: int, has_burn: bool) -> list[Line]:
    layout = lay_out(quality.slo_columns(slos), width)
    windows = quality.burn_windows(slos)
    lines = [header_line(layout, None, True)]
    for one in slos:
        lines.append(row_line(quality.slo_row(one, windows), layout, False))
        lines += _notes(quality.slo_notes(one, with_burn=not has_burn), width)
    return lines


def budget_lines(snapshot: Snapshot, width: int) -> list[Line]:
    """A title and all budgets, the worst first, or how to add one."""
    if not snapshot.budgets:
        return [heading("budgets", width), *wrap(_HOW_BUDGET, "muted", width)]
    title = f"budgets  {budgets_alerting(snapshot)}"
    return [heading(title, width), *budget_body(snapshot, width)]


def budget_body(snapshot: Snapshot, width: int) -> list[Line]:
    """The budgets, the worst first: a table, or a few short lines each where it is narrow."""
    budgets = money.worst_budgets(snapshot.budgets)
    if width >= TABLE_FROM:
        return _budget_table(budgets, snapshot.at_ns, width)
    blocks = (_block(money.budget_block(one, snapshot.at_ns), width) for one in budgets)
    return [line for block in blocks for line in block]


def budgets_alerting(snapshot: Snapshot) -> str:
    """`1 of 3 alerting`."""
    return _alerting([one.severity for one in snapshot.budgets])


def _budget_table(budgets: Sequence[BudgetView], now_ns: int, width: int) -> list[Line]:
    layout = lay_out(money.COLUMNS, width)
    lines = [header_line(layout, None, True)]
    for one in budgets:
        lines.append(row_line(money.budget_row(one, now_ns), layout, False))
        lines += _notes(money.budget_notes(one), width)
    return lines


def _alerting(severities: Sequence[str | None]) -> str:
    bad = sum(severity_of(one).breaching for one in severities)
    return f"{bad} of {len(severities)} alerting"


def _notes(segments: Sequence[Segment], width: int) -> list[Line]:
    if not any(one.text for one in segments):
        return []
    indent = (" " * (GUTTER + 1), "plain")
    return [fit_line([indent, *status_line(segments, max(1, width - GUTTER - 1))], width)]


def _block(lines: Sequence[Sequence[Segment]], width: int) -> list[Line]:
    return [
        status_line(segments, width)
        for segments in lines
        if any(one.text.strip() for one in segments)
    ]
