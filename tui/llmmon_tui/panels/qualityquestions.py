"""What the Quality screen asks of the store: scores over time, what was before, and the worst.

Windows of an hour and more are told by minute rollups, shorter ones by the requests themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from llmmon.errors import SchemaError
from llmmon.protocol.names import SCORES
from llmmon_tui import fields
from llmmon_tui.filtering import parse_filter, where_sql
from llmmon_tui.model import Picture
from llmmon_tui.panels.costquestions import label_names
from llmmon_tui.periods import HOUR_NS, SECOND_NS
from llmmon_tui.questions import Question
from llmmon_tui.spending import Labels
from llmmon_tui.statements import answered, asked, between, instant, select, whole_number

SERIES: Final = "quality.series"
BEFORE: Final = "quality.before"
WORST: Final = "quality.worst"
TENTHS: Final = "quality.tenths"
BUCKETS: Final = 5
MEANS: Final = ("quality_score", *SCORES)
_POINTS: Final = 60
_LEAST_STEP_S: Final = 5
_WORST_ROWS: Final = 60
_GROUPS: Final = 1000
_HOUR_S: Final = 3600
_MINUTE_NS: Final = 60 * SECOND_NS
_DAY_NS: Final = 24 * HOUR_NS
_WORST_TEXTS: Final = ("id", "model", "operation", "route", "prompt_version", "finish_reason")
_SERIES_COLUMNS: Final = 4 + 2 * len(MEANS)
"""When, how many requests, a sum and a count of each score, refused, judged."""
_WORST_COLUMNS: Final = ("epoch_ns(time)", *_WORST_TEXTS, *MEANS, "refusal")


class Point(NamedTuple):
    """One bucket of time; None where nothing tells."""

    start_ns: int
    requests: int
    scored: int
    means: Mapping[str, float | None]
    """By the names in `MEANS`."""
    refusal_rate: float | None


class Series(NamedTuple):
    """Scores over a window."""

    step_ns: int
    points: tuple[Point, ...]


class Span(NamedTuple):
    """A stretch of time to compare the window with."""

    name: str
    start_ns: int
    end_ns: int


class Poor(NamedTuple):
    """One request of the worst; None where it was not told."""

    time_ns: int
    texts: Mapping[str, str | None]
    scores: Mapping[str, float | None]
    """By the names in `MEANS`, and `refusal`."""


def questions(picture: Picture) -> tuple[Question, ...]:
    """All four, once there is a window to ask about."""
    if picture.window is None:
        return ()
    return (_series(picture), _before(picture), _worst(picture), _tenths(picture))


def step_ns(window_s: int) -> int:
    """The buckets of the scores over time, long enough that a mean is of more than a few."""
    return max(_LEAST_STEP_S, window_s // _POINTS) * SECOND_NS


def spans(picture: Picture) -> tuple[Span, ...]:
    """The window itself first, then what it is compared with; whole minutes, as rollups are."""
    length_ns = _window_s(picture) * SECOND_NS
    end_ns = picture.at_ns // _MINUTE_NS * _MINUTE_NS + _MINUTE_NS
    start_ns = (picture.at_ns - length_ns) // _MINUTE_NS * _MINUTE_NS
    length_ns = max(length_ns, _MINUTE_NS)
    found = [
        Span("now", start_ns, end_ns),
        Span("the window before", start_ns - length_ns, start_ns),
    ]
    if length_ns < _DAY_NS:
        found += [
            Span("same time yesterday", start_ns - _DAY_NS, start_ns - _DAY_NS + length_ns),
            Span("the 24h before", start_ns - _DAY_NS, start_ns),
        ]
    return tuple(found)


def _window_s(picture: Picture) -> int:
    return picture.view.window_s if picture.window is None else picture.window.window_s


def _start_ns(picture: Picture) -> int:
    return picture.at_ns - _window_s(picture) * SECOND_NS


def _series(picture: Picture) -> Question:
    window_s, step = _window_s(picture), step_ns(_window_s(picture))
    start_ns = _start_ns(picture) // step * step
    at = f"epoch_ns(time_bucket(INTERVAL '{step // SECOND_NS} seconds', time))"
    is_long = window_s >= _HOUR_S
    values = ", ".join((at, *(_rolled() if is_long else _single())))
    span = between(start_ns, picture.at_ns, picture.view.where)
    sql = select(values, "rollups" if is_long else "requests", span, "GROUP BY 1 ORDER BY 1")
    refresh_s = min(30.0, max(3.0, step / SECOND_NS))
    ask = _ask(SERIES, picture, sql, lambda result: parse_series(result, step), refresh_s)
    return replace(ask, merge=("key", *("sum",) * (_SERIES_COLUMNS - 1)))


def _single() -> list[str]:
    sums = [f"{way}({name})" for name in MEANS for way in ("sum", "count")]
    refused = [f"count(*) FILTER (WHERE refusal {test})" for test in ("> 0.5", ">= 0")]
    return ["count(*)", *sums, *refused]


def _rolled() -> list[str]:
    names = ("quality", *SCORES)
    sums = [one for name in names for one in (f"sum({name}) / 1e6", f"sum({name}_n)")]
    return ["sum(requests)", *sums, "sum(refused)", "sum(judged)"]


def _before(picture: Picture) -> Question:
    known = spans(picture)
    values = [
        f"sum(quality_bucket_{bucket}) FILTER"
        f" (WHERE time >= {instant(span.start_ns)} AND time < {instant(span.end_ns)})"
        for span in known
        for bucket in range(BUCKETS)
    ]
    since_ns, until_ns = min(one.start_ns for one in known), max(one.end_ns for one in known)
    inside = between(since_ns, until_ns, picture.view.where)
    names = tuple(span.name for span in known)
    sql = select(", ".join(values), "rollups", inside)
    ask = _ask(BEFORE, picture, sql, lambda result: parse_before(result, names), 15.0)
    return replace(ask, merge=("sum",) * len(values))


def _worst(picture: Picture) -> Question:
    inside = between(_start_ns(picture), picture.at_ns, picture.view.where)
    passing = where_sql(parse_filter(picture.view.filter), "requests")
    condition = f"{inside} AND quality_score IS NOT NULL AND {passing}"
    order = f"ORDER BY quality_score, time DESC LIMIT {_WORST_ROWS}"
    sql = select(", ".join(_WORST_COLUMNS), "requests", condition, order)
    return _ask(WORST, picture, sql, parse_worst, _scan_s(picture), picture.view.filter)


def _tenths(picture: Picture) -> Question:
    labels = label_names(picture.view.by)
    names = ", ".join(f"coalesce({label}, '')" for label in labels)
    inside = between(_start_ns(picture), picture.at_ns, picture.view.where)
    condition = f"{inside} AND quality_score IS NOT NULL"
    grouped = f"GROUP BY GROUPING SETS (({names}), ()) LIMIT {_GROUPS}"
    first = f"coalesce({labels[0]}, '')"
    values = f"GROUPING({first}), {names}, quantile_cont(quality_score, 0.1)"
    sql = select(values, "requests", condition, grouped)
    refresh_s = 3 * _scan_s(picture)
    return _ask(
        TENTHS,
        picture,
        sql,
        lambda result: parse_tenths(result, len(labels)),
        refresh_s,
        picture.view.by,
    )


def _scan_s(picture: Picture) -> float:
    """How often to read single requests: a long window has many."""
    return 5.0 if _window_s(picture) < _HOUR_S else 15.0


def _ask(
    name: str,
    picture: Picture,
    sql: str,
    parse: Callable[[Any], Any],
    refresh_s: float,
    beside: Hashable = "",
) -> Question:
    about = (_window_s(picture), tuple(picture.view.where.items()), beside)
    return Question(name, "query", asked(sql), parse, about, refresh_s)


def parse_series(result: Any, step: int) -> Series:
    """Buckets without a request are not among the points. Raises SchemaError."""
    rows, _ = answered(result, _SERIES_COLUMNS)
    points = sorted(map(_point, rows), key=lambda point: point.start_ns)
    return Series(step, tuple(points))


def _point(row: Sequence[Any]) -> Point:
    start_ns, requests = whole_number(row[0]), whole_number(row[1])
    sums, counts = row[2:-2:2], [whole_number(value) for value in row[3:-2:2]]
    pairs = zip(MEANS, map(fields.number, sums), counts, strict=True)
    means = {name: _share(total, n) for name, total, n in pairs}
    refused, judged = (whole_number(value) for value in row[-2:])
    return Point(start_ns, requests, counts[0], means, _share(refused, judged))


def _share(total: float | None, n: int) -> float | None:
    return total / n if total is not None and n else None


def parse_before(result: Any, names: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """Counts by bucket of each span. Raises SchemaError."""
    rows, _ = answered(result, len(names) * BUCKETS)
    if len(rows) != 1:
        raise SchemaError("query: expected one row")
    counts = [whole_number(value) for value in rows[0]]
    return {
        name: tuple(counts[place * BUCKETS : (place + 1) * BUCKETS])
        for place, name in enumerate(names)
    }


def parse_worst(result: Any) -> tuple[Poor, ...]:
    """The worst first; rows without an id or a score are left out. Raises SchemaError."""
    rows, _ = answered(result, len(_WORST_COLUMNS))
    texts = len(_WORST_TEXTS)
    poor = (
        Poor(
            whole_number(row[0]),
            dict(zip(_WORST_TEXTS, map(fields.text, row[1 : 1 + texts]), strict=True)),
            dict(zip((*MEANS, "refusal"), map(fields.number, row[1 + texts :]), strict=True)),
        )
        for row in rows
    )
    known = [one for one in poor if one.texts["id"] and one.scores["quality_score"] is not None]
    known.sort(key=lambda one: (one.scores["quality_score"], -one.time_ns))
    return tuple(known[:_WORST_ROWS])


def parse_tenths(result: Any, labels: int) -> dict[Labels, float | None]:
    """The tenth percentile by group; of the whole under no label. Raises SchemaError."""
    rows, _ = answered(result, 2 + labels)
    return {
        () if row[0] == 1 else tuple(map(str, row[1 : 1 + labels])): fields.number(row[-1])
        for row in rows
    }
