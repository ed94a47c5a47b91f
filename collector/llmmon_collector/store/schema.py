"""Tables and columns of the store, with units: one list for DDL, inserts and ``docs/store.md``.

Types are SQL names that DuckDB and, by other spellings, ClickHouse have. Every column but those of
``rollups`` and ``cursor`` may be NULL, which is "no value", never 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from llmmon_collector.windows.counts import QUALITY_BUCKETS, Count

SERIES: Final = ("service", "environment", "operation", "provider", "model", "route")


class Column(NamedTuple):
    """One column. ``computed`` columns are read and never written."""

    name: str
    type: str
    meaning: str
    computed: str = ""


def _text(**meanings: str) -> tuple[Column, ...]:
    return tuple(Column(name, "VARCHAR", meaning) for name, meaning in meanings.items())


_SOURCE: Final = (
    Column("agent_id", "VARCHAR", "agent that sent it, 32 hex digits"),
    Column("epoch", "UBIGINT", "the agent's process or fork"),
    Column("seq", "UBIGINT", "its batch, from 1 an epoch"),
)
_DIMENSIONS: Final = _text(
    service="service.name",
    environment="deployment environment",
    operation="chat, embeddings, execute_tool, ...",
    provider="who serves the model",
    model="model asked for",
    route="the caller's endpoint or use",
)
_SCORES: Final = tuple(
    Column(name, "FLOAT", "score, 0 (bad) to 1 (good)")
    for name in ("relevance", "coherence", "safety", "format", "factuality")
)
_COST_USD: Final = Column(
    "cost_usd",
    "DECIMAL(20,12)",
    "the same in USD, as exact",
    "CAST(CAST(cost_pico_usd AS DECIMAL(19,0)) * 0.000000000001 AS DECIMAL(20,12))",
)
_REQUESTS: Final = (
    *_text(
        id="request id",
        trace_id="trace it belongs to",
        parent_id="request or span that made it",
    ),
    Column("time", "TIMESTAMP", "end, UTC, to the microsecond"),
    Column("start_ns", "BIGINT", "start, ns since 1970, the agent's clock"),
    *_DIMENSIONS[:2],
    *_text(host="machine"),
    *_DIMENSIONS[2:5],
    *_text(response_model="model that answered"),
    _DIMENSIONS[5],
    *_text(
        prompt_version="version of the prompt",
        user_id="user",
        session_id="conversation",
    ),
    Column("stream", "BOOLEAN", "whether the answer was streamed"),
    Column("latency_ms", "FLOAT", "ms from start to last byte"),
    Column("ttft_ms", "FLOAT", "ms to the first token"),
    Column("max_gap_ms", "FLOAT", "ms, longest wait between chunks"),
    Column("input_tokens", "BIGINT", "tokens, cached ones included"),
    Column("output_tokens", "BIGINT", "tokens, reasoning included"),
    Column("cached_tokens", "BIGINT", "input tokens read from a cache"),
    Column("cache_write_tokens", "BIGINT", "input tokens written to a cache"),
    Column("reasoning_tokens", "BIGINT", "output tokens spent on reasoning"),
    Column("cost_pico_usd", "BIGINT", "cost in 1e-12 USD, exact"),
    _COST_USD,
    *_text(
        cost_source="provider (the caller was told) or priced (from the price list)",
        error="error type, NULL when fine",
    ),
    Column("status_code", "BIGINT", "HTTP status"),
    Column("retries", "BIGINT", "retries before this outcome"),
    *_text(finish_reason="why the model stopped"),
    *_SCORES,
    Column("refusal", "FLOAT", "score, 0 (answers) to 1 (refuses)"),
    Column("quality_score", "FLOAT", "mean of the scores that the request has, without refusal"),
    Column("score_sample", "FLOAT", "share of requests that were scored like this one"),
    *_text(
        tags="JSON object of texts",
        query="what was asked, where content is captured, redacted",
        response="what was answered, likewise",
        context="what it was to be grounded in, likewise",
    ),
    *_SOURCE,
)
_SPANS: Final = (
    *_text(id="span id", trace_id="trace", parent_id="request or span it is part of"),
    *_text(name="what was done"),
    Column("time", "TIMESTAMP", "end, UTC"),
    Column("start_ns", "BIGINT", "start, ns since 1970"),
    Column("duration_ms", "FLOAT", "ms"),
    *_text(error="error type, NULL when fine", tags="JSON object of texts"),
    _DIMENSIONS[0],
    *_text(host="machine"),
    *_SOURCE,
)
_LOGS: Final = (
    Column("time", "TIMESTAMP", "UTC"),
    Column("time_ns", "BIGINT", "ns since 1970"),
    *_text(
        level="DEBUG, INFO, WARNING, ERROR, CRITICAL",
        logger="logger name",
        message="the line, redacted",
        trace_id="trace it speaks of",
        request_id="request it speaks of",
        tags="JSON object of texts",
    ),
    *_DIMENSIONS[:2],
    *_text(host="machine"),
    *_SOURCE,
)
_SCORE_ROWS: Final = (
    *_text(request_id="request it judges", name="score name"),
    Column("value", "DOUBLE", "score"),
    Column("time", "TIMESTAMP", "when it was given, UTC"),
    Column("time_ns", "BIGINT", "the same, ns since 1970"),
    *_text(comment="the judge's words"),
    _DIMENSIONS[0],
    *_SOURCE,
)
_ALERTS: Final = (
    Column("time", "TIMESTAMP", "when this was written, UTC"),
    *_text(
        id="alert instance, the same from firing to resolved",
        rule="rule",
        severity="warning or critical",
        state="pending, firing or resolved",
        labels="JSON object: the group it speaks of",
        metric="the rule's value",
    ),
    Column("value", "DOUBLE", "what it was, in the metric's unit"),
    Column("threshold", "DOUBLE", "its limit, in the same unit"),
    *_text(comparison="above or below"),
    Column("window_s", "INTEGER", "s, the window it is of"),
    Column("since", "TIMESTAMP", "when this state began, UTC"),
    Column("peak", "DOUBLE", "the worst value since it began"),
    *_text(summary="what a person reads", acknowledged_by="who has taken it on"),
    Column("no_data", "BOOLEAN", "whether it fires for want of data"),
)
_HEALTH: Final = (
    Column("time", "TIMESTAMP", "when this was written, UTC"),
    *_text(name="check", type="kind of check", status="ok, degraded, failing or unknown"),
    Column("since", "TIMESTAMP", "when this status began, UTC"),
    Column("took_ms", "DOUBLE", "ms that the check took"),
    Column("value", "DOUBLE", "what it measured"),
    *_text(unit="unit of value", message="what it found"),
)
_COUNTS: Final = {
    Count.REQUESTS: "requests that ended in the minute",
    Count.ERRORS: "of which in error",
    Count.LATENCY_N: "of which with a latency",
    Count.LATENCY_US: "sum of those latencies, each rounded to a microsecond",
    Count.INPUT_N: "requests that told input tokens",
    Count.INPUT: "sum of those tokens",
    Count.OUTPUT_N: "requests that told output tokens",
    Count.OUTPUT: "sum of those tokens",
    Count.CACHED_N: "requests that told cached tokens",
    Count.CACHED: "sum of those tokens",
    Count.CACHED_OF: "input tokens of the requests that told cached tokens",
    Count.PRICED: "requests with a cost",
    Count.COST_PICO: "sum of those costs in 1e-12 USD, exact",
    Count.UNPRICED: "requests whose cost is unknown",
    Count.QUALITY_N: "requests with a quality score",
    Count.QUALITY: "sum of those scores in millionths",
    Count.RELEVANCE_N: "requests with a relevance score",
    Count.RELEVANCE: "sum of those scores in millionths",
    Count.COHERENCE_N: "requests with a coherence score",
    Count.COHERENCE: "sum of those scores in millionths",
    Count.SAFETY_N: "requests with a safety score",
    Count.SAFETY: "sum of those scores in millionths",
    Count.FORMAT_N: "requests with a format score",
    Count.FORMAT: "sum of those scores in millionths",
    Count.FACTUALITY_N: "requests with a factuality score",
    Count.FACTUALITY: "sum of those scores in millionths",
    Count.JUDGED: "requests with a refusal score",
    Count.REFUSED: "of which over a half",
}

_BUCKETS: Final = {
    f"quality_bucket_{i}": f"requests with quality in fifth {i + 1} of 0 to 1"
    for i in range(QUALITY_BUCKETS)
}
_RENAMED: Final = {
    Count.INPUT: "input_tokens",
    Count.OUTPUT: "output_tokens",
    Count.CACHED: "cached_tokens",
    Count.COST_PICO: "cost_pico_usd",
}
COUNTS: Final[Mapping[str, str]] = MappingProxyType(
    {_RENAMED.get(count, count.name.lower()): meaning for count, meaning in _COUNTS.items()}
    | _BUCKETS
)
"""Columns of ``rollups`` that hold a window's count matrix, in its order."""

_ROLLUPS: Final = (
    Column("time", "TIMESTAMP", "start of the minute, UTC, by the requests' end"),
    *_DIMENSIONS,
    *(Column(name, "BIGINT", meaning) for name, meaning in COUNTS.items()),
    _COST_USD,
    Column(
        "sketch",
        "BLOB",
        "latency, TTFT, longest gap and time per token as sparse histograms: pairs of bin (u16, "
        "histogram x 1024 + bin) and count (u32), little-endian",
    ),
)
_AGENTS: Final = (
    Column("agent_id", "VARCHAR", "agent, 32 hex digits; all 0 for the sums of those forgotten"),
    Column("epoch", "UBIGINT", "its process or fork"),
    *_text(service="service.name", host="machine"),
    Column("last_seq", "UBIGINT", "last batch stored"),
    Column("emitted", "UBIGINT", "events recorded, as far as is known: stored + lost + in flight"),
    Column("next_event", "UBIGINT", "events settled: stored + lost"),
    Column("stored", "UBIGINT", "events stored"),
    Column("lost", "UBIGINT", "events that the offsets prove lost"),
    Column("poisoned", "UBIGINT", "of which in batches that could not be read"),
    Column("gone", "UBIGINT", "of which given up when their agent was"),
    Column("claims", "VARCHAR", "JSON object: the agent's own count of its losses by reason"),
    Column("parted", "BOOLEAN", "whether it said goodbye, or was given up"),
    Column("first_seen", "TIMESTAMP", "first batch received, UTC"),
    Column("last_seen", "TIMESTAMP", "last batch, goodbye or noted heartbeat received, UTC"),
)
_CURSOR: Final = (
    Column("segment", "UBIGINT", "journal segment that is folded up to"),
    Column("position", "UBIGINT", "byte in it"),
)

TABLES: Final[Mapping[str, tuple[Column, ...]]] = MappingProxyType(
    {
        "requests": _REQUESTS,
        "spans": _SPANS,
        "logs": _LOGS,
        "scores": _SCORE_ROWS,
        "alerts": _ALERTS,
        "health": _HEALTH,
        "rollups": _ROLLUPS,
        "agents": _AGENTS,
        "cursor": _CURSOR,
    }
)
"""Every table with its columns."""


def ddl() -> list[str]:
    """The statements that make the tables, for DuckDB."""
    return [
        f"CREATE TABLE IF NOT EXISTS {table} ({', '.join(map(_declare, columns))})"
        for table, columns in TABLES.items()
    ]


def _declare(column: Column) -> str:
    computed = f" GENERATED ALWAYS AS ({column.computed}) VIRTUAL" if column.computed else ""
    return f"{column.name} {column.type}{computed}"


def written(table: str) -> tuple[str, ...]:
    """Names of the columns that an insert gives, in order."""
    return tuple(column.name for column in TABLES[table] if not column.computed)


def select(columns: Iterable[str], rest: str) -> str:
    """A SELECT of ``columns``, which are names of this schema or expressions over them."""
    return " ".join(("SELECT", ", ".join(columns), rest))


def delete(table: str, rest: str) -> str:
    """A DELETE from ``table``."""
    return " ".join(("DELETE FROM", table, rest))


def markdown() -> str:
    """The tables as Markdown: the body of ``docs/store.md``."""
    parts = []
    for table, columns in TABLES.items():
        rows = "\n".join(f"| `{c.name}` | {c.type} | {c.meaning} |" for c in columns)
        parts.append(f"## {table}\n\n| column | type | what |\n| --- | --- | --- |\n{rows}\n")
    return "\n".join(parts)
