"""What the list of requests asks of the store: a window's extremes, and what a filter finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from llmmon_tui.filtering.kinds import KINDS, resolve
from llmmon_tui.filtering.parse import parse_filter
from llmmon_tui.model import Picture
from llmmon_tui.panels import narrowing
from llmmon_tui.panels.orders import BAD, Order
from llmmon_tui.panels.values import first_limit
from llmmon_tui.questions import Answer, Question
from llmmon_tui.rows import RequestRow, parse_row
from llmmon_tui.statements import answered, asked, whole_number

NAME: Final = "requests"
TOTAL: Final = "requests.total"
MOST: Final = 200
_TIMEOUT_S: Final = 12.0
_COLUMNS: Final = (
    *("id", "model", "operation", "route", "latency_ms", "ttft_ms", "error", "status_code"),
    *("cost_usd", "quality_score", "input_tokens", "output_tokens", "user_id"),
)


@dataclass(frozen=True, slots=True)
class Found:
    """The first `MOST` requests of an order."""

    order: Order
    rows: tuple[RequestRow, ...]


def is_judged(picture: Picture) -> bool:
    """Whether rows of the tail tell all that the filter and the group narrowed to are about."""
    texts = KINDS["requests"].fields
    asked = [resolve(term.field, texts) for term in parse_filter(picture.view.filter)]
    names = {*(name for name in asked if name is not None), *picture.view.where}
    return names <= set(RequestRow._fields)


def questions(picture: Picture, order: Order) -> tuple[Question, ...]:
    """The order's rows of the window, and how many it has.

    With a live order only what a filter finds in the store, and in the past, where no tail comes.
    """
    if order.is_live and not picture.view.filter and not picture.is_past and is_judged(picture):
        return ()
    where, about = narrowing.requests_sql(picture), narrowing.about(picture)
    refresh_s = narrowing.refresh_s(picture)
    columns = (*_COLUMNS, "epoch_us(time) * 1000 AS time_ns")
    rest = f"ORDER BY {_order_sql(picture, order)} LIMIT {MOST}"
    rows = asked(narrowing.select_sql(columns, "requests", where, rest))
    total = asked(narrowing.select_sql(("count(*)",), "requests", where))
    parse = partial(_parse, order=order)
    return (
        Question(NAME, "query", rows, parse, (order, *about), refresh_s, _TIMEOUT_S),
        Question(TOTAL, "query", total, _count, about, refresh_s, _TIMEOUT_S, ("sum",)),
    )


def answer(picture: Picture, order: Order) -> tuple[Found | None, Answer]:
    """What is known of the order's rows; none when the answer is to another order."""
    told = picture.answer(NAME)
    found = told.value
    is_ours = isinstance(found, Found) and found.order == order
    return (found if is_ours else None), told


def total(picture: Picture) -> int | None:
    """How many requests the window has that pass; None while that is not known."""
    told: int | None = picture.answer(TOTAL).value
    return told


def _order_sql(picture: Picture, order: Order) -> str:
    """What is bad is so by the limits on latency and on quality, as in the tail."""
    if order != BAD:
        return order.sql
    snapshot = picture.snapshot
    quality = None if snapshot is None else first_limit("quality_score_mean", snapshot.limits)
    beyond = {"latency_ms >": narrowing.slow_ms(picture), "quality_score <": quality}
    poor = [f"{test} {limit!r}" for test, limit in beyond.items() if limit is not None]
    ranks = ["WHEN error IS NOT NULL OR status_code >= 400 THEN 0", *_when(poor)]
    return f"CASE {' '.join(ranks)} ELSE 2 END, time DESC"


def _when(poor: Sequence[str]) -> list[str]:
    return [f"WHEN {' OR '.join(poor)} THEN 1"] if poor else []


def _parse(result: Any, order: Order) -> Found:
    plain = narrowing.parse_table(result)
    rows = [row for one in plain if (row := parse_row(one)) is not None]
    return Found(order, tuple(rows if order == BAD else order.sort(rows)[:MOST]))


def _count(result: Any) -> int:
    rows, _ = answered(result, 1)
    return sum(whole_number(value) for (value,) in rows)
