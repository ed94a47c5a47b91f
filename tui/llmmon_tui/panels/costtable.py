"""By whom is it burnt? The table of the Cost screen: window, hour, today, month of each group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from llmmon.protocol.names import METRICS
from llmmon.protocol.snapshot import Metrics
from llmmon_tui.drawing.gauge import gauge
from llmmon_tui.drawing.rowlist import LazyRows
from llmmon_tui.drawing.table import Cell, Column, Row
from llmmon_tui.filtering import matches, parse_filter
from llmmon_tui.filtering.parse import quote
from llmmon_tui.formatting import MISSING, count, money, ratio, strip_controls
from llmmon_tui.model import Picture
from llmmon_tui.panels.amounts import UNKNOWN, part_text, per_1k, window_text
from llmmon_tui.panels.costquestions import (
    ALL_GROUPINGS,
    BEYOND,
    EARLIER,
    TODAY,
    WINDOW,
    Windowed,
    label_names,
)
from llmmon_tui.panels.values import window_text as length_text
from llmmon_tui.spending import Earlier, Labels, Part, Parts
from llmmon_tui.view import View, next_grouping, next_sort

_BAR: Final = 6
_DEFAULT_SORT: Final = "today"
_NOTHING: Final = Parts()
_SILENT: Final[Metrics] = dict.fromkeys(METRICS)
"""The window of a group without a request in it: no comparison holds."""
SORT_KEYS: Final = (
    "today",
    "month",
    "window",
    "hour",
    "per_1k",
    "cached",
    "requests",
    "unpriced",
)


class Spender(NamedTuple):
    """One group: what snapshots tell of its window, what the store tells of its days."""

    labels: Mapping[str, str]
    window: Metrics
    today: Part | None
    """None while it is not known."""
    month: Part | None


def columns(by: str, window_s: int) -> tuple[Column, ...]:
    """The table's columns; those that matter least leave first."""
    return (
        Column("name", by, 16, flex=True),
        Column("today", "$ today", 8, "right"),
        Column("month", "$ month", 8, "right", 46),
        Column("window", f"$ {length_text(window_s)}", 8, "right", 64),
        Column("hour", "$ 1h", 8, "right", 38),
        Column("share", "of today", 4 + _BAR, "right", 68),
        Column("per_1k", "$/1k", 8, "right", 84),
        Column("tokens", "tok in/out", 11, "right", 108),
        Column("cached", "cached", 6, "right", 96),
        Column("requests", "req", 6, "right", 90),
        Column("unpriced", "unpriced", 8, "right", 76),
    )


def next_by(by: str, view: View) -> tuple[str, View]:
    """The grouping after `by`, and the view that goes with it.

    Snapshots follow the view while they know the grouping; beyond, the view stays as it is.
    """
    after = ALL_GROUPINGS[(ALL_GROUPINGS.index(by) + 1) % len(ALL_GROUPINGS)]
    if after in BEYOND:
        return after, view
    return after, replace(next_grouping(view), by=after)


def sort_key(view: View) -> str:
    """The column sorted by: the one chosen, or what was spent today."""
    return view.sort if view.sort in SORT_KEYS else _DEFAULT_SORT


def operated(action: str, view: View) -> View | None:
    """Where the keys for sorting take the view; None for any other key."""
    match action:
        case "sort":
            return next_sort(view, SORT_KEYS, sort_key(view))
        case "reverse":
            return replace(view, sort=sort_key(view), descending=not view.descending)
    return None


def spenders(picture: Picture, by: str) -> list[Spender]:
    """Every group with requests in the window, today or this month, in the order of the view."""
    names = label_names(by)
    today = picture.answer(TODAY).value
    earlier = picture.answer(EARLIER).value
    windows = _windows(picture, by)
    days = _today_of(today)
    months = _months(days, earlier, by)
    keys = dict.fromkeys([*windows, *days.groups, *months])
    found = [
        Spender(
            dict(zip(names, key, strict=True)),
            windows.get(key, {}),
            None if today is None else days.groups.get(key, Part()),
            months.get(key) if months else None,
        )
        for key in keys
        if len(key) == len(names)
    ]
    terms = parse_filter(picture.view.filter)
    kept = [one for one in found if matches(terms, one.labels, one.window or _SILENT)]
    key, sign = sort_key(picture.view), -1.0 if picture.view.descending else 1.0
    if today is None and key == _DEFAULT_SORT:
        key = "hour"  # the next best, until the store has told
    return sorted(kept, key=lambda one: _rank(_number(one, key), sign))


def spender_rows(picture: Picture, by: str) -> Sequence[Row]:
    """The spenders as rows of `columns`."""
    today = picture.answer(TODAY).value
    whole = None if today is None else today.total.cost_pico
    shown = spenders(picture, by)
    return LazyRows([row_key(one.labels) for one in shown], lambda at: _row(shown[at], whole))


def row_key(labels: Mapping[str, str]) -> str:
    """The identity of a group's row."""
    return "\0".join(f"{name}={value}" for name, value in labels.items())


def requests_filter(before: str, labels: Mapping[str, str]) -> str:
    """The filter that leaves a group's requests alone, within what `before` leaves."""
    terms = [f"{name}:{quote(value)}" for name, value in labels.items()]
    return " ".join([*filter(None, [before.strip()]), *terms])


def is_cut(picture: Picture) -> bool:
    """Whether the store had more groups than were told."""
    answers = (picture.answer(name).value for name in (TODAY, WINDOW))
    return any(one is not None and one.is_cut for one in answers)


def _windows(picture: Picture, by: str) -> Mapping[Labels, Metrics]:
    names = label_names(by)
    if by in BEYOND:
        told = picture.answer(WINDOW).value
        return told.groups if isinstance(told, Windowed) else {}
    if picture.window is None or picture.snapshot is None or picture.snapshot.by != by:
        return {}
    where = picture.view.where.items()
    return {
        tuple(group.labels.get(name, "") for name in names): group.metrics
        for group in picture.window.groups
        if where <= group.labels.items()
    }


def _today_of(today: object) -> Parts:
    return today if isinstance(today, Parts) else _NOTHING


def _months(days: Parts, earlier: object, by: str) -> dict[Labels, Part]:
    """The month by group; empty where it is not known by this grouping."""
    if by in BEYOND or not isinstance(earlier, Earlier):
        return {}
    before = earlier.month.groups
    return {
        key: before.get(key, Part()).plus(days.groups.get(key, Part()))
        for key in dict.fromkeys([*before, *days.groups])
    }


def _row(one: Spender, whole_pico: int | None) -> Row:
    texts = (
        part_text(one.today),
        part_text(one.month),
        window_text(one.window, "cost_usd"),
        window_text(one.window, "hourly_cost"),
    )
    share = _share(one.today, whole_pico)
    cells = (
        *(_quiet(text) for text in texts),
        Cell(f"{_share_text(share)}{gauge(share, _BAR)}", ink="muted" if share is None else ""),
        _quiet(money(per_1k(one.window))),
        _quiet(_tokens(one.window)),
        _quiet(ratio(one.window.get("cached_token_ratio"))),
        _quiet(count(one.window.get("requests"))),
        _unpriced(one),
    )
    return Row(row_key(one.labels), (name_cell(one.labels), *cells))


def name_cell(labels: Mapping[str, str]) -> Cell:
    """A group's name; a model's before its provider."""
    *beside, name = (strip_controls(value or "(none)") for value in labels.values())
    return Cell(name, beside=" ".join(beside) if "model" in labels else None)


def _quiet(text: str) -> Cell:
    return Cell(text, ink="muted" if text in {MISSING, UNKNOWN} else "")


def _unpriced(one: Spender) -> Cell:
    """Of today where the store has told, else of the window."""
    told = one.window.get("unpriced_requests") if one.today is None else one.today.unpriced
    return Cell(count(told), ink="accent") if told else _quiet("0" if told == 0 else MISSING)


def _share(today: Part | None, whole_pico: int | None) -> float | None:
    """Of what was spent today; None where the cost of none of its requests is known."""
    if today is None or not whole_pico or part_text(today) == UNKNOWN:
        return None
    return today.cost_pico / whole_pico


def _share_text(share: float | None) -> str:
    if share is None:
        return MISSING
    return "<1%" if 0 < share < 0.01 else f"{share * 100:.0f}%"


def _tokens(metrics: Metrics) -> str:
    """Tokens in and out over the window."""
    tokens = [metrics.get("input_tokens"), metrics.get("output_tokens")]
    if tokens == [None, None]:
        return MISSING
    into, out = (count(one) for one in tokens)
    return f"{into:>5}/{out:<5}"


def _number(one: Spender, key: str) -> float | None:
    match key:
        case "today" | "month":
            part = one.today if key == "today" else one.month
            return None if part is None else part.cost_pico
        case "per_1k":
            return per_1k(one.window)
        case "unpriced" if one.today is not None:
            return one.today.unpriced
    return one.window.get(_METRICS[key])


_METRICS: Final = {
    "window": "cost_usd",
    "hour": "hourly_cost",
    "cached": "cached_token_ratio",
    "requests": "requests",
    "unpriced": "unpriced_requests",
}


def _rank(value: float | None, sign: float) -> tuple[bool, float]:
    return value is None, 0.0 if value is None else sign * value
