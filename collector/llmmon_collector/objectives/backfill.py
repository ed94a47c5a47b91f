"""What to ask the store for the time before the live counts began. Pure: texts out, rows in.

Statements are made of names of the schema, numbers and quoted texts (see
:mod:`llmmon_collector.objectives.sql`). One asks for a stretch of time, so that its answer is
bounded: hours for what is older than the longest burn rate window, minutes after that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from llmmon_collector.objectives.calendar import Day
from llmmon_collector.objectives.counter import Counted, CountedRow
from llmmon_collector.objectives.good import Good, parse_good
from llmmon_collector.objectives.spend import SpendRow
from llmmon_collector.objectives.sql import dimension_sql, good_sql, where_sql
from llmmon_collector.series import SeriesKey
from llmmon_collector.store.schema import SERIES, select

NEXT_ROW_SQL: Final = select(["coalesce(max(rowid) + 1, 0)"], "FROM requests")
"""Asked before anything is folded: the row from which on requests are counted live."""
MOST_ROWS: Final = 1_000_000
_US: Final = 60 * 10**6
_FINE_HOURS: Final = 72
_FINE_CHUNK: Final = 6 * 60
_COARSE_CHUNK: Final = 10 * 24 * 60
_BEGIN_DAYS: Final = 90


@dataclass(frozen=True, slots=True)
class Question:
    """One reading statement, whose rows go to ``Objectives.fill``."""

    sql: str
    at_once: bool
    """Whether, at start, it must be answered before anything more is folded into the store."""
    counter: int | None = None
    """The counter that it is for, where it asks for one."""
    first_day: Day | None = None
    """The day that rows count from, where it asks what was spent."""
    most_rows: int = MOST_ROWS
    """More rows than this mean that the answer is not to be used."""


def ask_begin(minute: int) -> Question:
    """Since when there are requests, and rollups, in the store; at ``minute`` since 1970."""
    since = f"WHERE time >= make_timestamp({(minute - _BEGIN_DAYS * 1440) * _US})"
    earliest = [
        "(" + select(["epoch_us(min(time))"], f"FROM {table} {since}") + ")"
        for table in ("requests", "rollups")
    ]
    return Question(select(earliest, ""), at_once=True)


def begins(rows: Sequence[Sequence[Any]]) -> tuple[int | None, int | None]:
    """The minutes at which requests and rollups begin; None for none."""
    requests_us, rollups_us = rows[0]
    return (
        None if requests_us is None else int(requests_us) // _US,
        None if rollups_us is None else int(rollups_us) // _US,
    )


def ask_spend(days: Sequence[Day], minute: int) -> Question:
    """What each series cost on each of ``days``, up to the present ``minute``."""
    bounds = ", ".join(
        f"({index}, {day.start_ns // 1000}, {min(day.end_ns // 1000, (minute + 1) * _US)})"
        for index, day in enumerate(days)
    )
    sums = [f"sum({name})" for name in ("cost_pico_usd", "requests", "unpriced")]
    sql = select(
        ["day", *map(dimension_sql, SERIES), *sums],
        f"FROM rollups JOIN (VALUES {bounds}) AS days(day, first_us, next_us) "
        "ON time >= make_timestamp(first_us) AND time < make_timestamp(next_us) GROUP BY ALL",
    )
    return Question(sql, at_once=True, first_day=days[0])


def spend_rows(rows: Iterable[Sequence[Any]]) -> Iterator[SpendRow]:
    """The answer to :func:`ask_spend`."""
    for day, *key, cost_pico, requests, unpriced in rows:
        yield SpendRow(int(day), SeriesKey(*key), int(cost_pico), int(requests), int(unpriced))


def ask_counts(
    counter: int, counted: Counted, span: tuple[int, int], before_row: int | None
) -> list[Question]:
    """The events of the minutes of ``span`` (the first one, and the one after the last).

    ``before_row`` leaves out requests from that row on: those are counted live.
    """
    good = parse_good(counted.good)
    source = _from_rollups(good) if good.only_errors else _from_requests(good, before_row)
    return [
        Question(_counts_sql(counted, source, chunk), good.only_errors, counter)
        for chunk in _chunks(*span)
    ]


def count_rows(rows: Iterable[Sequence[Any]]) -> Iterator[CountedRow]:
    """The answer to one of :func:`ask_counts`."""
    for minute, *labels, total, bad in rows:
        yield CountedRow(int(minute), tuple(labels), int(total), int(bad))


@dataclass(frozen=True, slots=True)
class _Source:
    table: str
    total: str
    bad: str
    rows: str = "TRUE"


@dataclass(frozen=True, slots=True)
class _Chunk:
    first: int
    end: int
    unit: int
    """Minutes that a row is of."""


def _from_requests(good: Good, before_row: int | None) -> _Source:
    verdict = good_sql(good)
    rows = "TRUE" if before_row is None else f"rowid < {before_row}"
    return _Source("requests", f"count({verdict})", f"count(*) FILTER (WHERE NOT {verdict})", rows)


def _from_rollups(good: Good) -> _Source:
    parts = {"errors": good.accepts(True), "(requests - errors)": good.accepts(False)}
    bad = [f"sum({part})" for part, accepted in parts.items() if not accepted]
    return _Source("rollups", "sum(requests)", " + ".join(bad) or "0")


def _counts_sql(counted: Counted, source: _Source, chunk: _Chunk) -> str:
    minute = f"epoch_us(time) // {chunk.unit * _US} * {chunk.unit} AS minute"
    return select(
        [minute, *map(dimension_sql, counted.by), source.total, source.bad],
        f"FROM {source.table} WHERE time >= make_timestamp({chunk.first * _US}) "
        f"AND time < make_timestamp({chunk.end * _US}) AND {source.rows} "
        f"AND {where_sql(counted.where)} GROUP BY ALL ORDER BY minute",
    )


def _chunks(first: int, end: int) -> Iterator[_Chunk]:
    fine = min(max(first, ((end - 1) // 60 - _FINE_HOURS) * 60), end)
    for start in range(first, fine, _COARSE_CHUNK):
        yield _Chunk(start, min(start + _COARSE_CHUNK, fine), 60)
    for start in range(fine, end, _FINE_CHUNK):
        yield _Chunk(start, min(start + _FINE_CHUNK, end), 1)
