"""What the Cost screen asks of the store: today, the days before, and who is not in snapshots.

Rollups carry the six dimensions of a series; who asked and with which version of a prompt only the
requests themselves tell. What is over is asked for seldom, what moves often.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from llmmon.errors import SchemaError
from llmmon.protocol.snapshot import GROUPINGS, Metrics
from llmmon_tui.model import Picture
from llmmon_tui.periods import HOUR_NS, SECOND_NS, midnight_ns, month_start_ns
from llmmon_tui.questions import Question
from llmmon_tui.spending import WEEK_DAYS, Earlier, Labels, Part, Parts
from llmmon_tui.statements import (
    KNOWN_SINCE,
    answered,
    asked,
    between,
    instant,
    select,
    whole_number,
)

BEYOND: Final = ("user_id", "prompt_version")
"""Groupings that snapshots do not know."""
ALL_GROUPINGS: Final = (*GROUPINGS, *BEYOND)
TODAY: Final = "cost.today"
EARLIER: Final = "cost.earlier"
WINDOW: Final = "cost.window"
_REFRESH_S: Final = {TODAY: 5.0, EARLIER: 300.0, WINDOW: 5.0}
_SCAN_REFRESH_S: Final = 15.0
"""Of what reads single requests: a day of them can be millions."""
_GROUPS: Final = 1000
_SUMS: Final = "sum(requests), sum(unpriced), sum(cost_pico_usd)"
_REQUESTS: Final = (
    "(SELECT *, 1 AS requests, CASE WHEN cost_pico_usd IS NULL THEN 1 ELSE 0 END AS unpriced"
    " FROM requests)"
)
_DEAREST: Final = "sum(cost_pico_usd) DESC NULLS LAST"
_WINDOW_NAMES: Final = (
    "requests",
    "unpriced_requests",
    "cost_usd",
    "hourly_cost",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "cached_of",
)


class Windowed(NamedTuple):
    """The metrics of the window by a grouping beyond the snapshots' ones."""

    groups: Mapping[Labels, Metrics]
    is_cut: bool


def label_names(by: str) -> tuple[str, ...]:
    """The labels of a group; a model carries its provider, as in snapshots."""
    return ("provider", "model") if by == "model" else (by,)


def questions(picture: Picture, by: str) -> tuple[Question, ...]:
    """Today and the days before; of a grouping beyond the snapshots' ones the window as well."""
    if picture.snapshot is None:
        return ()
    told = (_today(picture, by), _earlier(picture, by))
    return (*told, _window(picture, by)) if by in BEYOND else told


def _today(picture: Picture, by: str) -> Question:
    labels = label_names(by)
    source = _REQUESTS if by in BEYOND else "rollups"
    span = between(midnight_ns(picture.at_ns), picture.at_ns, picture.view.where)
    sql = _by_labels(labels, _SUMS, source, span)
    added = _added(labels, ("sum",) * 3)
    return _ask(TODAY, picture, by, sql, lambda result: _parts(result, len(labels)), added)


def _earlier(picture: Picture, by: str) -> Question:
    labels = () if by in BEYOND else label_names(by)
    today_ns, month_ns = midnight_ns(picture.at_ns), month_start_ns(picture.at_ns)
    week_ns = midnight_ns(picture.at_ns, WEEK_DAYS)
    of_month, of_week = (f"FILTER (WHERE time >= {instant(ns)})" for ns in (month_ns, week_ns))
    yesterday = f"time >= {instant(midnight_ns(picture.at_ns, 1))}"
    spent = "cost_pico_usd > 0"
    values = (
        f"sum(requests) {of_month}, sum(unpriced) {of_month}, sum(cost_pico_usd) {of_month},"
        f" sum(cost_pico_usd) {of_week}, sum(cost_pico_usd) FILTER (WHERE {yesterday}),"
        f" epoch_ns(min(time) FILTER (WHERE {spent} AND time >= {instant(week_ns)})),"
        f" epoch_ns(min(time) FILTER (WHERE {spent} AND {yesterday})),"
        f" ({KNOWN_SINCE})"
    )
    span = between(min(month_ns, week_ns), today_ns, picture.view.where)
    sql = _by_labels(labels, values, "rollups", span)
    added = _added(labels, (*("sum",) * 5, *("min",) * 3))
    return _ask(EARLIER, picture, by, sql, lambda result: parse_earlier(result, len(labels)), added)


def _window(picture: Picture, by: str) -> Question:
    window = picture.window
    window_s = picture.view.window_s if window is None else window.window_s
    start_ns = picture.at_ns - window_s * SECOND_NS
    hour_ns = picture.at_ns - HOUR_NS
    inside, hour = (f"FILTER (WHERE time >= {instant(ns)})" for ns in (start_ns, hour_ns))
    values = (
        f"sum(requests) {inside}, sum(unpriced) {inside}, sum(cost_pico_usd) {inside},"
        f" sum(cost_pico_usd) {hour}, sum(input_tokens) {inside}, sum(output_tokens) {inside},"
        f" sum(cached_tokens) {inside},"
        f" sum(CASE WHEN cached_tokens IS NOT NULL THEN input_tokens END) {inside}"
    )
    span = between(min(start_ns, hour_ns), picture.at_ns, picture.view.where)
    labels = label_names(by)
    sql = _by_labels(labels, values, _REQUESTS, span)
    added = _added(labels, ("sum",) * len(_WINDOW_NAMES))
    return _ask(WINDOW, picture, by, sql, lambda result: parse_window(result, len(labels)), added)


def _added(labels: tuple[str, ...], values: tuple[str, ...]) -> tuple[str, ...]:
    """How the rows of `_by_labels` of several collectors become one."""
    return ("key", *("key" for _ in labels), *values)


def _ask(
    name: str,
    picture: Picture,
    by: str,
    sql: str,
    parse: Callable[[Any], Any],
    added: tuple[str, ...],
) -> Question:
    """The days are part of what it is about: at midnight all is asked for anew."""
    about = (by, tuple(picture.view.where.items()), midnight_ns(picture.at_ns))
    scans = by in BEYOND and name != EARLIER
    return Question(
        name,
        "query",
        asked(sql, _GROUPS),
        parse,
        about=(*about, picture.view.window_s) if name == WINDOW else about,
        refresh_s=_SCAN_REFRESH_S if scans else _REFRESH_S[name],
        merge=added,
    )


def _by_labels(labels: tuple[str, ...], values: str, source: str, span: str) -> str:
    """A row for the whole, then one a group, the dearest first; the first column tells which."""
    if not labels:
        return select(f"1, {values}", source, span)
    names = [f"coalesce({label}, '')" for label in labels]
    grouped = ", ".join(names)
    return select(
        f"GROUPING({names[0]}), {grouped}, {values}",
        source,
        span,
        f"GROUP BY GROUPING SETS (({grouped}), ()) ORDER BY 1 DESC, {_DEAREST}",
    )


def _split(
    result: Any, labels: int, values: int
) -> tuple[list[Any], dict[Labels, list[Any]], bool]:
    """The values of the whole, those by group, and whether groups were left out.

    Raises:
        SchemaError: another shape, or no row for the whole.
    """
    rows, is_cut = answered(result, 1 + labels + values)
    whole = [row[1 + labels :] for row in rows if row[0] == 1]
    if len(whole) != 1:
        raise SchemaError("query: expected one row for the whole")
    groups = {
        tuple(str(value) for value in row[1 : 1 + labels]): row[1 + labels :]
        for row in rows
        if row[0] != 1
    }
    return whole[0], groups, is_cut


def _part(values: list[Any]) -> Part:
    return Part(*(whole_number(value) for value in values[:3]))


def _parts(result: Any, labels: int) -> Parts:
    """Raises SchemaError."""
    whole, groups, is_cut = _split(result, labels, 3)
    return Parts(_part(whole), {key: _part(values) for key, values in groups.items()}, is_cut)


def parse_earlier(result: Any, labels: int) -> Earlier:
    """What the days before today were. Raises SchemaError."""
    whole, groups, is_cut = _split(result, labels, 8)
    parts = {key: _part(values) for key, values in groups.items()}
    firsts = [None if value is None else whole_number(value) for value in whole[5:]]
    return Earlier(
        Parts(_part(whole), parts, is_cut),
        whole_number(whole[3]),
        whole_number(whole[4]),
        *firsts,
    )


def parse_window(result: Any, labels: int) -> Windowed:
    """The window's metrics by group, those without a request in it left out. Raises SchemaError."""
    _, groups, is_cut = _split(result, labels, len(_WINDOW_NAMES))
    return Windowed({key: _metrics(values) for key, values in groups.items()}, is_cut)


def _metrics(values: list[Any]) -> Metrics:
    told: dict[str, int | float | None] = {
        name: None if value is None else whole_number(value)
        for name, value in zip(_WINDOW_NAMES, values, strict=True)
    }
    for name in ("cost_usd", "hourly_cost"):
        pico = told[name]
        told[name] = None if pico is None else pico / 10**12
    cached, of = told["cached_tokens"], told.pop("cached_of")
    told["cached_token_ratio"] = cached / of if of and cached is not None else None
    return told
