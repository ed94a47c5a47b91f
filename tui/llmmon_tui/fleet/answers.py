"""Answers of several collectors to one question as one answer. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from llmmon.errors import ControlError, SchemaError
from llmmon.protocol.merging import derive, merge_parts, requests_of
from llmmon.protocol.parts import HistoryParts
from llmmon.protocol.parttable import Part
from llmmon_tui.fleet.names import join_id
from llmmon_tui.link import COLLECTOR

Told = Sequence[tuple[str, Any]]
"""What each collector said, with its name."""
_HOUR_S: Final = 3600
_HISTORY: Final = (
    "requests",
    "request_rate",
    "error_rate",
    "latency_p50",
    "latency_p95",
    "latency_p99",
    "ttft_p95",
    "tokens_per_second",
    "input_tokens",
    "output_tokens",
    "hourly_cost",
    "quality_score_mean",
)
_ADDS_UP: Final = re.compile(
    r"\bgroup\s+by\b|\bdistinct\b|\bover\s*\(|"
    r"\b(count|sum|avg|mean|min|max|median|quantile\w*|approx_\w+|first|last|stddev\w*|"
    r"histogram|mode|arg_m\w+|max_by|min_by|any_value|list)\s*\(",
    re.IGNORECASE,
)


def merge_history(told: Sequence[HistoryParts]) -> dict[str, Any]:
    """The answer of `history` that one collector would give that had seen everything.

    A bucket is as long as the collector watched it that watched longest.

    Raises:
        SchemaError: their buckets are not of one length.
    """
    steps_ns = {one.step_ns for one in told}
    if len(steps_ns) != 1:
        raise SchemaError("history: the collectors keep this window in slots of different lengths")
    (step_ns,) = steps_ns
    buckets: dict[int, list[tuple[float, Part]]] = {}
    for one in told:
        for i, watched in enumerate(zip(one.seconds, one.rows, strict=True)):
            buckets.setdefault(one.start_ns + i * step_ns, []).append(watched)
    points = max(len(one.rows) for one in told)
    start_ns = max(buckets, default=0) - max(points - 1, 0) * step_ns
    values = [_point(buckets.get(start_ns + i * step_ns, ())) for i in range(points)]
    metrics = {name: [value.get(name) for value in values] for name in _HISTORY}
    return {"start_ns": start_ns, "step_ns": step_ns, "metrics": metrics}


def _point(watched: Sequence[tuple[float, Part]]) -> Mapping[str, float | None]:
    """Values of one bucket; none where nobody watched."""
    seconds = max((s for s, _ in watched), default=0.0)
    if not seconds:
        return {}
    part = merge_parts([part for _, part in watched])
    values = derive(part, seconds)
    rates = {
        "input_tokens": (values["input_tokens"], seconds),
        "output_tokens": (values["output_tokens"], seconds),
        "hourly_cost": (values["cost_usd"], seconds / _HOUR_S),
    }
    per_time = {n: None if value is None else value / s for n, (value, s) in rates.items()}
    return {**values, **per_time, "requests": float(requests_of(part))}


def merge_query(told: Told, limit: int) -> dict[str, Any]:
    """The rows of all collectors, one's after the other's, at most `limit`.

    Raises:
        SchemaError: their columns differ.
    """
    columns = told[0][1]["columns"]
    if any(result["columns"] != columns for _, result in told):
        raise SchemaError("query: the collectors' columns differ")
    rows = [row for _, result in told for row in result["rows"]]
    truncated = len(rows) > limit or any(result["truncated"] for _, result in told)
    return {"columns": columns, "rows": rows[:limit], "truncated": truncated}


def merge_sums(told: Told, ways: Sequence[str]) -> dict[str, Any]:
    """Rows that were added up by group, added up once more; `ways` has one of `WAYS` a column.

    Groups come in the order in which they come first. What one collector truncated lacks there.

    Raises:
        SchemaError: another number of columns.
    """
    together: dict[tuple[Any, ...], list[Sequence[Any]]] = {}
    for row in merge_query(told, sum(len(result["rows"]) for _, result in told))["rows"]:
        if len(row) != len(ways):
            raise SchemaError(f"query: expected {len(ways)} columns")
        key = tuple(value for value, way in zip(row, ways, strict=True) if way == "key")
        together.setdefault(key, []).append(row)
    rows = [
        [WAYS[way](column) for way, column in zip(ways, zip(*same, strict=True), strict=True)]
        for same in together.values()
    ]
    truncated = any(result["truncated"] for _, result in told)
    return {"columns": told[0][1]["columns"], "rows": rows, "truncated": truncated}


def _known(combine: Callable[[list[Any]], Any]) -> Callable[[Sequence[Any]], Any]:
    """`combine` of the values that are known; None where none is."""

    def combined(values: Sequence[Any]) -> Any:
        known = [value for value in values if value is not None]
        return combine(known) if known else None

    return combined


def _whole(value: Any) -> Any:
    """A number; an integer beyond 64 bits travels as text."""
    try:
        return int(value) if isinstance(value, str) else value
    except ValueError:
        raise SchemaError(f"query: expected a number to add up, not {value[:40]!r}") from None


def _sum(values: list[Any]) -> Any:
    return sum(map(_whole, values))


WAYS: Final[Mapping[str, Callable[[Sequence[Any]], Any]]] = {
    "key": lambda values: values[0],
    "sum": _known(_sum),
    "min": _known(min),
    "max": _known(max),
}
"""How a column of several collectors becomes one: a group's name, or what adds up."""


def check_rows_only(sql: str) -> None:
    """Let a question pass whose answers can be put one after the other.

    Raises:
        ControlError: it adds up, which each collector would do by itself.
    """
    if _ADDS_UP.search(sql):
        reason = "this is worked out inside each collector and cannot be told of several at once"
        raise ControlError("bad_request", reason)


def merge_requests(told: Told, limit: int, only: str) -> list[dict[str, Any]]:
    """The newest `limit` rows of all, or the slowest, each with its collector."""
    order = "latency_ms" if only == "slow" else "time_ns"
    rows = [{**row, COLLECTOR: name} for name, result in told for row in result]
    return sorted(rows, key=lambda row: row.get(order) or 0, reverse=True)[:limit]


def merge_lists(told: Told) -> dict[str, list[Any]]:
    """Answers that are lists by name, such as those of `trace`, joined."""
    names = dict.fromkeys(name for _, result in told for name in result)
    return {name: [row for _, one in told for row in one.get(name, ())] for name in names}


def merge_transitions(told: Told, limit: int) -> list[dict[str, Any]]:
    """The newest `limit` changes of all alerts, oldest first."""
    rows = [
        {
            **row,
            "alert_id": join_id(name, str(row.get("alert_id", ""))),
            "labels": _with_collector(row.get("labels"), name),
        }
        for name, result in told
        for row in result
    ]
    return sorted(rows, key=lambda row: row.get("time_ns") or 0)[-limit:]


def merge_silences(told: Told) -> list[dict[str, Any]]:
    """All silences, those that end first first."""
    rows = [
        {
            **row,
            "id": join_id(name, str(row.get("id", ""))),
            "matchers": {**row.get("matchers", {}), COLLECTOR: name},
        }
        for name, result in told
        for row in result
    ]
    return sorted(rows, key=lambda row: row.get("ends_ns") or 0)


def merge_explanations(told: Told) -> dict[str, Any]:
    """The rule as the first collector has it, with the groups of all."""
    groups = [
        {**group, "labels": {**group.get("labels", {}), COLLECTOR: name}}
        for name, result in told
        for group in result.get("groups", ())
    ]
    total = sum(result.get("groups_total", 0) for _, result in told)
    return {**told[0][1], "groups": groups, "groups_total": total}


def _with_collector(labels: Any, name: str) -> Any:
    """Labels, which travel as JSON, with the collector among them; as they are where unreadable."""
    try:
        known = json.loads(labels)
    except (TypeError, ValueError):
        return labels
    return json.dumps({**known, COLLECTOR: name}) if isinstance(known, dict) else labels
