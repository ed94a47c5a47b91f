"""All budgets in a panel of any size: a table where it is wide, a few short lines each below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from llmmon.protocol.snapshot import BudgetView
from llmmon_tui.drawing.lines import Line, fit_line
from llmmon_tui.drawing.priority import status_line
from llmmon_tui.drawing.table import GUTTER, header_line, lay_out, row_line
from llmmon_tui.model import Picture
from llmmon_tui.panels.budgets import (
    COLUMNS,
    budget_block,
    budget_notes,
    budget_row,
    budget_segments,
    worst_budgets,
)
from llmmon_tui.panels.prose import wrap

_TABLE_FROM: Final = 75
"""Cells from which there is a table."""
_NONE: Final = (
    "no budgets: a [[budget]] table in the collector's configuration, with name, limit_usd and"
    ' period = "month" or "day", makes one'
)


def budget_panel(picture: Picture, width: int, height: int) -> list[Line]:
    """The budgets that alert, or are spent most, first; the last line counts those left out."""
    snapshot = picture.snapshot
    if snapshot is None or width <= 0 or height <= 0:
        return []
    if not snapshot.budgets:
        return wrap(_NONE, "muted", width)[:height]
    blocks = [
        _lines(one, snapshot.at_ns, width, height // len(snapshot.budgets))
        for one in worst_budgets(snapshot.budgets)
    ]
    head = [header_line(lay_out(COLUMNS, width), None, True)] if width >= _TABLE_FROM else []
    return _fitted(head, blocks, width, height)


def _lines(budget: BudgetView, now_ns: int, width: int, room: int) -> list[Line]:
    """One budget in at most about `room` lines, and one at least."""
    if width >= _TABLE_FROM:
        row = row_line(budget_row(budget, now_ns), lay_out(COLUMNS, width), False)
        notes = budget_notes(budget)
        told = room > 1 and any(one.text for one in notes)
        indent = (" " * (GUTTER + 2), "plain")
        return [row, fit_line([indent, *status_line(notes, width)], width)] if told else [row]
    block = [
        status_line(segments, width)
        for segments in budget_block(budget, now_ns)
        if any(one.text.strip() for one in segments)
    ]
    return block if room >= len(block) else [status_line(budget_segments(budget, now_ns), width)]


def _fitted(head: list[Line], blocks: Sequence[list[Line]], width: int, height: int) -> list[Line]:
    lines = list(head)
    for place, block in enumerate(blocks):
        left = len(blocks) - place
        is_last = left == 1
        if len(lines) + len(block) + (not is_last) > height:
            more = f"+{left} more: press o"
            return [*lines[: max(0, height - 1)], fit_line([(more, "muted")], width)]
        lines += block
    return lines
