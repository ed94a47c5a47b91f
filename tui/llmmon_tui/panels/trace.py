"""One request with its spans on a time axis, its scores and its logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from llmmon.errors import SchemaError
from llmmon_tui import fields
from llmmon_tui.drawing.lines import Line, fit_line
from llmmon_tui.formatting import duration, fit, money, score, strip_controls
from llmmon_tui.panels.prose import fact, heading, wrap
from llmmon_tui.panels.values import clock_text

Plain = Mapping[str, Any]
_KINDS: Final = ("requests", "spans", "logs", "scores")
_SCORES: Final = (
    "quality_score",
    "relevance",
    "coherence",
    "safety",
    "format",
    "factuality",
    "refusal",
)
_TEXTS: Final = ("query", "response", "context")
_TOLD: Final = frozenset({"id", "start_ns", "time_ns", "cost_usd", *_SCORES, *_TEXTS})
_NAME: Final = 22
_TOOK: Final = 8
_MS_NS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Trace:
    """What the collector knows of one request, as plain rows."""

    requests: Sequence[Plain]
    spans: Sequence[Plain]
    logs: Sequence[Plain]
    scores: Sequence[Plain]


@dataclass(frozen=True, slots=True)
class Step:
    """A bar of the waterfall."""

    name: str
    start_ns: int
    took_ms: float
    error: str
    depth: int


def parse_trace(result: Any) -> Trace:
    """The answer of the control method `trace`.

    Raises:
        SchemaError: another shape than the protocol's.
    """
    if isinstance(result, dict):
        found = {kind: result.get(kind, []) for kind in _KINDS}
        if all(isinstance(rows, list) for rows in found.values()):
            plain = {kind: [r for r in rows if isinstance(r, dict)] for kind, rows in found.items()}
            return Trace(**plain)
    raise SchemaError("trace: expected requests, spans, logs and scores")


def trace_lines(trace: Trace, width: int) -> list[Line]:
    """The whole trace in lines of `width` cells."""
    lines: list[Line] = []
    for row in trace.requests[:1]:
        lines += _request(row, width)
    lines += _waterfall(steps(trace), width)
    lines += _section(
        "scores", [line for row in trace.scores for line in _score(row, width)], width
    )
    lines += _section("logs", [line for row in trace.logs for line in _log(row, width)], width)
    for row in trace.requests[:1]:
        for name in _TEXTS:
            if isinstance(row.get(name), str):
                lines += _section(name, wrap(row[name], "plain", width), width)
    return lines or wrap("The collector does not hold this request any more.", "muted", width)


def steps(trace: Trace) -> list[Step]:
    """Requests and spans as bars, parents before their children."""
    rows = [*trace.requests, *trace.spans]
    parents = {_text(row, "id"): _text(row, "parent_id") for row in rows}
    bars = [bar for row in rows if (bar := _step(row, _depth(_text(row, "id"), parents)))]
    return sorted(bars, key=lambda one: (one.start_ns, one.depth))


def _step(row: Plain, depth: int) -> Step | None:
    start_ns, took_ms = _int(row, "start_ns"), _number(row, "duration_ms")
    took_ms = _number(row, "latency_ms") if took_ms is None else took_ms
    if took_ms is None:
        return None
    if start_ns is None:
        ended_ns = _int(row, "time_ns")
        if ended_ns is None:
            return None
        start_ns = ended_ns - int(took_ms * _MS_NS)
    name = _text(row, "name") or " ".join(
        filter(None, (_text(row, "operation"), _text(row, "model")))
    )
    return Step(name, start_ns, took_ms, _text(row, "error"), depth)


def _depth(id_: str, parents: Mapping[str, str]) -> int:
    seen: set[str] = set()
    while (parent := parents.get(id_, "")) in parents and parent not in seen:
        seen.add(parent)
        id_ = parent
    return len(seen)


def _waterfall(bars: Sequence[Step], width: int) -> list[Line]:
    if not bars:
        return []
    start_ns = min(one.start_ns for one in bars)
    end_ns = max(one.start_ns + int(one.took_ms * _MS_NS) for one in bars)
    room = max(4, width - _NAME - _TOOK - 2)
    span_ns = max(1, end_ns - start_ns)
    return _section(
        "where the time went", [_bar(one, start_ns, span_ns, room, width) for one in bars], width
    )


def _bar(step: Step, start_ns: int, span_ns: int, room: int, width: int) -> Line:
    left = min(room - 1, (step.start_ns - start_ns) * room // span_ns)
    length = max(1, round(step.took_ms * _MS_NS * room / span_ns))
    bar = (" " * left + "█" * length)[:room].ljust(room)
    name = "  " * step.depth + strip_controls(step.name)
    ink = "critical" if step.error else "series-2"
    return fit_line(
        [
            (fit(name, _NAME), "critical" if step.error else "plain"),
            (" ", "plain"),
            (bar, ink),
            (fit(duration(step.took_ms), _TOOK + 1, "right"), "plain"),
        ],
        width,
    )


def _request(row: Plain, width: int) -> list[Line]:
    error = _text(row, "error")
    title = " ".join(filter(None, (_text(row, "operation"), _text(row, "model"))))
    lines = wrap(
        f"✖ {error}  {title}" if error else title, "critical" if error else "strong", width
    )
    at_ns = _int(row, "start_ns") or _int(row, "time_ns")
    lines += fact("at", "" if at_ns is None else clock_text(at_ns), width)
    cost = _number(row, "cost_usd")
    lines += fact("cost", "$? (price or tokens unknown)" if cost is None else money(cost), width)
    scores = {name: _number(row, name) for name in _SCORES}
    told = "  ".join(
        f"{name} {score(value)}" for name, value in scores.items() if value is not None
    )
    lines += fact("scores", told, width)
    for name, value in row.items():
        if name not in _TOLD and value not in (None, "", {}):
            lines += fact(str(name), _shown(str(name), value), width)
    return lines + fact("id", _text(row, "id"), width)


def _shown(name: str, value: Any) -> str:
    if name.endswith("_ms") and isinstance(value, int | float):
        return duration(value)
    if isinstance(value, dict):
        return ", ".join(f"{key}={one}" for key, one in value.items())
    return str(value)


def _score(row: Plain, width: int) -> list[Line]:
    value = _number(row, "value")
    text = f"{score(value)}  {_text(row, 'comment')}".rstrip()
    return fact(_text(row, "name") or "score", text, width)


def _log(row: Plain, width: int) -> list[Line]:
    level = _text(row, "level")
    at_ns = _int(row, "time_ns")
    clock = "" if at_ns is None else clock_text(at_ns)
    ink = {"ERROR": "critical", "CRITICAL": "critical", "WARNING": "warning"}.get(
        level.upper(), "plain"
    )
    return wrap(f"{clock} {level} {_text(row, 'logger')}: {_text(row, 'message')}", ink, width)


def _section(title: str, lines: list[Line], width: int) -> list[Line]:
    return [*wrap("", "plain", width), heading(title, width), *lines] if lines else []


def _text(row: Plain, name: str) -> str:
    return fields.text(row.get(name)) or ""


def _int(row: Plain, name: str) -> int | None:
    return fields.whole(row.get(name))


def _number(row: Plain, name: str) -> float | None:
    return fields.number(row.get(name))
