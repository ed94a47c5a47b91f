"""What the list of requests asks of the store: a window's extremes, and what a filter finds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from llmmon_tui import fields
from llmmon_tui.filtering.kinds import KINDS, resolve
from llmmon_tui.filtering.parse import parse_filter
from llmmon_tui.model import Picture
from llmmon_tui.panels import narrowing
from llmmon_tui.panels.orders import NEWEST, Order
from llmmon_tui.questions import Answer, Question
from llmmon_tui.rows import RequestRow, parse_row

NAME: Final = "requests"
MOST: Final = 200
_COLUMNS: Final = (
    *("id", "model", "operation", "route", "latency_ms", "ttft_ms", "error", "status_code"),
    *("cost_usd", "quality_score", "input_tokens", "output_tokens", "user_id"),
)


@dataclass(frozen=True, slots=True)
class Found:
    """The first `MOST` requests of an order, and of how many."""

    order: Order
    rows: tuple[RequestRow, ...]
    total: int


def is_judged(picture: Picture) -> bool:
    """Whether rows of the tail tell all that the filter and the group narrowed to are about."""
    texts = KINDS["requests"].fields
    asked = [resolve(term.field, texts) for term in parse_filter(picture.view.filter)]
    names = {*(name for name in asked if name is not None), *picture.view.where}
    return names <= set(RequestRow._fields)


def questions(picture: Picture, order: Order) -> tuple[Question, ...]:
    """The order's rows of the window; with a live order only what a filter finds in the store."""
    if order.is_live and not picture.view.filter and is_judged(picture):
        return ()
    asked = _asked(order)
    return (
        Question(
            NAME,
            "query",
            {"sql": _sql(picture, asked), "limit": MOST},
            partial(_parse, order=asked),
            (asked, *narrowing.about(picture)),
            narrowing.refresh_s(picture),
            12.0,
        ),
    )


def answer(picture: Picture, order: Order) -> tuple[Found | None, Answer]:
    """What is known of the order's rows; none when the answer is to another order."""
    told = picture.answer(NAME)
    found = told.value
    is_ours = isinstance(found, Found) and found.order == _asked(order)
    return (found if is_ours else None), told


def _asked(order: Order) -> Order:
    return NEWEST if order.is_live else order


def _sql(picture: Picture, order: Order) -> str:
    where = narrowing.requests_sql(picture)
    total = narrowing.select_sql(("count(*)",), "requests", where)
    columns = (*_COLUMNS, "epoch_us(time) * 1000 AS time_ns", f"({total}) AS total")
    rest = f"ORDER BY {order.sql} LIMIT {MOST}"
    return narrowing.select_sql(columns, "requests", where, rest)


def _parse(result: Any, order: Order) -> Found:
    plain = narrowing.parse_table(result)
    rows = tuple(row for one in plain if (row := parse_row(one)) is not None)
    total = next((fields.whole(one.get("total")) for one in plain), 0)
    return Found(order, rows, len(rows) if total is None else total)
