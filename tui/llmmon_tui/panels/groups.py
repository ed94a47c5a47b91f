"""Whose fault? The table of models, operations or whatever the snapshot is grouped by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from llmmon.protocol.snapshot import Group, Limit, Metrics, Value
from llmmon_tui.drawing.spark import spark
from llmmon_tui.drawing.table import Cell, Column, Row
from llmmon_tui.filtering import matches, parse_filter
from llmmon_tui.formatting import MISSING, count, money, strip_controls
from llmmon_tui.model import TRACKED, Picture
from llmmon_tui.panels.alertview import alert_severity, worst_first
from llmmon_tui.panels.values import breach, metric_text
from llmmon_tui.severity import Severity
from llmmon_tui.trends import COLUMNS as TREND_WIDTH
from llmmon_tui.view import View, next_grouping, next_sort

FEW: Final = 20
"""Below so many requests in the window, quantiles and shares are greyed."""
GROUPS: Final = "groups"
"""Id of the panel."""
NAME: Final = "name"
_LOWER_IS_WORSE: Final = frozenset({"quality_score_mean"})


class Field(NamedTuple):
    """One column: what it shows of a group's metrics and what it sorts by."""

    column: Column
    metric: str
    sampled: bool = False
    """Whether a few requests make it unreliable."""


FIELDS: Final = (
    Field(Column("req", "req/s", 6, "right"), "request_rate"),
    Field(Column("p50", "p50", 6, "right", 98), "latency_p50", True),
    Field(Column("p95", "p95", 7, "right"), "latency_p95", True),
    Field(Column("p99", "p99", 7, "right", 98), "latency_p99", True),
    Field(Column("ttft", "ttft95", 6, "right", 108), "ttft_p95", True),
    Field(Column("err", "err%", 7, "right"), "error_rate", True),
    Field(Column("cost", "$ 1h", 8, "right"), "hourly_cost"),
    Field(Column("per_1k", "$/1k", 8, "right", 123), "cost_per_1k"),
    Field(Column("tokens", "tok in/out", 10, "right", 117), "tokens"),
    Field(Column("quality", "qual", 5, "right"), "quality_score_mean", True),
    Field(Column("refusal", "refus%", 6, "right", 130), "refusal_rate", True),
    Field(Column("n", "n", 6, "right", 140), "requests"),
)
COLUMN_KEYS: Final = tuple(field.column.key for field in FIELDS if field.metric != "tokens")
_BY_KEY: Final = {field.column.key: field for field in FIELDS}
_BY_METRIC: Final = {field.metric: field for field in FIELDS}


def operated(action: str, picture: Picture) -> View | None:
    """Where a key takes the view of a table of groups; None for a key that means nothing here."""
    view, current = picture.view, sort_key(picture)
    match action:
        case "group":
            return next_grouping(view)
        case "sort":
            return next_sort(view, COLUMN_KEYS, current)
        case "reverse":
            return replace(view, sort=current, descending=not view.descending)
    return None


def columns(by: str) -> tuple[Column, ...]:
    """The table's columns, the grouping first and the trend last."""
    name = Column(NAME, by, 16, flex=True)
    trend = Column("trend", "trend", TREND_WIDTH, min_width=76)
    return (name, *(field.column for field in FIELDS), trend)


def sort_key(picture: Picture) -> str:
    """The column sorted by: the one chosen, or the one that breaches worst, or the traffic."""
    if picture.view.sort in _BY_KEY:
        return str(picture.view.sort)
    snapshot = picture.snapshot
    if snapshot is not None:
        for alert in worst_first(snapshot.alerts, snapshot.at_ns):
            is_loud = alert_severity(alert, snapshot.at_ns).breaching
            if is_loud and alert.metric in _BY_METRIC:
                return _BY_METRIC[alert.metric].column.key
        for metric, field in _BY_METRIC.items():
            if breach(metric, picture.total.get(metric), snapshot.limits).breaching:
                return field.column.key
    return "req"


def is_descending(picture: Picture) -> bool:
    """Worst first: a low quality is the worst of its column."""
    worst_is_low = _BY_KEY[sort_key(picture)].metric in _LOWER_IS_WORSE
    return picture.view.descending is not worst_is_low


def sort_text(picture: Picture) -> str:
    """For the panel's title: `sort err% ↓`."""
    arrow = "↓" if is_descending(picture) else "↑"
    auto = "" if picture.view.sort in _BY_KEY else "auto "
    return f"{auto}sort {_BY_KEY[sort_key(picture)].column.title} {arrow}"


def group_rows(picture: Picture) -> list[Row]:
    """The groups that pass the filter, in order; those without a value come last."""
    window, snapshot = picture.window, picture.snapshot
    if window is None or snapshot is None:
        return []
    terms = parse_filter(picture.view.filter)
    groups = [one for one in window.groups if matches(terms, one.labels, one.metrics)]
    metric = _BY_KEY[sort_key(picture)].metric
    sign = -1.0 if is_descending(picture) else 1.0
    groups.sort(key=lambda one: _rank(_number(one.metrics, metric), sign))
    return [_row(picture, group, snapshot.limits) for group in groups]


def group_labels(key: str, picture: Picture) -> Mapping[str, str]:
    """The labels of the row with this key; none when it has left."""
    groups = () if picture.window is None else picture.window.groups
    return next((one.labels for one in groups if _key(one) == key), {})


def _row(picture: Picture, group: Group, limits: tuple[Limit, ...]) -> Row:
    few = (group.metrics.get("requests") or 0) < FEW
    cells = [_cell(field, group.metrics, limits, few) for field in FIELDS]
    return Row(
        _key(group), (_name(group), *cells, _trend(picture, group)), _severity(picture, group)
    )


def _name(group: Group) -> Cell:
    """The model before its provider; any other group by its one label."""
    *beside, name = (strip_controls(value or "(none)") for value in group.labels.values())
    return Cell(name, beside=" ".join(beside) if "model" in group.labels else None)


def _key(group: Group) -> str:
    return "\0".join(f"{name}={value}" for name, value in group.labels.items())


def _cell(field: Field, metrics: Metrics, limits: tuple[Limit, ...], few: bool) -> Cell:
    text = _text(field, metrics)
    if few and field.sampled:
        return Cell(text, ink="muted")
    severity = breach(field.metric, metrics.get(field.metric), limits)
    return Cell(text, severity, "muted" if text in {MISSING, "$?"} else "")


def _text(field: Field, metrics: Metrics) -> str:
    value = _number(metrics, field.metric)
    match field.metric:
        case "hourly_cost" | "cost_per_1k":
            return _money(value, metrics)
        case "tokens":
            return _tokens(metrics)
        case "error_rate" | "refusal_rate":
            return MISSING if value is None else _percent(value)
    return metric_text(field.metric, value)


def _percent(value: float) -> str:
    """The column's title has the sign."""
    percent = value * 100
    if 0 < percent < 0.05:
        return "<0.1"
    return f"{percent:.1f}" if percent < 99.95 else "100"


def _money(value: float | None, metrics: Metrics) -> str:
    """Unpriced requests are told, never counted as free: `$?`, or `$1.20+` for a part."""
    unpriced = metrics.get("unpriced_requests") or 0
    if unpriced and (not value or unpriced >= (metrics.get("requests") or 0)):
        return "$?"
    return money(value) + ("+" if unpriced and value is not None else "")


def _tokens(metrics: Metrics) -> str:
    """Tokens in and out of the average request."""
    requests = metrics.get("requests")
    tokens = [metrics.get("input_tokens"), metrics.get("output_tokens")]
    if not requests or None in tokens:
        return MISSING
    into, out = (count((one or 0) / requests) for one in tokens)
    return f"{into:>5}/{out:<4}"


def _number(metrics: Metrics, metric: str) -> Value:
    if metric != "cost_per_1k":
        return metrics.get(metric)
    cost, requests = metrics.get("cost_usd"), metrics.get("requests") or 0
    priced = requests - (metrics.get("unpriced_requests") or 0)
    return None if cost is None or priced <= 0 else cost / priced * 1000


def _rank(value: Value, sign: float) -> tuple[bool, float]:
    return value is None, 0.0 if value is None else sign * value


def _severity(picture: Picture, group: Group) -> Severity:
    """The worst alert on exactly this group or a part of its labels."""
    snapshot = picture.snapshot
    if snapshot is None:
        return Severity.OK
    for alert in worst_first(snapshot.alerts, snapshot.at_ns):
        severity = alert_severity(alert, snapshot.at_ns)
        if severity.breaching and alert.labels and alert.labels.items() <= group.labels.items():
            return severity
    return Severity.OK


def _trend(picture: Picture, group: Group) -> Cell:
    """The sorted column's past, on a scale that reaches to the largest value seen."""
    metric = _BY_KEY[sort_key(picture)].metric
    metric = metric if metric in TRACKED else "request_rate"
    values = picture.trends.of(group.labels, metric)
    peak = 1.0 if metric in _LOWER_IS_WORSE else max((one or 0.0 for one in values), default=0.0)
    return Cell(spark(values, TREND_WIDTH, peak or 1.0), ink="muted")
