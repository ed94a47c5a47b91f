"""The group under the cursor in words: figures against before, its alerts, its errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from llmmon.protocol.snapshot import Group, Metrics
from llmmon_tui.drawing.gauge import gauge
from llmmon_tui.drawing.lines import Line, fit_line
from llmmon_tui.drawing.priority import Segment
from llmmon_tui.formatting import MISSING, age, count, fit, strip_controls, width_of
from llmmon_tui.model import Picture
from llmmon_tui.panels import yesterday
from llmmon_tui.panels.alertview import (
    age_text,
    alert_severity,
    breach_text,
    handled_text,
    worst_first,
)
from llmmon_tui.panels.groupfields import FEW, MODELS, field_text, field_value
from llmmon_tui.panels.groupquestions import ERRORS, ErrorKind, metrics_before, narrowed
from llmmon_tui.panels.prose import heading, wrap
from llmmon_tui.panels.values import breach, limit_words, metric_text, window_text
from llmmon_tui.severity import Severity

WAITING: Final = "asking the collector …"
STEADY_WITHIN: Final = 0.03
"""A change of less than this share of the value before is no news."""
_BAR: Final = 7
_SHORT: Final = 28
_FAILING: Final = "failing"
_LOUD: Final = 10
"""What breaks a limit stays when the line is short."""
_SECOND_NS: Final = 1_000_000_000
_NAME, _VALUE, _LIMIT, _DELTA = 9, 11, 10, 9
_SAMPLED: Final = frozenset(field.metric for field in MODELS if field.sampled)
_LEAST: Final = 7
"""Cells that the longest of most figures takes: `$38.10+`, `of $100`."""


class _Told(NamedTuple):
    name: str
    metric: str


_FIGURES: Final = (
    _Told("req/s", "request_rate"),
    _Told("p50", "latency_p50"),
    _Told("p95", "latency_p95"),
    _Told("p99", "latency_p99"),
    _Told("ttft p95", "ttft_p95"),
    _Told("err %", "error_rate"),
    _Told("$ 1h", "hourly_cost"),
    _Told("$/1k", "cost_per_1k"),
    _Told("tok/s", "tokens_per_second"),
    _Told("cached %", "cached_token_ratio"),
    _Told("quality", "quality_score_mean"),
    _Told("refused %", "refusal_rate"),
    _Told("open/st", "open_requests"),
)


def detail_lines(picture: Picture, group: Group | None, width: int, height: int) -> list[Line]:
    """What is known of the group, the most urgent first where `height` is short."""
    if group is None:
        return wrap("no group under the cursor", "muted", width)
    alerts = _alerts(picture, group, width)
    errors = _errors(picture, width)
    figures = _figures(picture, group, width)
    if len(figures) + len(alerts) + len(errors) <= height:
        return [*figures, *alerts, *errors]
    return [*alerts, *errors[: max(3, height // 3)], *figures][:height]


def leaders(picture: Picture, groups: Sequence[Group]) -> list[Segment]:
    """Who is slow, dear and failing: `slowest gpt-4o p95 3.41s`; too few requests prove nothing."""
    known = [one for one in groups if (one.metrics.get("requests") or 0) >= FEW]
    return [
        segment
        for word, unit, metric, priority in (
            (_FAILING, "err", "error_rate", 9),
            ("slowest", "p95", "latency_p95", 8),
            ("dearest", "1h", "hourly_cost", 7),
        )
        if (segment := _leader(picture, known, (word, unit, metric), priority)) is not None
    ]


def _leader(
    picture: Picture, groups: Sequence[Group], told: tuple[str, str, str], priority: int
) -> Segment | None:
    word, unit, metric = told
    worst = max(groups, key=lambda one: one.metrics.get(metric) or 0.0, default=None)
    if worst is None or not worst.metrics.get(metric):
        return None
    severity = _severity(picture, metric, worst.metrics)
    mark = f"{severity.glyph} " if severity.breaching else ""
    if word == _FAILING and not severity.breaching:
        word = "most errors"
    name = _short_name(worst, groups)
    text = f"{mark}{word} {name} {unit} {metric_text(metric, worst.metrics.get(metric))}"
    if severity.breaching:
        return Segment(text, severity.ink, _LOUD + priority)
    return Segment(text, "plain", priority)


def _short_name(group: Group, groups: Sequence[Group]) -> str:
    """A name that leaves room for others, with the provider where namesakes need it."""
    *before, name = (strip_controls(one or "(none)") for one in group.labels.values())
    short = name.rpartition("/")[2] or name
    own = list(group.labels.values())[-1:]
    if before and sum(list(one.labels.values())[-1:] == own for one in groups) > 1:
        short = f"{before[-1]}/{short}"
    return short if width_of(short) <= _SHORT else fit(short, _SHORT)


def change_text(metric: str, now: Metrics, then: Metrics) -> str:
    """`▲12%` against another time, `=` for no news; `—` where either is not known."""
    value, old = field_value(metric, now), field_value(metric, then)
    if value is None or old is None:
        return MISSING
    if not old:
        return "=" if not value else "▲ new"
    change = value / old - 1
    if abs(change) < STEADY_WITHIN:
        return "="
    percent = abs(change) * 100
    return ("↑" if change > 0 else "↓") + (f"{percent:.0f}%" if percent < 999.5 else ">999%")


def _figures(picture: Picture, group: Group, width: int) -> list[Line]:
    before = metrics_before(picture, group.labels)
    day = yesterday.total(narrowed(picture, group.labels))
    with_day = picture.view.compare
    titles = [("", _NAME), ("now", -_VALUE), ("limit", _LIMIT), ("before", -_DELTA)]
    titles += [("yesterday", -_DELTA)] if with_day else []
    lines = [_columns([(text, size, "muted") for text, size in titles], width)]
    for one in _FIGURES:
        severity = _severity(picture, one.metric, group.metrics)
        is_thin = one.metric in _SAMPLED and (group.metrics.get("requests") or 0) < FEW
        mark = severity.glyph if severity.breaching and not is_thin else ""
        text = field_text(one.metric, group.metrics, {})
        limits = () if picture.snapshot is None else picture.snapshot.limits
        cells = [
            (one.name, _NAME, "muted"),
            (mark + text, -_VALUE, "muted" if is_thin else severity.ink),
            (limit_words(one.metric, limits), _LIMIT, "muted"),
            (change_text(one.metric, group.metrics, before), -_DELTA, "plain"),
        ]
        if with_day:
            cells.append((change_text(one.metric, group.metrics, day), -_DELTA, "plain"))
        lines.append(_columns(cells, width))
    return lines


def _columns(cells: Sequence[tuple[str, int, str]], width: int) -> Line:
    """Cells of text, width (right-aligned where below 0) and ink, two blanks between.

    Where they do not fit, each is as much narrower as it takes, and one blank is between.
    """
    over = sum(abs(size) + 2 for _, size, _ in cells) - 2 - width
    less = -(-max(0, over - len(cells) + 1) // len(cells))
    gap = "  " if over <= 0 else " "
    spans = [
        (fit(text, max(_LEAST, abs(size) - less), "right" if size < 0 else "left") + gap, ink)
        for text, size, ink in cells
    ]
    return fit_line(spans, width)


def _severity(picture: Picture, metric: str, metrics: Metrics) -> Severity:
    limits = () if picture.snapshot is None else picture.snapshot.limits
    return breach(metric, metrics.get(metric), limits)


def _alerts(picture: Picture, group: Group, width: int) -> list[Line]:
    """Those open on the group or on what it is a part of."""
    snapshot = picture.snapshot
    alerts = () if snapshot is None else snapshot.alerts
    now_ns = picture.at_ns
    told = [
        one
        for one in worst_first(alerts, now_ns)
        if one.state != "resolved" and one.labels.items() <= group.labels.items()
    ]
    if not told:
        return [heading("no open alert", width)]
    lines = [heading(f"alerts  {len(told)} open", width)]
    for one in told:
        severity = alert_severity(one, now_ns)
        whole = "" if one.labels else "  (all)"
        text = handled_text(one, severity, now_ns) or breach_text(one)
        lines.append(
            fit_line(
                [
                    (f"{severity.glyph} {strip_controls(one.rule)}", severity.ink),
                    (f"  {strip_controls(text)}  {age_text(one, now_ns)}{whole}", "plain"),
                ],
                width,
            )
        )
    return lines


def _errors(picture: Picture, width: int) -> list[Line]:
    answer = picture.answer(ERRORS)
    title = f"errors in {window_text(picture.view.window_s)}"
    if answer.value is None:
        reason = answer.error or WAITING
        return [heading(title, width), *wrap(reason, "muted", width)]
    kinds: Sequence[ErrorKind] = answer.value
    if not kinds:
        return [heading(f"no errors in {window_text(picture.view.window_s)}", width)]
    total = sum(kind.requests for kind in kinds)
    return [
        heading(f"{title}  {count(total)}", width),
        *(_error(kind, total, picture.at_ns, width) for kind in kinds),
    ]


def _error(kind: ErrorKind, total: int, now_ns: int, width: int) -> Line:
    code = str(kind.status_code or "")
    name = strip_controls(kind.name or "HTTP error")
    name = name if name.startswith(code) else f"{code} {name}"
    last_s = None if kind.last_ns is None else (now_ns - kind.last_ns) / _SECOND_NS
    end = f" {count(kind.requests):>5} {gauge(kind.requests / max(1, total), _BAR)}"
    end += f" {age(last_s):>5} ago"
    return fit_line([(fit(name, max(8, width - len(end))), "plain"), (end, "muted")], width)
