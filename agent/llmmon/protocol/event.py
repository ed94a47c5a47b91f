"""What agents publish, field by field: number on the wire, type, unit, OpenTelemetry name.

A field number, once given, is never used for anything else. Missing is None, never 0.
``input_tokens`` includes cached and cache-write tokens, ``output_tokens`` includes reasoning
tokens, whatever a provider's own habit: the agent normalises.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

MAX_EVENTS: Final = 4096
"""Events in one batch."""
MAX_TAGS: Final = 16
MAX_TAG_KEY: Final = 64
MAX_TAG_VALUE: Final = 256
MAX_TEXT: Final = 65_536
"""Characters of a query, response or context that may travel."""


class Kind(StrEnum):
    """The sequenced kinds of event. Heartbeats travel beside them, unsequenced."""

    REQUEST = "request"
    SPAN = "span"
    LOG = "log"
    SCORE = "score"


class Type(StrEnum):
    """How a field travels. ``f32`` keeps 24 bits: 0.1 us on a second, 6 us on a minute."""

    F32 = "f"
    F64 = "d"
    U8 = "B"
    U32 = "I"
    U64 = "Q"
    I64 = "q"
    STR = "s"
    TAGS = "m"


class Field(NamedTuple):
    """One field of one kind of event."""

    number: int
    name: str
    type: Type
    unit: str
    otel: str
    """OpenTelemetry GenAI name (v1.41), or empty where it has none."""
    max_chars: int = 256


SERIES_FIELDS: Final = (
    "service",
    "environment",
    "operation",
    "provider",
    "model",
    "response_model",
    "route",
    "prompt_version",
)
"""Request dimensions that repeat: sent once a batch as a table, each request naming a row."""

REQUEST: Final = (
    Field(1, "series", Type.U32, "row", ""),
    Field(2, "counter", Type.U64, "", ""),
    Field(3, "id", Type.STR, "", "gen_ai.response.id", 128),
    Field(4, "trace_id", Type.STR, "", "trace_id", 128),
    Field(5, "parent_id", Type.STR, "", "parent_span_id", 128),
    Field(6, "start_ns", Type.I64, "ns", "start_time_unix_nano"),
    Field(7, "latency_ms", Type.F32, "ms", "gen_ai.client.operation.duration"),
    Field(8, "ttft_ms", Type.F32, "ms", "gen_ai.response.time_to_first_chunk"),
    Field(9, "max_gap_ms", Type.F32, "ms", ""),
    Field(10, "user_id", Type.STR, "", "user.id", 128),
    Field(11, "session_id", Type.STR, "", "gen_ai.conversation.id", 128),
    Field(12, "stream", Type.U8, "0/1", "gen_ai.request.stream"),
    Field(13, "input_tokens", Type.U32, "tokens", "gen_ai.usage.input_tokens"),
    Field(14, "output_tokens", Type.U32, "tokens", "gen_ai.usage.output_tokens"),
    Field(15, "cached_tokens", Type.U32, "tokens", "gen_ai.usage.cache_read.input_tokens"),
    Field(16, "cache_write_tokens", Type.U32, "tokens", "gen_ai.usage.cache_creation.input_tokens"),
    Field(17, "reasoning_tokens", Type.U32, "tokens", "gen_ai.usage.reasoning.output_tokens"),
    Field(18, "cost_pico_usd", Type.I64, "pico-USD", "gen_ai.usage.cost.amount"),
    Field(19, "error", Type.STR, "", "error.type"),
    Field(20, "status_code", Type.U32, "", "http.response.status_code"),
    Field(21, "retries", Type.U32, "count", "http.request.resend_count"),
    Field(22, "finish_reason", Type.STR, "", "gen_ai.response.finish_reasons", 64),
    Field(23, "relevance", Type.F32, "score", "gen_ai.evaluation.score.value"),
    Field(24, "coherence", Type.F32, "score", "gen_ai.evaluation.score.value"),
    Field(25, "safety", Type.F32, "score", "gen_ai.evaluation.score.value"),
    Field(26, "format", Type.F32, "score", "gen_ai.evaluation.score.value"),
    Field(27, "factuality", Type.F32, "score", "gen_ai.evaluation.score.value"),
    Field(28, "refusal", Type.F32, "score", "gen_ai.evaluation.score.value"),
    Field(29, "score_sample", Type.F32, "ratio", ""),
    Field(30, "tags", Type.TAGS, "", ""),
    Field(31, "query", Type.STR, "", "gen_ai.input.messages", MAX_TEXT),
    Field(32, "response", Type.STR, "", "gen_ai.output.messages", MAX_TEXT),
    Field(33, "context", Type.STR, "", "", MAX_TEXT),
)
"""One request to a model, ended. Its id is ``id``, or the batch's ``id_prefix`` and ``counter``."""

SPAN: Final = (
    Field(1, "id", Type.STR, "", "span_id", 128),
    Field(2, "trace_id", Type.STR, "", "trace_id", 128),
    Field(3, "parent_id", Type.STR, "", "parent_span_id", 128),
    Field(4, "name", Type.STR, "", "name"),
    Field(5, "start_ns", Type.I64, "ns", "start_time_unix_nano"),
    Field(6, "duration_ms", Type.F32, "ms", ""),
    Field(7, "error", Type.STR, "", "error.type"),
    Field(8, "tags", Type.TAGS, "", ""),
    Field(9, "service", Type.STR, "", "service.name"),
)
"""A step inside a request: retrieval, a tool, a re-rank."""

LOG: Final = (
    Field(1, "time_ns", Type.I64, "ns", "time_unix_nano"),
    Field(2, "level", Type.STR, "", "severity_text", 16),
    Field(3, "logger", Type.STR, "", ""),
    Field(4, "message", Type.STR, "", "body", 8192),
    Field(5, "trace_id", Type.STR, "", "trace_id", 128),
    Field(6, "request_id", Type.STR, "", "span_id", 128),
    Field(7, "tags", Type.TAGS, "", ""),
    Field(8, "service", Type.STR, "", "service.name"),
    Field(9, "environment", Type.STR, "", "deployment.environment.name"),
)
"""One structured log line, redacted."""

SCORE: Final = (
    Field(1, "request_id", Type.STR, "", "gen_ai.response.id", 128),
    Field(2, "name", Type.STR, "", "gen_ai.evaluation.name", 64),
    Field(3, "value", Type.F64, "", "gen_ai.evaluation.score.value"),
    Field(4, "time_ns", Type.I64, "ns", "time_unix_nano"),
    Field(5, "comment", Type.STR, "", "gen_ai.evaluation.explanation", 1024),
    Field(6, "service", Type.STR, "", "service.name"),
)
"""A late score of a request, or a user's word on it."""

SCHEMA: Final = MappingProxyType(
    {Kind.REQUEST: REQUEST, Kind.SPAN: SPAN, Kind.LOG: LOG, Kind.SCORE: SCORE}
)


class OpenRequest(NamedTuple):
    """A request that has begun and not ended, as a heartbeat tells it."""

    id: str
    model: str
    route: str
    age_ms: float
    output_tokens: int | None
    since_chunk_ms: float | None


class Heartbeat(NamedTuple):
    """What an agent says of itself every few seconds; live state, not stored."""

    service: str
    environment: str
    host: str
    pid: int
    version: str
    emitted: int
    """Events recorded since the epoch began."""
    lost: dict[str, int]
    """Events lost since the epoch began, by reason."""
    buffered: int
    """Events recorded and not yet acknowledged."""
    interval_s: float
    """When to expect the next one."""
    open_requests: tuple[OpenRequest, ...] = ()
    open_total: int = 0
    """All open requests, of which ``open_requests`` lists the oldest."""


def request_id(prefix: str, counter: int) -> str:
    """The id of the ``counter``-th request of the process that owns ``prefix``."""
    return f"{prefix}-{counter:x}"
