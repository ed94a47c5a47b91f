"""Everything about one request or span of a trace: its facts, scores, content and log lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Any, Final

from llmmon_tui import fields
from llmmon_tui.drawing.lines import Line, fit_line
from llmmon_tui.formatting import count, duration, money, score, strip_controls
from llmmon_tui.panels.loglevel import level_severity
from llmmon_tui.panels.prose import fact, heading, wrap
from llmmon_tui.panels.trace import Node, Plain, Trace
from llmmon_tui.panels.values import clock_text

Fact = tuple[str, str]
_TWO_COLUMNS: Final = 92
_SCORES: Final = (
    *("quality_score", "relevance", "coherence", "safety", "format", "factuality", "refusal"),
)
_CONTENT: Final = ("query", "context", "response")
_SOURCES: Final = {"provider": "told by the provider", "priced": "from the price list"}
_TOLD: Final = frozenset(
    (
        *("id", "trace_id", "parent_id", "time", "time_ns", "start_ns", "latency_ms", "ttft_ms"),
        *("duration_ms", "max_gap_ms", "name", "operation", "provider", "model", "error"),
        *("response_model", "status_code", "cost_usd", "cost_pico_usd", "cost_source", "stream"),
        *("input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens"),
        *("reasoning_tokens", "score_sample", "agent_id", "epoch", "seq", "tags"),
        *(*_SCORES, *_CONTENT),
    )
)
"""Fields that are told in words of their own, or only matter to llmmon."""
_NAMES: Final = {"user_id": "user", "session_id": "session"}


def detail_lines(trace: Trace, node: Node | None, width: int) -> list[Line]:
    """The chosen node, then what the whole trace logged."""
    if node is None:
        told = "The collector does not hold this request any more."
        return wrap(told, "muted", width) + _logs(trace, None, width)
    lines = wrap(_title(node), "critical" if node.error else "strong", width)
    lines += _facts([*_times(node), *_use(node), *_origin(node)], width)
    if node.is_request:
        lines += _scores(trace, node, width)
        lines += _content(node, width)
    return lines + _logs(trace, node, width)


def _title(node: Node) -> str:
    kind = "request" if node.is_request else "span"
    return f"✖ {node.error}  {kind} {node.name}" if node.error else f"{kind} {node.name}"


def _times(node: Node) -> list[Fact]:
    gap = fields.number(node.row.get("max_gap_ms"))
    has_ended = bool(node.error) or node.row.get("status_code") is not None
    unknown = "not told" if has_ended else "not ended, or not told"
    took = unknown if node.took_ms is None else duration(node.took_ms)
    facts = [
        ("began", "" if node.start_ns is None else clock_text(node.start_ns)),
        ("took", took),
        ("first token", "" if node.ttft_ms is None else duration(node.ttft_ms)),
        ("longest gap", "" if gap is None else duration(gap)),
    ]
    if node.skew_ms:
        told = f"began {duration(node.skew_ms)} before its parent: their clocks differ"
        facts.append(("clock", told))
    if node.is_orphan:
        facts.append(("parent", f"{_text(node.row, 'parent_id')} is not stored"))
    return facts


def _origin(node: Node) -> list[Fact]:
    row = node.row
    asked, answered = _text(row, "model"), _text(row, "response_model")
    facts = [
        ("model", asked),
        ("answered by", answered if answered != asked else ""),
        ("provider", _text(row, "provider")),
        ("operation", _text(row, "operation")),
        ("stream", "" if row.get("stream") is None else "yes" if row["stream"] else "no"),
    ]
    facts += [
        (_NAMES.get(name, name.replace("_", " ")), _shown(name, value))
        for name, value in row.items()
        if name not in _TOLD and value not in (None, "", {})
    ]
    tags = _text(row, "tags")
    return [*facts, ("tags", "" if tags == "{}" else tags), ("id", _text(row, "id"))]


def _use(node: Node) -> list[Fact]:
    if not node.is_request:
        return []
    row = node.row
    cost = fields.number(row.get("cost_usd"))
    source = _SOURCES.get(_text(row, "cost_source"), _text(row, "cost_source"))
    priced = f"{money(cost)}  {source}".rstrip()
    return [
        ("tokens in", _tokens(row, "input_tokens", cached="cached_tokens")),
        ("written to cache", _tokens(row, "cache_write_tokens")),
        ("tokens out", _tokens(row, "output_tokens", reasoning="reasoning_tokens")),
        ("cost", "$? (price or tokens unknown)" if cost is None else priced),
    ]


def _tokens(row: Plain, name: str, **parts: str) -> str:
    """`1.2k (800 cached)`; empty where it was not told."""
    whole = fields.number(row.get(name))
    if whole is None:
        return ""
    known = [
        f"{count(value)} {word}"
        for word, part in parts.items()
        if (value := fields.number(row.get(part))) is not None
    ]
    return f"{count(whole)} ({', '.join(known)})" if known else count(whole)


def _facts(facts: Iterable[Fact], width: int) -> list[Line]:
    """One below the other, or in two columns where there is room."""
    told = [(name, value) for name, value in facts if value]
    if width < _TWO_COLUMNS:
        return [line for name, value in told for line in fact(name, value, width, 17)]
    left, right = (width - 2) // 2, width - 2 - (width - 2) // 2
    half = -(-len(told) // 2)
    first = [line for name, value in told[:half] for line in fact(name, value, left, 17)]
    second = [line for name, value in told[half:] for line in fact(name, value, right, 17)]
    return [
        fit_line([*(one or ((" " * left, "plain"),)), ("  ", "plain"), *(other or ())], width)
        for one, other in zip_longest(first, second)
    ]


def _scores(trace: Trace, node: Node, width: int) -> list[Line]:
    """The request's own scores in one line, then what people and judges gave it."""
    own = "  ".join(
        f"{name} {score(value)}"
        for name in _SCORES
        if (value := fields.number(node.row.get(name))) is not None
    )
    lines = wrap(own or "not scored", "plain" if own else "muted", width)
    given = [row for row in trace.scores if _text(row, "request_id") in {"", _id(node)}]
    for row in given:
        value = fields.number(row.get("value"))
        text = f"{score(value)}  {_text(row, 'comment')}".rstrip()
        lines += fact(strip_controls(_text(row, "name")) or "score", text, width)
    return _section("scores", lines, width)


def _content(node: Node, width: int) -> list[Line]:
    told = {name: _text(node.row, name) for name in _CONTENT}
    if not any(told.values()):
        lines = wrap("not captured for this request", "muted", width)
        return _section("content", lines, width)
    lines = []
    for name, text in told.items():
        shown = wrap(text, "plain", width) if text else wrap("not captured", "muted", width)
        lines += _section(name, shown, width)
    return lines


def _logs(trace: Trace, node: Node | None, width: int) -> list[Line]:
    """Of the whole trace; lines of other requests are muted."""
    if not trace.logs:
        return []
    lines = [line for row in trace.logs for line in _log(row, node, width)]
    return _section(f"logs of the trace  {len(trace.logs)}", lines, width)


def _log(row: Plain, node: Node | None, width: int) -> list[Line]:
    level = _text(row, "level").upper()
    severity = level_severity(level)
    at_ns = fields.whole(row.get("time_ns"))
    clock = "" if at_ns is None else clock_text(at_ns)
    of = _text(row, "request_id")
    calm = "muted" if node is not None and of and of != _id(node) else "plain"
    mark = severity.glyph if severity.breaching else " "
    text = f"{clock} {mark} {level} {_text(row, 'logger')}: {_text(row, 'message')}"
    return wrap(text, severity.ink if severity.breaching else calm, width)


def _section(title: str, lines: Sequence[Line], width: int) -> list[Line]:
    return [*wrap("", "plain", width), heading(title, width), *lines]


def _shown(name: str, value: Any) -> str:
    if name.endswith("_ms") and isinstance(value, int | float):
        return duration(value)
    if isinstance(value, dict):
        return ", ".join(f"{key}={one}" for key, one in value.items())
    return str(value)


def _id(node: Node) -> str:
    return _text(node.row, "id")


def _text(row: Plain, name: str) -> str:
    return fields.text(row.get(name)) or ""
