"""Who answers badly? Scores by group, and the worst requests one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from llmmon.protocol.names import SCORES
from llmmon.protocol.snapshot import Group, Limit, Metrics
from llmmon_tui.drawing.rowlist import LazyRows
from llmmon_tui.drawing.spark import spark
from llmmon_tui.drawing.table import Cell, Column, Row
from llmmon_tui.filtering import matches, parse_filter
from llmmon_tui.formatting import MISSING, count, ratio, score, strip_controls
from llmmon_tui.model import Picture
from llmmon_tui.panels.costtable import name_cell, row_key
from llmmon_tui.panels.qualityquestions import TENTHS, WORST, Poor
from llmmon_tui.panels.values import breach, clock_text
from llmmon_tui.trends import COLUMNS as TREND_WIDTH
from llmmon_tui.view import View, next_grouping, next_sort

FEW: Final = 20
"""Below so many scored requests a mean is greyed."""
_SCORE_TITLES: Final = {
    "relevance": "relev",
    "coherence": "coher",
    "safety": "safe",
    "format": "form",
    "factuality": "fact",
}
_METRICS: Final[Mapping[str, str]] = {
    "quality": "quality_score_mean",
    **{name: f"{name}_mean" for name in SCORES},
    "refusal": "refusal_rate",
    "scored": "scored_requests",
}
SORT_KEYS: Final[tuple[str, ...]] = tuple(_METRICS)
_HIGH_FIRST: Final = frozenset({"refusal", "scored"})
WORST_COLUMNS: Final = (
    Column("time", "time", 8),
    Column("quality", "qual", 5, "right"),
    Column("model", "model", 14, flex=True),
    Column("operation", "operation", 10, min_width=58),
    *(Column(name, _SCORE_TITLES[name], 5, "right", 76) for name in SCORES),
    Column("refusal", "refus", 5, "right", 76),
    Column("version", "prompt ver", 10, min_width=92),
    Column("finish", "finish", 8, min_width=102),
)


def columns(by: str) -> tuple[Column, ...]:
    """The table's columns; those that matter least leave first."""
    return (
        Column("name", by, 16, flex=True),
        Column("quality", "qual", 6, "right"),
        Column("tenth", "p10", 5, "right", 44),
        Column("scored", "scored", 6, "right"),
        Column("share", "of req", 6, "right", 100),
        Column("refusal", "refused", 7, "right", 52),
        Column("trend", "trend", TREND_WIDTH, min_width=60),
        *(Column(name, _SCORE_TITLES[name], 6, "right", 76) for name in SCORES),
    )


def operated(action: str, view: View) -> View | None:
    """Where the keys take the view; None for any other key."""
    match action:
        case "group":
            return next_grouping(view)
        case "sort":
            return next_sort(view, SORT_KEYS, sort_key(view))
        case "reverse":
            return replace(view, sort=sort_key(view), descending=not view.descending)
    return None


def sort_key(view: View) -> str:
    """The column sorted by: the one chosen, or quality."""
    return view.sort if view.sort in SORT_KEYS else "quality"


def is_descending(view: View) -> bool:
    """Worst first: a low score, many refusals."""
    return view.descending is (sort_key(view) in _HIGH_FIRST)


def group_rows(picture: Picture) -> Sequence[Row]:
    """The groups that pass the filter, the worst first; those without a score come last."""
    window, snapshot, view = picture.window, picture.snapshot, picture.view
    if window is None or snapshot is None:
        return []
    terms, where = parse_filter(view.filter), view.where.items()
    groups = [
        one
        for one in window.groups
        if where <= one.labels.items() and matches(terms, one.labels, one.metrics)
    ]
    metric, sign = _METRICS[sort_key(view)], -1.0 if is_descending(view) else 1.0
    groups.sort(key=lambda one: _rank(one.metrics.get(metric), sign))
    return LazyRows(
        [row_key(one.labels) for one in groups],
        lambda at: _row(picture, groups[at], snapshot.limits),
    )


def group_labels(picture: Picture, key: str) -> Mapping[str, str]:
    """The labels of the row with this key; none when it has left."""
    groups = () if picture.window is None else picture.window.groups
    return next((one.labels for one in groups if row_key(one.labels) == key), {})


def worst_rows(picture: Picture) -> list[Row]:
    """The worst scored requests of the window that pass the filter; keys are request ids."""
    told = picture.answer(WORST).value
    limits = () if picture.snapshot is None else picture.snapshot.limits
    return [_poor_row(one, limits) for one in told or ()]


def _row(picture: Picture, group: Group, limits: tuple[Limit, ...]) -> Row:
    metrics = group.metrics
    is_few = (metrics.get("scored_requests") or 0) < FEW
    cells = (
        name_cell(group.labels),
        _score(metrics, "quality_score_mean", limits, is_few),
        _quiet(score(_tenth(picture, group)), is_few),
        _quiet(count(metrics.get("scored_requests")), False),
        _quiet(_share(metrics), False),
        _quiet(ratio(metrics.get("refusal_rate")), is_few),
        Cell(_trend(picture, group), ink="muted"),
        *(_score(metrics, f"{name}_mean", limits, is_few) for name in SCORES),
    )
    return Row(row_key(group.labels), cells)


def _score(metrics: Metrics, metric: str, limits: tuple[Limit, ...], is_few: bool) -> Cell:
    value = metrics.get(metric)
    if is_few or value is None:
        return Cell(score(value), ink="muted")
    return Cell(score(value), breach(metric, value, limits))


def _quiet(text: str, is_few: bool) -> Cell:
    return Cell(text, ink="muted" if is_few or text == MISSING else "")


def _tenth(picture: Picture, group: Group) -> float | None:
    told = picture.answer(TENTHS).value
    return told.get(tuple(group.labels.values())) if isinstance(told, dict) else None


def _share(metrics: Metrics) -> str:
    scored, requests = metrics.get("scored_requests"), metrics.get("requests")
    return MISSING if scored is None or not requests else ratio(scored / requests)


def _trend(picture: Picture, group: Group) -> str:
    """On the scale of scores, so that a flat line is flat."""
    return spark(picture.trends.of(group.labels, "quality_score_mean"), TREND_WIDTH, 1.0)


def _poor_row(one: Poor, limits: tuple[Limit, ...]) -> Row:
    quality = one.scores["quality_score"]
    severity = breach("quality_score_mean", quality, limits)
    texts = one.texts
    cells: tuple[Cell | str, ...] = (
        clock_text(one.time_ns),
        Cell(score(quality), severity),
        Cell(strip_controls(texts["model"] or MISSING), beside=""),
        strip_controls(texts["operation"] or MISSING),
        *(_quiet(score(one.scores[name]), False) for name in (*SCORES, "refusal")),
        strip_controls(texts["prompt_version"] or MISSING),
        strip_controls(texts["finish_reason"] or MISSING),
    )
    return Row(texts["id"] or "", cells)


def _rank(value: float | None, sign: float) -> tuple[bool, float]:
    return value is None, 0.0 if value is None else sign * value
