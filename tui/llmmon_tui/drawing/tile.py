"""A key figure against its limit, in one or two lines from 16 cells up."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from llmmon_tui.drawing.lines import Line, Span, fit_line, line_width
from llmmon_tui.drawing.spark import spark
from llmmon_tui.formatting import fit
from llmmon_tui.severity import Severity

Trend = Literal["up", "down", "flat"]
ARROWS: dict[Trend, str] = {"up": "↑", "down": "↓", "flat": "→"}
FIGURE_WIDTH = 11
"""Cells of title and value together in the two-line form: all values end in one column."""
VALUE_WIDTH = 8
SHORTEST_VALUE = 6
ONE_LINE = (5, 7, 7)
"""Cells of title, value and limit where a tile has one row."""
COMPACT = (5, 6, 1)
"""Cells of title, value and trend in the narrowest form."""
COMPACT_BELOW = 24
_SIGNS = (("of ", "/"), ("min ", "/"), ("in ", "·"))


@dataclass(frozen=True, slots=True)
class TileData:
    """What a tile shows. `value`, `limit` and `delta` are ready text: `3.41s`, `of 5s`, `12%`.

    `history` is drawn as a spark from 0 to `history_max`, the newest value last.
    """

    title: str
    value: str
    limit: str = ""
    severity: Severity = Severity.OK
    trend: Trend | None = None
    delta: str = ""
    history: Sequence[float | None] = ()
    history_max: float = 1.0


def draw_tile(data: TileData, width: int, height: int, show_title: bool = True) -> list[Line]:
    """Two lines (figures, spark) when there is room, else one with the spark after the figures."""
    if width <= 0 or height <= 0:
        return []
    if height >= 2:
        ink = data.severity.ink if data.severity.breaching else "muted"
        return [
            _figures(data, width, show_title),
            ((spark(data.history, width, data.history_max), ink),),
        ]
    if width < COMPACT_BELOW:
        return [_compact(data, width)]
    return [_one_line(data, width, show_title)]


def spark_width(width: int, height: int) -> int:
    """Columns of history that a tile of this size shows."""
    if height >= 2:
        return max(0, width)
    return max(0, width - sum(COMPACT if width < COMPACT_BELOW else ONE_LINE))


def _value(data: TileData, width: int) -> Span:
    mark = data.severity.glyph if data.severity.breaching else ""
    ink = data.severity.ink if data.severity.breaching else "strong"
    return fit(mark + data.value, width, "right"), ink


def _trend(data: TileData) -> str:
    return (ARROWS[data.trend] if data.trend else "") + data.delta


def _short_limit(data: TileData) -> str:
    """`of 5s` as `/5s`."""
    beside = data.limit
    for words, sign in _SIGNS:
        beside = beside.replace(words, sign, 1)
    return beside


def _figures(data: TileData, width: int, show_title: bool) -> Line:
    """Title and value at the left, limit and trend at the right; the trend leaves first."""
    title_width = max(0, min(len(data.title), width - VALUE_WIDTH)) if show_title else 0
    value_width = max(SHORTEST_VALUE, FIGURE_WIDTH - title_width) if show_title else VALUE_WIDTH
    left: list[Span] = [(fit(data.title, title_width), "muted"), _value(data, value_width)]
    room = width - line_width(left)
    right = ""
    for text in (f"{data.limit} {_trend(data)}".strip(), data.limit or _trend(data)):
        if len(text) < room:
            right = text
            break
    if not right and len(_short_limit(data)) <= room:
        right = _short_limit(data)
    return fit_line([*left, (fit(right, room, "right"), "muted")], width)


def _one_line(data: TileData, width: int, show_title: bool) -> Line:
    """`err    ✖7.2%/5%    ▂▃▃▅▆`: fields of fixed width, the spark takes the rest."""
    title_width, value_width, limit_width = ONE_LINE
    title: list[Span] = [(fit(data.title, title_width), "muted")] if show_title else []
    beside = _short_limit(data) or f" {_trend(data)}"
    return _with_spark(
        [*title, _value(data, value_width), (fit(beside, limit_width), "muted")], data, width
    )


def _compact(data: TileData, width: int) -> Line:
    """`err   ✖7.2% ▁▁▃▇█` for a 40-column panel with two tiles a row."""
    title_width, value_width, _ = COMPACT
    arrow = ARROWS[data.trend] if data.trend else " "
    title = (fit(data.title, title_width), "muted")
    return _with_spark([title, _value(data, value_width), (arrow, "muted")], data, width)


def _with_spark(spans: list[Span], data: TileData, width: int) -> Line:
    ink = data.severity.ink if data.severity.breaching else "muted"
    rest = spark(data.history, max(0, width - line_width(spans)), data.history_max)
    return fit_line([*spans, (rest, ink)], width)
