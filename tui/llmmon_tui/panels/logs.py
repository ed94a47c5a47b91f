"""What do the services say? Lines of the log, and how many of each level came when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from llmmon_tui.drawing.lines import Line, fit_line
from llmmon_tui.drawing.priority import Segment
from llmmon_tui.drawing.spark import NO_VALUE, spark
from llmmon_tui.drawing.table import Cell, Column, Row
from llmmon_tui.formatting import MISSING, axis_duration, count, fit, strip_controls
from llmmon_tui.model import Picture
from llmmon_tui.panels.loglevel import CLASSES, class_of, level_severity
from llmmon_tui.panels.logquestions import BUCKETS, LEVELS, LINES, MOST, LevelCounts, LogRow
from llmmon_tui.panels.narrowing import window_of
from llmmon_tui.panels.prose import fact, wrap
from llmmon_tui.panels.values import clock_text, window_text

ASKING: Final = "asking the collector …"
COLUMNS: Final = (
    Column("time", "time", 8),
    Column("level", "level", 8, min_width=56),
    Column("service", "service", 14, min_width=72),
    Column("logger", "logger", 18, min_width=100),
    Column("message", "message", 20, flex=True),
    Column("trace", "trace", 12, min_width=120),
)
_HEAD: Final = 18
_NOTE: Final = 18
_WITH_NOTE: Final = 72
_LEAST_WIDTH: Final = 30
_DIVISORS: Final = (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60)


def log_lines(picture: Picture) -> tuple[LogRow, ...]:
    """The lines that are known, the newest first."""
    told: tuple[LogRow, ...] | None = picture.answer(LINES).value
    return told or ()


def log_rows(picture: Picture) -> list[Row]:
    """The rows of the table."""
    return [_row(line) for line in log_lines(picture)]


def level_counts(picture: Picture) -> LevelCounts | None:
    """Counts by level; None while they are not known."""
    told: LevelCounts | None = picture.answer(LEVELS).value
    return told


def empty_text(picture: Picture, threshold: str, otherwise: str) -> str:
    """What the table says while it has no rows."""
    told = picture.answer(LINES)
    if picture.snapshot is None:
        return otherwise
    if told.error:
        return told.error
    if told.value is None:
        return ASKING
    what = f"line of {threshold} or worse" if threshold else "log line"
    passing = f" passes the filter /{picture.view.filter}" if picture.view.filter else ""
    return f"no {what}{passing} in {window_text(window_of(picture))}"


def summary(picture: Picture, threshold: str) -> list[Segment]:
    """The line over the table: how many lines these are of, by level, and from which level up."""
    shown = len(log_lines(picture))
    counts = level_counts(picture)
    window = window_text(window_of(picture))
    extent = f"{shown}"
    if shown >= MOST and counts is not None:
        least = CLASSES[: CLASSES.index(threshold) + 1] if threshold else CLASSES
        extent = f"newest {shown} of {max(shown, counts.total(least)):,}"
    up = f"{threshold.lower()} and worse" if threshold else "all levels"
    segments = [
        Segment(f"{extent} {'line' if extent == '1' else 'lines'} in {window}", "strong", 100),
        Segment(up, "accent", 90),
    ]
    if counts is not None:
        segments += [_count(counts, one) for one in CLASSES]
    error = picture.answer(LINES).error
    if error and shown:
        segments.append(Segment(f"store: {error}", "warning", 95))
    return segments


def heat_lines(picture: Picture, width: int) -> list[Line]:
    """A row a level: how many lines of it came when, each on a scale of its own peak."""
    counts = level_counts(picture)
    if counts is None or width < _LEAST_WIDTH:
        return []
    return [_heat(counts, one, width) for one in CLASSES]


def record_lines(line: LogRow, width: int) -> list[Line]:
    """All fields of a line."""
    severity = level_severity(line.level)
    mark = f"{severity.glyph} " if severity.breaching else ""
    ink = severity.ink if severity.breaching else "strong"
    lines = wrap(f"{mark}{line.level or MISSING}  {clock_text(line.time_ns)}", ink, width)
    lines += wrap(line.message or "(no message)", "plain", width)
    lines += wrap("", "plain", width)
    for name in ("logger", "service", "trace_id", "request_id"):
        lines += fact(name, getattr(line, name) or "", width)
    for name, text in line.others.items():
        lines += fact(name, "" if text == "{}" else text, width)
    return lines


def line_of(picture: Picture, key: str) -> LogRow | None:
    """The line with this key; None when it has left."""
    return next((line for line in log_lines(picture) if line.key == key), None)


def spoken_of(picture: Picture) -> list[str]:
    """The requests and traces that the lines are about, in their order."""
    return list(dict.fromkeys(line.speaks_of for line in log_lines(picture) if line.speaks_of))


def _row(line: LogRow) -> Row:
    severity = level_severity(line.level)
    ink = severity.ink if severity.breaching else "muted" if _is_debug(line) else ""
    cells = (
        Cell(clock_text(line.time_ns), ink="muted"),
        Cell(strip_controls(line.level or MISSING), ink=ink),
        strip_controls(line.service or MISSING),
        Cell(strip_controls(line.logger or MISSING), ink="muted"),
        Cell(strip_controls(line.message or MISSING), ink=ink),
        Cell(strip_controls(line.trace_id or line.request_id or ""), ink="muted"),
    )
    return Row(line.key, cells, severity)


def _is_debug(line: LogRow) -> bool:
    return class_of(line.level) == "DEBUG"


def _count(counts: LevelCounts, one: str) -> Segment:
    severity = level_severity(one)
    n = counts.total((one,))
    is_loud = severity.breaching and n > 0
    mark = f"{severity.glyph} " if is_loud else ""
    text = f"{mark}{count(n)} {one.lower()}" if n else ""
    return Segment(text, severity.ink if is_loud else "muted", 80 - 10 * CLASSES.index(one))


def _heat(counts: LevelCounts, one: str, width: int) -> Line:
    severity = level_severity(one)
    note = _NOTE if width >= _WITH_NOTE else 0
    values, each = _squeezed(counts.counts[one], width - _HEAD - note)
    peak = max(values, default=0)
    ink = severity.ink if severity.breaching else "series-2"
    mark = severity.glyph if severity.breaching and peak else " "
    head = f"{mark} {fit(one.lower(), 8)}{fit(count(sum(values)), 6, 'right')}  "
    drawn = spark([value or None for value in values], len(values), float(peak or 1))
    told = f"  peak {count(peak)} in {axis_duration(counts.step_s * each * 1000)}"
    return fit_line(
        [
            (head, ink if peak else "muted"),
            (drawn.replace(NO_VALUE, " "), ink),
            (told if peak and note else "", "muted"),
        ],
        width,
    )


def _squeezed(values: Sequence[int], room: int) -> tuple[list[int], int]:
    """Neighbours added up so that they fit; how many each is of."""
    each = next(n for n in _DIVISORS if BUCKETS // n <= max(1, room) or n == BUCKETS)
    return [sum(values[at : at + each]) for at in range(0, len(values), each)], each
