"""The orders of the list of requests: two live ones, and the extremes of the window."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from llmmon_tui.rows import RequestRow

COLUMNS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "time": "time",
        "model": "model",
        "operation": "operation",
        "status": "coalesce(error, status_code::VARCHAR)",
        "took": "latency_ms",
        "ttft": "ttft_ms",
        "tokens": "input_tokens + output_tokens",
        "cost": "cost_usd",
        "quality": "quality_score",
        "user": "user_id",
        "route": "route",
    }
)
"""Columns of the table that can be sorted by, each with what it is in SQL."""


def _status(row: RequestRow) -> str | None:
    code = None if row.status_code is None else str(row.status_code)
    return code if row.error is None else row.error


def _tokens(row: RequestRow) -> int | None:
    if row.input_tokens is None or row.output_tokens is None:
        return None
    return row.input_tokens + row.output_tokens


_VALUES: Final[Mapping[str, Callable[[RequestRow], Any]]] = MappingProxyType(
    {
        "time": lambda row: row.time_ns,
        "model": lambda row: row.model,
        "operation": lambda row: row.operation,
        "status": _status,
        "took": lambda row: row.latency_ms,
        "ttft": lambda row: row.ttft_ms,
        "tokens": _tokens,
        "cost": lambda row: row.cost_usd,
        "quality": lambda row: row.quality_score,
        "user": lambda row: row.user_id,
        "route": lambda row: row.route,
    }
)
"""The same of a row that was told."""
_RISING: Final = frozenset({"model", "operation", "quality", "user", "route"})
"""Those whose lowest value comes first: names, and scores, where low is bad."""


@dataclass(frozen=True, slots=True)
class Order:
    """By which column; without one, what failed or is beyond a limit comes first."""

    column: str = ""
    is_descending: bool = True

    @property
    def is_live(self) -> bool:
        """Whether the tail has what comes first; any other order is of all that is stored."""
        return self in {BAD, NEWEST}

    @property
    def title(self) -> str:
        """In words: `slowest`."""
        known = _TITLES.get(self)
        return known or f"by {self.column} {'↓' if self.is_descending else '↑'}"

    @property
    def sql(self) -> str:
        """What follows ORDER BY; rows without a value come last."""
        direction = "DESC" if self.is_descending else "ASC"
        return f"{COLUMNS[self.column]} {direction} NULLS LAST, time DESC"

    def sort(self, rows: Iterable[RequestRow]) -> list[RequestRow]:
        """Rows that several collectors have ordered by themselves, in one order."""
        valued = [(_VALUES[self.column](row), row) for row in rows]
        known = [(value, row) for value, row in valued if value is not None]
        known.sort(key=lambda pair: pair[1].time_ns, reverse=True)
        known.sort(key=lambda pair: pair[0], reverse=self.is_descending)
        unknown = [row for value, row in valued if value is None]
        return [*(row for _, row in known), *sorted(unknown, key=lambda row: -row.time_ns)]


BAD: Final = Order()
NEWEST: Final = Order("time")
SLOWEST: Final = Order("took")
DEAREST: Final = Order("cost")
POOREST: Final = Order("quality", is_descending=False)
MODES: Final = (BAD, NEWEST, SLOWEST, DEAREST, POOREST)
_TITLES: Final[Mapping[Order, str]] = MappingProxyType(
    {
        BAD: "errors and slow first",
        NEWEST: "newest",
        SLOWEST: "slowest",
        DEAREST: "dearest",
        POOREST: "worst quality",
    }
)

BY_TITLE: Final[Mapping[str, Order]] = MappingProxyType(
    {title: order for order, title in _TITLES.items()}
)
"""The orders that have a name, by it."""


def next_mode(order: Order) -> Order:
    """The one after it among `MODES`, around; the first after any other order."""
    return MODES[(MODES.index(order) + 1) % len(MODES)] if order in MODES else MODES[0]


def next_column(order: Order) -> Order:
    """By the next column; past the last one by none."""
    names = list(COLUMNS)
    at = names.index(order.column) + 1 if order.column else 0
    return by_column(names[at]) if at < len(names) else BAD


def by_column(column: str) -> Order:
    """By a column, from the end that is asked for more often."""
    return Order(column, column not in _RISING)


def chosen_column(order: Order, column: str) -> Order:
    """By a column that was clicked; by the same one again: the other way round."""
    if column not in COLUMNS:
        return order
    return reversed_order(order) if order.column == column else by_column(column)


def reversed_order(order: Order) -> Order:
    """The other way round; what is bad has no other end."""
    return replace(order, is_descending=not order.is_descending) if order.column else order
