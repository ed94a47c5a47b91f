"""A whole chart as lines of inked text: legend, value axis, series, limits, time axis."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from llmmon_tui.drawing.braille import Canvas, Marker
from llmmon_tui.drawing.buckets import Points, Policy, align, stack
from llmmon_tui.drawing.legend import Entry, legend_line
from llmmon_tui.drawing.lines import Line, Span, fit_line, merge_cells
from llmmon_tui.drawing.scale import Axis, steady_axis
from llmmon_tui.drawing.timeaxis import time_axis
from llmmon_tui.formatting import Formatter, axis_number, fit, number, strip_controls, width_of
from llmmon_tui.severity import Severity

Worst = Literal["high", "low"]
Heights = list[float | None]

LIMIT_LINE = "╌"
OFF_SCALE_FACTOR = 4.0
"""A limit further than this many times the data's peak would flatten the data: it is only named."""


@dataclass(frozen=True, slots=True)
class ChartSeries:
    """One line: `points` ascend in time (s); a value of None, or no point, is a gap."""

    name: str
    points: Points
    ink: str = "series-1"
    policy: Policy = "last"
    fill: bool = False


@dataclass(frozen=True, slots=True)
class Threshold:
    """A limit drawn into the chart, in the unit of the values; `label` like `warn 5s`.

    `series` names the one series that it holds for; empty stands for all.
    """

    value: float
    label: str
    severity: Severity = Severity.WARNING
    series: str = ""


@dataclass(frozen=True, slots=True)
class ChartLook:
    """What does not change from one frame to the next.

    `worst` says which end of the axis is bad: the worst series is drawn last, and a current value
    beyond a limit is marked in the legend. `low` and `high` fix the axis where they are not None.
    `axis_width` is in cells and includes the axis line.
    """

    format_value: Formatter = number
    format_tick: Formatter = axis_number
    marker: Marker = "braille"
    worst: Worst = "high"
    stacked: bool = False
    low: float | None = 0.0
    high: float | None = None
    axis_width: int = 5
    legend: bool = True


@dataclass(frozen=True, slots=True)
class ChartData:
    """What a frame shows: `window_s` seconds up to `now_s`, and a time cursor where one is set."""

    series: Sequence[ChartSeries] = ()
    thresholds: Sequence[Threshold] = ()
    window_s: float = 300.0
    now_s: float = 0.0
    cursor_s: float | None = None
    end_label: str = "now"


@dataclass(frozen=True, slots=True)
class Drawing:
    """Lines of a chart and the axis they were drawn on, which the next frame starts from."""

    lines: list[Line] = field(default_factory=list)
    axis: Axis | None = None


def draw_chart(
    data: ChartData, look: ChartLook, width: int, height: int, before: Axis | None = None
) -> Drawing:
    """Draw into exactly `height` lines of exactly `width` cells.

    From 2 lines on the first is the legend, from 4 lines on the last is the time axis.
    """
    if width <= 0 or height <= 0:
        return Drawing()
    has_legend = look.legend and height >= 2
    has_times = height >= 4 and width > look.axis_width
    canvas = Canvas(width - look.axis_width, height - has_legend - has_times, look.marker)
    values = [
        align(one.points, data.window_s, data.now_s, canvas.dot_width, one.policy)
        for one in data.series
    ]
    heights = stack(values) if look.stacked else values
    axis = _axis(heights, data.thresholds, look, canvas.height, before)
    _draw_series(canvas, data.series, heights, axis, look)
    lines = [_legend(data, look, values, width)] if has_legend else []
    lines += _plot_rows(canvas, data, look, axis, width)
    if has_times:
        times = time_axis(data.window_s, canvas.width, data.end_label)
        lines.append(((" " * look.axis_width, "muted"), (times, "muted")))
    return Drawing(lines, axis)


def _axis(
    heights: list[Heights],
    thresholds: Sequence[Threshold],
    look: ChartLook,
    rows: int,
    before: Axis | None,
) -> Axis:
    values = [value for layer in heights for value in layer if value is not None]
    peak = max(values, default=0.0)
    values += [limit.value for limit in thresholds if _is_near(limit.value, peak, before)]
    low = min(values, default=0.0) if look.low is None else look.low
    high = max(values, default=low + 1) if look.high is None else look.high
    return steady_axis(before, low, max(high, low), max(1, rows // 2))


def _is_near(limit: float, peak: float, before: Axis | None) -> bool:
    """Whether the axis should reach to a limit; one in view stays so for twice as long."""
    in_view = before is not None and before.low <= limit <= before.high
    return peak <= 0 or limit <= peak * OFF_SCALE_FACTOR * (2 if in_view else 1)


def _draw_series(
    canvas: Canvas,
    series: Sequence[ChartSeries],
    heights: list[Heights],
    axis: Axis,
    look: ChartLook,
) -> None:
    """Areas under lines; the tallest area and the worst line keep what they share."""
    pairs = list(zip(series, heights, strict=True))
    areas = [pair for pair in pairs if pair[0].fill or look.stacked]
    lines = [pair for pair in pairs if not (pair[0].fill or look.stacked)]
    for one, values in sorted(areas, key=lambda pair: -_level(pair[1])):
        canvas.area(_dots(values, axis, canvas), one.ink)
    lines.sort(key=lambda pair: _level(pair[1]), reverse=look.worst == "low")
    for one, values in lines:
        canvas.line(_dots(values, axis, canvas), one.ink)


def _level(values: Heights) -> float:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else 0.0


def _dots(values: Heights, axis: Axis, canvas: Canvas) -> list[int | None]:
    top = canvas.dot_height - 1
    return [None if value is None else top - round(axis.fraction(value) * top) for value in values]


def _legend(data: ChartData, look: ChartLook, layers: list[Heights], width: int) -> Line:
    """Values under the time cursor, or else of the newest column."""
    shown = _cursor_column(data, max(map(len, layers), default=0))
    column = -1 if shown is None else shown
    sign = 1 if look.worst == "high" else -1
    # the limits of a stack hold for its sum, not for a layer
    thresholds = () if look.stacked else data.thresholds
    entries = []
    for one, layer in zip(data.series, layers, strict=True):
        value = layer[column] if layer else None
        held_to = [limit for limit in thresholds if limit.series in {"", one.name}]
        severity = _severity(value, held_to, look.worst)
        text = look.format_value(value)
        entries.append(Entry(one.name, one.ink, text, severity, sign * _level(layer)))
    return legend_line(entries, width)


def _cursor_column(data: ChartData, columns: int) -> int | None:
    if data.cursor_s is None or columns <= 0:
        return None
    bucket_s = data.window_s / columns
    column = columns - 1 - int(data.now_s // bucket_s - data.cursor_s // bucket_s)
    return column if 0 <= column < columns else None


def _severity(value: float | None, thresholds: Sequence[Threshold], worst: Worst) -> Severity:
    if value is None:
        return Severity.OK
    beyond = [
        limit.severity
        for limit in thresholds
        if (value > limit.value if worst == "high" else value < limit.value)
    ]
    order = list(Severity)
    return min(beyond, key=order.index, default=Severity.OK)


def _plot_rows(
    canvas: Canvas, data: ChartData, look: ChartLook, axis: Axis, width: int
) -> list[Line]:
    rows = [canvas.cells(row) for row in range(canvas.height)]
    for limit in data.thresholds:
        _draw_limit(rows, canvas, limit, axis)
    for limit in data.thresholds:
        _draw_label(rows, canvas, limit, axis)
    _draw_cursor(rows, canvas, data)
    labels = _tick_labels(axis, canvas, look)
    for limit in data.thresholds:
        _clear_tick(labels, _row_of(limit.value, axis, canvas), canvas.height)
    lines: list[Line] = []
    for row, cells in enumerate(rows):
        label = labels.get(row)
        side = fit(label or "", look.axis_width - 1, "right") + ("┤" if label else "│")
        lines.append(fit_line([(side, "muted"), *merge_cells(cells)], width))
    return lines


def _row_of(value: float, axis: Axis, canvas: Canvas) -> int:
    top = canvas.dot_height - 1
    return (top - round(axis.fraction(value) * top)) // canvas.markers.dot_rows


def _tick_labels(axis: Axis, canvas: Canvas, look: ChartLook) -> dict[int, str]:
    """Labels by row: both ends, and the ticks between that have a clear row on either side."""
    if canvas.height == 0:
        return {}
    labels = {canvas.height - 1: look.format_tick(axis.low), 0: look.format_tick(axis.high)}
    for tick in axis.ticks[1:-1]:
        row = _row_of(tick, axis, canvas)
        if not {row - 1, row, row + 1} & labels.keys():
            labels[row] = look.format_tick(tick)
    return labels


def _clear_tick(labels: dict[int, str], row: int, height: int) -> None:
    """A rounded tick beside a limit's line would read as the limit's value; the ends stay."""
    if 0 < row < height - 1:
        labels.pop(row, None)


def _draw_limit(rows: list[list[Span]], canvas: Canvas, limit: Threshold, axis: Axis) -> None:
    """A dashed line behind the data, where the limit is on the scale."""
    if rows and axis.low <= limit.value <= axis.high:
        row, ink = _row_of(limit.value, axis, canvas), limit.severity.ink
        rows[row] = [(LIMIT_LINE, ink) if char == " " else (char, old) for char, old in rows[row]]


def _draw_label(rows: list[list[Span]], canvas: Canvas, limit: Threshold, axis: Axis) -> None:
    """A limit's name; an arrow points to one that is off the scale, or farther than a row away."""
    if not rows or not limit.label:
        return
    row = _row_of(limit.value, axis, canvas)
    arrow = "↑" if limit.value > axis.high else "↓" if limit.value < axis.low else ""
    label = strip_controls(limit.label)
    place = _label_place(rows, row, width_of(label) + 1)
    if place is None:
        return
    at, start = place
    if not arrow and abs(at - row) > 1:
        arrow = "↓" if at < row else "↑"
    # without an arrow the text stands one cell further to the right
    text = label + arrow
    start += not arrow
    rest = [("", limit.severity.ink)] * (width_of(text) - 1)
    rows[at][start : start + width_of(text)] = [(text, limit.severity.ink), *rest]


def _label_place(rows: list[list[Span]], row: int, width: int) -> tuple[int, int] | None:
    """Row and cell where a label hides no data: beside its line, else in the nearest free row.

    The right end comes first, so that a label stays where it is while the data moves on. Where
    data is everywhere it hides the oldest; None when there is no room, or others have taken it.
    """
    if width + 2 > len(rows[row]):
        return None
    right, left = len(rows[row]) - width - 1, 1
    near = [one for one in (row, row - 1, row + 1) if 0 <= one < len(rows)]
    far = sorted(set(range(len(rows))) - set(near), key=lambda one: (abs(one - row), one))
    tries = [(one, start) for start in (right, left) for one in near]
    for at, start in [*tries, *((one, right) for one in far)]:
        free = {" ", LIMIT_LINE} if at == row else {" "}
        if all(char in free for char, _ in rows[at][start : start + width]):
            return at, start
    is_data = all(width_of(char) == 1 for char, _ in rows[row][left : left + width])
    return (row, left) if is_data else None


def _draw_cursor(rows: list[list[Span]], canvas: Canvas, data: ChartData) -> None:
    column = _cursor_column(data, canvas.dot_width)
    if column is None:
        return
    cell = column // canvas.markers.dot_columns
    for cells in rows:
        if cells[cell][0] in {" ", LIMIT_LINE}:
            cells[cell] = ("│", "strong")
