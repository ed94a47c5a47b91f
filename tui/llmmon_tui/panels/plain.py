"""The whole picture as plain text, for scripts and for a quick look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from llmmon_tui.drawing.lines import Line, line_text
from llmmon_tui.drawing.priority import Segment, status_line
from llmmon_tui.drawing.table import Column, Row, header_line, lay_out, row_line
from llmmon_tui.model import Picture
from llmmon_tui.panels import alerts, groups, health
from llmmon_tui.panels.channels import channel_lines, troubled
from llmmon_tui.panels.objectives import budget_lines, slo_lines
from llmmon_tui.panels.tiles import FIGURES, plain_tile, tile
from llmmon_tui.panels.trust import trust_line
from llmmon_tui.panels.worst import worst_line

_HINT: Final = "? help"


def plain_lines(picture: Picture, width: int) -> list[str]:
    """Trust, worst alert, six numbers, alerts, objectives, groups, health, channels in trouble.

    Lines of at most `width` cells.
    """
    trust = [one for one in trust_line(picture) if one.text != _HINT]
    numbers = [Segment(plain_tile(tile(picture, figure, 0))) for figure in FIGURES]
    by = picture.view.by if picture.snapshot is None else picture.snapshot.by
    return [
        _line(trust, width),
        _line(worst_line(picture, width, can_act=False), width),
        _line(numbers, width, gap=" │ "),
        *_table("alerts", alerts.COLUMNS, alerts.alert_rows(picture), width),
        *_objectives(picture, width),
        *_table(
            f"by {by}, {groups.sort_text(picture)}",
            groups.columns(by),
            groups.group_rows(picture),
            width,
        ),
        *_table("health", health.COLUMNS, health.health_rows(picture), width),
        *_channels(picture, width),
    ]


def _objectives(picture: Picture, width: int) -> list[str]:
    snapshot = picture.snapshot
    if snapshot is None:
        return []
    slos = _lines(slo_lines(snapshot, width)) if snapshot.slos else []
    return slos + (_lines(budget_lines(snapshot, width)) if snapshot.budgets else [])


def _channels(picture: Picture, width: int) -> list[str]:
    is_well = picture.live is None or not troubled(picture.live)
    return [] if is_well else _lines(channel_lines(picture, width))


def _lines(lines: Sequence[Line]) -> list[str]:
    return ["", *(line_text(line).rstrip() for line in lines)]


def _line(segments: Sequence[Segment], width: int, gap: str = "  ") -> str:
    return line_text(status_line(segments, width, gap)).rstrip()


def _table(title: str, columns: Sequence[Column], rows: Sequence[Row], width: int) -> list[str]:
    if not rows:
        return []
    layout = lay_out(columns, width)
    lines = [header_line(layout, None, True), *(row_line(row, layout, False) for row in rows)]
    return ["", f"─ {title} ".ljust(width, "─"), *_lines(lines)[1:]]
