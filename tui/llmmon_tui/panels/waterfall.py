"""Where the time went: requests and spans of a trace as bars on one axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from llmmon_tui.drawing.table import GUTTER, Cell, Column, Row
from llmmon_tui.formatting import ELLIPSIS, MISSING, duration, fit, width_of
from llmmon_tui.panels.trace import Node
from llmmon_tui.severity import Severity

BAR: Final = "█"
BEFORE_FIRST: Final = "░"
"""Until the first token."""
OPEN: Final = "▸"
"""Where what has not ended begins; dots lead on."""
_TOOK: Final = 7
_DEEPEST: Final = 12
"""Levels that are indented; those below stand under these."""
_FAR: Final = 10
"""What lies farther off than so many lengths of the trace is drawn at the edge."""
_LEAST_FAR_NS: Final = 60_000_000_000
_MS_NS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Axis:
    """The span of time that the bars are drawn on."""

    start_ns: int
    end_ns: int

    @property
    def length_ms(self) -> float:
        """How much it spans."""
        return (self.end_ns - self.start_ns) / _MS_NS

    @property
    def length_text(self) -> str:
        """The same in words; a dash where nothing told how long it took."""
        return duration(self.length_ms) if self.end_ns > self.start_ns else MISSING


def axis_of(tree: Sequence[Node]) -> Axis | None:
    """From the first start to the last end, without what another clock has put far away.

    None when nothing has a time.
    """
    times = [(node.start_ns, node.end_ns or node.start_ns) for node in tree if node.start_ns]
    if not times:
        return None
    first = next(((node.start_ns, node.end_ns) for node in tree if node.start_ns), None)
    start_ns, end_ns = times[0] if first is None or first[1] is None else (first[0], first[1])
    start_ns = start_ns or 0
    slack_ns = max(_LEAST_FAR_NS, _FAR * (end_ns - start_ns))
    near = [
        (start, end)
        for start, end in times
        if start_ns - slack_ns <= start and end <= end_ns + slack_ns
    ]
    return Axis(
        min([start_ns, *(start for start, _ in near)]), max([end_ns, *(end for _, end in near)])
    )


def columns(axis: Axis | None, width: int) -> tuple[Column, ...]:
    """Name, duration, and a bar under the ends of the axis, in a table of `width` cells."""
    name = max(12, min(44, width * 2 // 5))
    room = bar_room(width)
    end = "" if axis is None else axis.length_text
    # the line keeps the origin apart from the title before it
    start = "" if end in {"", MISSING} else "│0"
    title = fit(start, max(1, room - width_of(end))) + end
    return (
        Column("name", "what", name),
        Column("took", "took", _TOOK, "right"),
        Column("bar", title, room),
    )


def bar_room(width: int) -> int:
    """Cells for the bars in a table of `width` cells."""
    name = max(12, min(44, width * 2 // 5))
    return max(4, width - GUTTER - name - 1 - _TOOK - 1)


def waterfall_rows(tree: Sequence[Node], axis: Axis | None, width: int) -> list[Row]:
    """A row for each request and span; failed ones are marked."""
    room = bar_room(width)
    return [_row(node, axis, room) for node in tree]


def _row(node: Node, axis: Axis | None, room: int) -> Row:
    indent = " " * min(node.depth, _DEEPEST)
    lost = ELLIPSIS if node.is_orphan else ""
    ink = "critical" if node.error else ""
    calm = "series-2" if node.is_request else "series-4"
    cells = (
        Cell(f"{indent}{lost}{node.name}", ink=ink or ("strong" if node.is_request else "")),
        Cell(duration(node.took_ms), ink=ink),
        Cell(bar(node, axis, room), ink=ink or calm),
    )
    return Row(node.key, cells, Severity.CRITICAL if node.error else Severity.OK)


def bar(node: Node, axis: Axis | None, room: int) -> str:
    """Its part of the axis in at most `room` cells; light until the first token came.

    What is beyond an end of the axis shows an ellipsis there.
    """
    if axis is None or node.start_ns is None:
        return ""
    span_ns = max(1, axis.end_ns - axis.start_ns)
    end_ns = node.end_ns
    if (end_ns or node.start_ns) < axis.start_ns:
        return ELLIPSIS
    if node.start_ns > axis.end_ns:
        return " " * (room - 1) + ELLIPSIS
    left = _place(node.start_ns - axis.start_ns, span_ns, room)
    if end_ns is None:
        return " " * left + OPEN + "·" * (room - left - 1)
    right = max(left + 1, min(room, -(-(end_ns - axis.start_ns) * room // span_ns)))
    return " " * left + _filled(node, right - left)


def _place(offset_ns: int, span_ns: int, room: int) -> int:
    return max(0, min(room - 1, offset_ns * room // span_ns))


def _filled(node: Node, length: int) -> str:
    took_ms, ttft_ms = node.took_ms or 0.0, node.ttft_ms
    if ttft_ms is None or took_ms <= 0 or length < 2:
        return BAR * length
    waited = max(0, min(length - 1, round(ttft_ms / took_ms * length)))
    return BEFORE_FIRST * waited + BAR * (length - waited)
