"""Show me one: the list of requests of a window, in any order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from llmmon_tui.drawing.priority import Segment
from llmmon_tui.drawing.rowlist import LazyRows
from llmmon_tui.drawing.table import Cell, Column, Row
from llmmon_tui.formatting import MISSING, age, count, duration, money, score, strip_controls
from llmmon_tui.model import Picture
from llmmon_tui.panels.narrowing import slow_ms, window_of
from llmmon_tui.panels.orders import BAD, Order
from llmmon_tui.panels.requestquestions import MOST, answer, is_judged, questions
from llmmon_tui.panels.requestquestions import total as known_total
from llmmon_tui.panels.requests import (
    bad_first,
    matching_requests,
    reason_text,
    request_severity,
)
from llmmon_tui.panels.values import clock_text, limit_text, window_text
from llmmon_tui.periods import SECOND_NS
from llmmon_tui.rows import RequestRow
from llmmon_tui.severity import Severity

ASKING: Final = "asking the collector …"
STORED: Final = "·"
"""After the time of a row that came from the store and not from the tail."""
_BAR: Final = 8
_STATUS_FROM: Final = 62
"""Cells from which the status has a column."""
_DRAWN: Final = 1024
_QUANTILES: Final = ((0.5, "p50"), (0.95, "p95"))


@dataclass(frozen=True, slots=True)
class Listing:
    """What is listed, and what can be said of it as a whole."""

    order: Order
    rows: tuple[RequestRow, ...]
    stored: frozenset[str] = frozenset()
    """Ids of those that the store told and the tail did not."""
    total: int | None = None
    """How many the window has, of which these are the first; None while it is not known."""
    is_asking: bool = False
    error: str = ""


def listing(picture: Picture, order: Order) -> Listing:
    """The requests of an order that pass the filter."""
    found, told = answer(picture, order)
    if not order.is_live:
        rows, total = (found.rows, known_total(picture)) if found is not None else ((), None)
        return Listing(order, rows, frozenset(), total, not told.error and not found, told.error)
    tail = matching_requests(picture) if is_judged(picture) else []
    if not questions(picture, order):
        return Listing(order, tuple(_ordered(picture, order, tail)))
    if picture.is_past:
        return _past(picture, order, tail)
    since_ns = picture.at_ns - window_of(picture) * SECOND_NS
    tail = [row for row in tail if row.time_ns >= since_ns]
    known = {row.id for row in tail}
    older = [] if found is None else [row for row in found.rows if row.id not in known]
    rows = tuple(_ordered(picture, order, [*tail, *older]))
    stored = frozenset(row.id for row in older)
    counted = known_total(picture)
    total = None if found is None or counted is None else max(counted, len(rows))
    return Listing(order, rows, stored, total, not told.error and not found, told.error)


def _past(picture: Picture, order: Order, tail: Sequence[RequestRow]) -> Listing:
    """The window's rows from the store; until it tells, the last ones before the instant."""
    found, told = answer(picture, order)
    rows = tuple(_ordered(picture, order, tail if found is None else found.rows))
    total = None if found is None else known_total(picture)
    return Listing(order, rows, frozenset(), total, not told.error and not found, told.error)


def columns(picture: Picture, order: Order) -> tuple[Column, ...]:
    """The columns; the bar is of the limit on latency, or of the slowest row where none is set.

    Where what is bad comes first, times are ages: they tell that an old incident is old.
    """
    limit = slow_ms(picture)
    bar = "of max" if limit is None else f"of {limit_text('latency_p95', limit)}"
    return (
        Column("time", "ago" if order == BAD else "time", 9),
        Column("model", "model", 14, flex=True),
        Column("operation", "operation", 12, min_width=78),
        Column("status", "status", 19, min_width=_STATUS_FROM),
        Column("took", "took", 7, "right"),
        Column("bar", bar, _BAR, min_width=98),
        Column("ttft", "ttft", 7, "right", min_width=98),
        Column("tokens", "tok in/out", 10, "right", min_width=92),
        Column("cost", "cost", 7, "right", min_width=48),
        Column("quality", "qual", 5, "right", min_width=56),
        Column("user", "user", 14, min_width=122),
        Column("route", "route", 16, min_width=150),
    )


def list_rows(picture: Picture, shown: Listing, width: int = 200) -> Sequence[Row]:
    """The rows of a table of `width` cells."""
    limit = slow_ms(picture)
    top = max((row.latency_ms or 0.0 for row in shown.rows), default=0.0)
    full_ms = top if limit is None else limit
    is_narrow = width < _STATUS_FROM
    return LazyRows(
        [row.id for row in shown.rows],
        lambda at: _row(picture, shown, shown.rows[at], full_ms, is_narrow),
    )


def empty_text(picture: Picture, shown: Listing, otherwise: str) -> str:
    """What the table says while it has no rows."""
    if shown.error:
        return shown.error
    if shown.is_asking:
        return ASKING
    if picture.is_empty or picture.snapshot is None:
        return otherwise
    if picture.view.filter:
        return f"nothing passes the filter /{picture.view.filter} in {_window(picture)}"
    return f"no request in {_window(picture)}" if not shown.order.is_live else otherwise


def summary(picture: Picture, shown: Listing) -> list[Segment]:
    """The line over the table: the order, how much of what is shown, figures of these rows."""
    rows = shown.rows
    failed = sum(row.failed for row in rows)
    segments = [
        Segment(shown.order.title, "strong", 100),
        Segment(_extent(picture, shown), "plain", 90),
        Segment(f"✖ {failed} failed" if failed else "", "critical", 80),
        *_latencies(rows),
        Segment(_sample(picture, shown), "warning", 70),
    ]
    if shown.stored:
        segments.append(Segment(f"{STORED} {len(shown.stored)} from the store", "muted", 40))
    if rows and shown.is_asking:
        segments.append(Segment("searching the store …", "muted", 60))
    if rows and shown.error:
        segments.append(Segment(f"store: {shown.error}", "warning", 75))
    return segments


def _ordered(picture: Picture, order: Order, rows: Sequence[RequestRow]) -> list[RequestRow]:
    return bad_first(picture, rows) if order == BAD else sorted(rows, key=lambda one: -one.time_ns)


def _row(picture: Picture, shown: Listing, row: RequestRow, full_ms: float, is_narrow: bool) -> Row:
    severity = request_severity(picture, row)
    told = _cells(row, severity, reason_text(picture, row), full_ms, is_narrow)
    age_s = (picture.at_ns - row.time_ns) / SECOND_NS
    time = age(age_s) if shown.order == BAD else clock_text(row.time_ns)
    mark = STORED if row.id in shown.stored else ""
    return Row(row.id, (Cell(time + mark, ink="muted"), *told), severity)


@lru_cache(maxsize=_DRAWN)
def _cells(
    row: RequestRow, severity: Severity, reason: str, full_ms: float, is_narrow: bool
) -> tuple[Cell | str, ...]:
    """All but the time, which depends on the zone. Kept, as most rows are those of before."""
    ink = severity.ink if severity.breaching else ""
    is_slow = full_ms > 0 and (row.latency_ms or 0.0) > full_ms
    return (
        Cell(strip_controls(row.model or MISSING), beside=""),
        strip_controls(row.operation or MISSING),
        Cell(reason, ink=ink),
        Cell(
            _took(row, reason, is_narrow), ink=ink if is_slow or (is_narrow and row.failed) else ""
        ),
        Cell(_bar(row.latency_ms, full_ms), ink="warning" if is_slow else "muted"),
        duration(row.ttft_ms),
        f"{count(row.input_tokens):>5}/{count(row.output_tokens):<4}",
        Cell("$?", ink="muted") if row.cost_usd is None else money(row.cost_usd),
        score(row.quality_score),
        strip_controls(row.user_id or MISSING),
        strip_controls(row.route or MISSING),
    )


def _took(row: RequestRow, reason: str, is_narrow: bool) -> str:
    """How long it took; of what failed why, where the status has no column."""
    return reason.partition(" ")[0] if is_narrow and row.failed else duration(row.latency_ms)


def _bar(took_ms: float | None, full_ms: float) -> str:
    """Full at the limit; beyond it, with an end that says so."""
    if took_ms is None or full_ms <= 0:
        return ""
    if took_ms > full_ms:
        return "█" * (_BAR - 1) + "▸"
    return "█" * max(1, round(took_ms / full_ms * (_BAR - 1)))


def _extent(picture: Picture, shown: Listing) -> str:
    """`200 of 4,812 in 5m`, `38 of the live tail`."""
    n = len(shown.rows)
    if shown.total is None:
        if picture.is_past:
            return f"the last {n} before it"
        return f"{n} of the tail" if shown.order.is_live else ""
    if shown.total > n or (n >= MOST and not shown.order.is_live):
        return f"{n} of {shown.total:,} in {_window(picture)}"
    return f"{n} in {_window(picture)}"


def _latencies(rows: Sequence[RequestRow]) -> list[Segment]:
    """Quantiles (nearest rank) of the rows shown, and of nothing else."""
    known = sorted(row.latency_ms for row in rows if row.latency_ms is not None)
    if not known:
        return []
    told = [
        f"{name} {duration(known[math.ceil(share * len(known)) - 1])}" for share, name in _QUANTILES
    ]
    text = "  ".join([*told, f"max {duration(known[-1])}"])
    return [Segment(f"of these: {text}", "muted", 50)]


def _sample(picture: Picture, shown: Listing) -> str:
    """`tail shows 1 of 3` while more comes than the collector passes on."""
    share = picture.tail_share
    if not shown.order.is_live or share is None or share >= 0.995:
        return ""
    return f"tail shows 1 of {1 / share:.3g}" if share > 0 else "the tail shows none"


def _window(picture: Picture) -> str:
    return window_text(window_of(picture))
