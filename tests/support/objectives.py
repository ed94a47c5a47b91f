"""Requests as columns, written as rows, for tests of objectives and spending limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from llmmon_collector.objectives.objectives import Objectives
from llmmon_collector.requests import MISSING, Requests
from llmmon_collector.series import SeriesKey, SeriesTable

MINUTE_NS = 60 * 10**9
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS
NOW_NS = 1_795_500_030 * 10**9
"""2026-11-24 06:00:30 UTC, a Tuesday."""
_INTEGERS = ("start_ns", "end_ns", "input_tokens", "output_tokens", "cached_tokens")
_OTHER_INTEGERS = ("cache_write_tokens", "reasoning_tokens", "cost_pico")


def key(**dimensions: str) -> SeriesKey:
    """A series; what is not named is empty."""
    return SeriesKey(**{**dict.fromkeys(SeriesKey._fields, ""), **dimensions})


def requests(rows: Sequence[Mapping[str, Any]], series: SeriesTable) -> Requests:
    """A request a row: columns of :class:`Requests`, and dimensions of its series."""
    columns: dict[str, Any] = {}
    for field in fields(Requests):
        if field.name in (*_INTEGERS, *_OTHER_INTEGERS):
            columns[field.name] = np.array([row.get(field.name, MISSING) for row in rows], np.int64)
        else:
            columns[field.name] = np.array([row.get(field.name, np.nan) for row in rows], "f4")
    dimensions = [{n: row[n] for n in SeriesKey._fields if n in row} for row in rows]
    columns["series"] = np.array([series.code(key(**each)) for each in dimensions], np.int32)
    columns["error"] = np.array([row.get("error", False) for row in rows], np.bool_)
    columns["cost_source"] = np.zeros(len(rows), np.uint8)
    return Requests(**columns)


def many(count: int, bad: int, end_ns: int, series: SeriesTable, **fields_: Any) -> Requests:
    """``count`` requests that end at once, the first ``bad`` of them in error."""
    rows = [{"end_ns": end_ns, "error": i < bad, **fields_} for i in range(count)]
    return requests(rows, series)


def answer_empty(objectives: Objectives) -> None:
    """Answer what ``objectives`` asks as a store that holds nothing."""
    for question in objectives.ask():
        asks_begin = question.counter is None and question.first_day is None
        objectives.fill(question, [(None, None)] if asks_begin else [])
