"""Show me one: requests, errors and slow ones first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from llmmon.protocol.snapshot import Limit
from llmmon_tui.drawing.rowlist import LazyRows
from llmmon_tui.drawing.table import Cell, Column, Row
from llmmon_tui.filtering import parse_filter, request_subject
from llmmon_tui.formatting import MISSING, count, duration, money, score, strip_controls
from llmmon_tui.model import Picture
from llmmon_tui.panels.narrowing import slow_ms
from llmmon_tui.panels.values import beyond_text, breach, clock_text, is_beyond, limit_text
from llmmon_tui.rows import RequestRow
from llmmon_tui.severity import Severity

COLUMNS: Final = (
    Column("time", "time", 8),
    Column("model", "model", 14, flex=True),
    Column("status", "status", 19),
    Column("took", "took", 6, "right"),
    Column("quality", "qual", 4, "right"),
    Column("cost", "cost", 7, "right"),
    Column("operation", "operation", 10, min_width=84),
    Column("ttft", "ttft", 6, "right", min_width=98),
    Column("tokens", "tok in/out", 10, "right", min_width=98),
    Column("user", "user", 12, min_width=112),
)
_JUDGED: Final = 2048
_SECOND_NS: Final = 1_000_000_000
_RANKS: Final = {Severity.CRITICAL: 0, Severity.WARNING: 1}
_LATENCIES: Final = ("latency_p95", "latency_p99")
"""What a limit is set on that one request can be beyond by itself."""
_FRESH_NS: Final = 60 * _SECOND_NS
"""Of an incident that is over, what came since should not be looked for under what it left."""


def request_rows(picture: Picture) -> Sequence[Row]:
    """The requests that the tail has told, as `bad_first` orders them."""
    rows = bad_first(picture, matching_requests(picture))
    return LazyRows([one.id for one in rows], lambda at: _row(picture, rows[at]))


def bad_first(picture: Picture, rows: Iterable[RequestRow]) -> list[RequestRow]:
    """What is critical, then what is slow or poor by the limits, then the rest; each newest first.

    Of what is bad, that of the last minute comes before the older. What ended before the window
    comes last, however bad: it is no news.
    """
    since_ns = _window_start_ns(picture)

    def rank(row: RequestRow) -> tuple[bool, bool, bool, int, int]:
        severity = request_severity(picture, row)
        is_old = severity.breaching and row.time_ns < picture.at_ns - _FRESH_NS
        place = _RANKS.get(severity, 2)
        return row.time_ns < since_ns, not severity.breaching, is_old, place, -row.time_ns

    return sorted(rows, key=rank)


def bad_requests(picture: Picture) -> list[tuple[Severity, RequestRow]]:
    """Failed, slow and poor requests alone, newest first."""
    judged = ((request_severity(picture, one), one) for one in matching_requests(picture))
    return [(severity, one) for severity, one in judged if severity.breaching]


def request_severity(picture: Picture, row: RequestRow) -> Severity:
    """Critical when it failed, else as bad as the worst limit that it is beyond."""
    return _judged(row, _limits(picture))[0]


def reason_text(picture: Picture, row: RequestRow) -> str:
    """Why a request stands out: its error, or the worst limit that it is beyond; else `ok`."""
    return _judged(row, _limits(picture))[1]


def status_text(row: RequestRow) -> str:
    """`429 RateLimitError`, `429`, `TimeoutError`, `ok`."""
    code = str(row.status_code) if row.status_code and row.status_code != 200 else ""
    error = row.error or ""
    if error.startswith(code):
        return strip_controls(error or "ok")
    return strip_controls(f"{code} {error}".rstrip())


def _limits(picture: Picture) -> tuple[Limit, ...]:
    return () if picture.snapshot is None else picture.snapshot.limits


@lru_cache(maxsize=_JUDGED)
def _judged(row: RequestRow, limits: tuple[Limit, ...]) -> tuple[Severity, str]:
    """How bad, and why. Kept, as the same rows are drawn in every frame."""
    if row.failed:
        return Severity.CRITICAL, status_text(row)
    found = [
        (severity, metric, value)
        for metric, value in (
            *((name, row.latency_ms) for name in _LATENCIES),
            ("quality_score_mean", row.quality_score),
        )
        if (severity := breach(metric, value, limits)).breaching
    ]
    if not found:
        return Severity.OK, status_text(row)
    # of two that are as bad the first: how slow it was is what somebody waited
    severity, metric, value = min(found, key=lambda one: _RANKS.get(one[0], 2))
    return severity, _beyond_words(metric, value, limits, severity)


def _beyond_words(
    metric: str, value: float | None, limits: tuple[Limit, ...], severity: Severity
) -> str:
    """`slow > 5s`, `quality 0.41 < 0.7`: the limit of this severity that is broken."""
    limit = next(
        threshold
        for one in limits
        if one.metric == metric
        for threshold in (one.critical if severity is Severity.CRITICAL else one.warning,)
        if is_beyond(value, threshold, one.comparison)
    )
    if metric in _LATENCIES:
        return f"slow > {limit_text(metric, limit)}"
    return f"quality {beyond_text(metric, value, limit)} < {limit_text(metric, limit)}"


def _window_start_ns(picture: Picture) -> int:
    window = picture.window
    return picture.at_ns - (0 if window is None else window.window_s) * _SECOND_NS


def matching_requests(picture: Picture) -> list[RequestRow]:
    """The requests of the tail that are of the group narrowed to and pass the filter."""
    terms, slow = parse_filter(picture.view.filter), slow_ms(picture)
    where = picture.view.where
    return [
        row
        for row in picture.tail
        if _is_of(row, where) and (not terms or request_subject(row, slow).passes(terms))
    ]


def _is_of(row: RequestRow, where: Mapping[str, str]) -> bool:
    """By what a row tells; the rest cannot be judged and does not exclude it."""
    return all((getattr(row, name, value) or "") == value for name, value in where.items())


def _row(picture: Picture, row: RequestRow) -> Row:
    severity = request_severity(picture, row)
    cells = (
        Cell(clock_text(row.time_ns), ink="muted"),
        Cell(strip_controls(row.model or MISSING), beside=""),
        Cell(reason_text(picture, row), ink=severity.ink if severity.breaching else ""),
        duration(row.latency_ms),
        score(row.quality_score),
        Cell("$?", ink="muted") if row.cost_usd is None else money(row.cost_usd),
        strip_controls(row.operation or MISSING),
        duration(row.ttft_ms),
        f"{count(row.input_tokens):>5}/{count(row.output_tokens):<4}",
        strip_controls(row.user_id or MISSING),
    )
    return Row(row.id, cells, severity)
