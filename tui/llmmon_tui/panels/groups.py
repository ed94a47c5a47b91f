"""Whose fault? The table of models, operations or whatever the snapshot is grouped by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from llmmon.protocol.snapshot import Group, Value
from llmmon_tui.drawing.rowlist import LazyRows
from llmmon_tui.drawing.spark import spark
from llmmon_tui.drawing.table import Cell, Column, Row
from llmmon_tui.filtering import matches, parse_filter
from llmmon_tui.formatting import strip_controls
from llmmon_tui.model import TRACKED, Picture
from llmmon_tui.panels.alertview import alert_severity, worst_first
from llmmon_tui.panels.groupfields import (
    LOWER_IS_WORSE,
    OVERVIEW,
    Field,
    Fields,
    field_cell,
    field_value,
    sortable,
)
from llmmon_tui.panels.grouplist import GroupList
from llmmon_tui.panels.values import breach
from llmmon_tui.severity import Severity
from llmmon_tui.trends import COLUMNS as TREND_WIDTH
from llmmon_tui.view import View, next_grouping, next_sort

GROUPS: Final = "groups"
"""Id of the panel."""
NAME: Final = "name"
COLUMN_KEYS: Final = sortable(OVERVIEW)
_Shouting = list[tuple[Severity, Mapping[str, str]]]
"""What fires and on which labels, the worst first."""


def operated(action: str, picture: Picture, fields: Fields = OVERVIEW) -> View | None:
    """Where a key takes the view of a table of groups; None for a key that means nothing here."""
    view, current = picture.view, sort_key(picture, fields)
    match action:
        case "group":
            return next_grouping(view)
        case "sort":
            return next_sort(view, sortable(fields), current)
        case "reverse":
            return replace(view, sort=current, descending=not view.descending)
    return None


def columns(by: str, fields: Fields = OVERVIEW, name_width: int = 16) -> tuple[Column, ...]:
    """The table's columns, the grouping first and the trend last."""
    name = Column(NAME, by, name_width, flex=True)
    trend = Column("trend", "trend", TREND_WIDTH, min_width=76)
    return (name, *(field.column for field in fields), trend)


def sort_key(picture: Picture, fields: Fields = OVERVIEW) -> str:
    """The column sorted by: the one chosen, or the one that breaches worst, or the traffic."""
    if picture.view.sort in sortable(fields):
        return str(picture.view.sort)
    snapshot = picture.snapshot
    by_metric = {field.metric: field.column.key for field in fields}
    if snapshot is not None:
        for alert in worst_first(snapshot.alerts, snapshot.at_ns):
            is_loud = alert_severity(alert, snapshot.at_ns).breaching
            if is_loud and alert.metric in by_metric:
                return by_metric[alert.metric]
        for metric, key in by_metric.items():
            if breach(metric, picture.total.get(metric), snapshot.limits).breaching:
                return key
    return "req"


def is_descending(picture: Picture, fields: Fields = OVERVIEW) -> bool:
    """Worst first: a low quality is the worst of its column."""
    worst_is_low = _sorted_field(picture, fields).metric in LOWER_IS_WORSE
    return picture.view.descending is not worst_is_low


def sort_text(picture: Picture, fields: Fields = OVERVIEW) -> str:
    """For the panel's title: `sort err% ↓`."""
    arrow = "↓" if is_descending(picture, fields) else "↑"
    auto = "" if picture.view.sort in sortable(fields) else "auto "
    return f"{auto}sort {_sorted_field(picture, fields).column.title} {arrow}"


def group_rows(
    picture: Picture, fields: Fields = OVERVIEW, known: GroupList | None = None
) -> Sequence[Row]:
    """The groups that pass the filter, in order; those without a value come last."""
    window, snapshot = picture.window, picture.snapshot
    if window is None or snapshot is None:
        return []
    terms = parse_filter(picture.view.filter)
    by_key = (known or GroupList()).of(window)
    keys = [
        key for key, one in by_key.items() if not terms or matches(terms, one.labels, one.metrics)
    ]
    metric = _sorted_field(picture, fields).metric
    sign = -1.0 if is_descending(picture, fields) else 1.0
    keys.sort(key=lambda key: _rank(field_value(metric, by_key[key].metrics), sign))
    shouting = _shouting(picture)

    def build(place: int) -> Row:
        group = by_key[keys[place]]
        cells = (
            field_cell(field, group.metrics, window.total, snapshot.limits) for field in fields
        )
        row = (_name(group), *cells, _trend(picture, group, metric))
        return Row(keys[place], row, _severity(shouting, group))

    return LazyRows(keys, build)


def group_labels(key: str, picture: Picture) -> Mapping[str, str]:
    """The labels of the row with this key; none when it has left."""
    group = GroupList().of(picture.window).get(key)
    return {} if group is None else group.labels


def _sorted_field(picture: Picture, fields: Fields) -> Field:
    key = sort_key(picture, fields)
    return next(field for field in fields if field.column.key == key)


def _name(group: Group) -> Cell:
    """The model before its provider; any other group by its one label."""
    *beside, name = (strip_controls(value or "(none)") for value in group.labels.values())
    return Cell(name, beside=" ".join(beside) if "model" in group.labels else None)


def _rank(value: Value, sign: float) -> tuple[bool, float]:
    return value is None, 0.0 if value is None else sign * value


def _shouting(picture: Picture) -> _Shouting:
    snapshot = picture.snapshot
    if snapshot is None:
        return []
    judged = (
        (alert_severity(alert, snapshot.at_ns), alert.labels)
        for alert in worst_first(snapshot.alerts, snapshot.at_ns)
    )
    return [(severity, labels) for severity, labels in judged if severity.breaching and labels]


def _severity(shouting: _Shouting, group: Group) -> Severity:
    """The worst alert on exactly this group or a part of its labels."""
    told = group.labels.items()
    return next((worst for worst, labels in shouting if labels.items() <= told), Severity.OK)


def _trend(picture: Picture, group: Group, metric: str) -> Cell:
    """The sorted column's past, on a scale that reaches to the largest value seen."""
    metric = metric if metric in TRACKED else "request_rate"
    values = picture.trends.of(group.labels, metric)
    peak = 1.0 if metric in LOWER_IS_WORSE else max((one or 0.0 for one in values), default=0.0)
    return Cell(spark(values, TREND_WIDTH, peak or 1.0), ink="muted")
