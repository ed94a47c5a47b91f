"""What the list of log lines asks of the store: the newest lines, and counts by level over time.

The store is asked, not the live tail: it has the past and the older lines that a filter finds, and
nothing is sent while nobody looks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from llmmon_tui import fields
from llmmon_tui.model import Picture
from llmmon_tui.panels import narrowing
from llmmon_tui.panels.loglevel import CLASSES, class_of, threshold_sql
from llmmon_tui.questions import Question
from llmmon_tui.statements import asked

LINES: Final = "logs"
LEVELS: Final = "logs.levels"
MOST: Final = 300
BUCKETS: Final = 60
"""Steps of the window that lines are counted in."""
_TEXTS: Final = ("level", "service", "logger", "message", "trace_id", "request_id")
_OTHERS: Final = ("environment", "host", "tags")
_ADDED: Final = ("key", "key", "sum")
"""How the counts of several collectors become one."""


class LogRow(NamedTuple):
    """One line of the log; None where it was not told."""

    key: str
    time_ns: int
    level: str | None
    service: str | None
    logger: str | None
    message: str | None
    trace_id: str | None
    request_id: str | None
    others: Mapping[str, str]
    """Fields that the table does not show."""

    @property
    def speaks_of(self) -> str:
        """The request or the trace that it is about; empty where it tells none."""
        return self.request_id or self.trace_id or ""


@dataclass(frozen=True, slots=True)
class LevelCounts:
    """Lines of each class of level in each step of the window, the oldest first."""

    step_s: float
    counts: Mapping[str, Sequence[int]]

    def total(self, classes: Sequence[str] = CLASSES) -> int:
        """Lines of these classes in the window."""
        return sum(sum(self.counts[one]) for one in classes)


def questions(picture: Picture, threshold: str) -> tuple[Question, ...]:
    """The newest lines from the threshold up, and the counts of all."""
    about = narrowing.about(picture)
    refresh_s = max(1.0, narrowing.refresh_s(picture) / 2)
    lines, levels = asked(_lines_sql(picture, threshold)), asked(_levels_sql(picture))
    step_s = narrowing.window_of(picture) / BUCKETS

    def parse_levels(result: Any) -> LevelCounts:
        return _counts(narrowing.parse_table(result), step_s)

    return (
        Question(LINES, "query", lines, parse_logs, (threshold, *about), refresh_s, 12.0),
        Question(LEVELS, "query", levels, parse_levels, about, refresh_s, 12.0, _ADDED),
    )


def parse_logs(result: Any) -> tuple[LogRow, ...]:
    """The newest lines that the method `query` tells; those without a time are left out.

    Raises:
        SchemaError: another shape than the protocol's.
    """
    rows: list[LogRow] = []
    seen: dict[str, int] = {}
    for plain in narrowing.parse_table(result):
        time_ns = fields.whole(plain.get("time_ns"))
        if time_ns is None:
            continue
        texts = {name: fields.text(plain.get(name)) for name in _TEXTS}
        same = f"{time_ns} {texts['logger']} {texts['message']}"
        seen[same] = seen.get(same, 0) + 1
        others = {name: text for name in _OTHERS if (text := fields.text(plain.get(name)))}
        rows.append(LogRow(key=f"{same} {seen[same]}", time_ns=time_ns, others=others, **texts))
    return tuple(sorted(rows, key=lambda row: -row.time_ns)[:MOST])


def _lines_sql(picture: Picture, threshold: str) -> str:
    where = f"{narrowing.logs_sql(picture)} AND {threshold_sql(threshold)}"
    rest = f"ORDER BY time_ns DESC, logger, message LIMIT {MOST}"
    return narrowing.select_sql(("time_ns", *_TEXTS, *_OTHERS), "logs", where, rest)


def _levels_sql(picture: Picture) -> str:
    step = f"epoch_us(time) // {_step_us(picture)} - {_first_step(picture)}"
    columns = ("upper(level) AS level", f"{step} AS bucket", "count(*) AS n")
    return narrowing.select_sql(columns, "logs", narrowing.logs_sql(picture), "GROUP BY ALL")


def _counts(rows: Sequence[Mapping[str, Any]], step_s: float) -> LevelCounts:
    counts = {one: [0] * BUCKETS for one in CLASSES}
    for row in rows:
        bucket, n = fields.whole(row.get("bucket")), fields.whole(row.get("n"))
        if bucket is not None and n is not None:
            place = max(0, min(BUCKETS - 1, bucket))
            counts[class_of(fields.text(row.get("level")))][place] += n
    return LevelCounts(step_s, counts)


def _step_us(picture: Picture) -> int:
    return narrowing.window_of(picture) * 1_000_000 // BUCKETS


def _first_step(picture: Picture) -> int:
    """Steps begin at round times of the clock, so that what is counted does not flicker."""
    return picture.at_ns // 1000 // _step_us(picture) - BUCKETS + 1
