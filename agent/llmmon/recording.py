"""Requests that are already measured: one tuple, one append."""

from __future__ import annotations

from time import time_ns

from llmmon.buffer import HIGH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Protocol

    from llmmon.monitor import Monitor
    from llmmon.node import Node

    class Recorder(Protocol):
        """Records one request of the dimensions that it is bound to."""

        def __call__(
            self,
            latency_ms: float,
            input_tokens: int | None = None,
            output_tokens: int | None = None,
            cached_tokens: int | None = None,
            ttft_ms: float | None = None,
            *,
            error: BaseException | type | str | None = None,
            user_id: str | None = None,
            session_id: str | None = None,
            cost_usd: float | None = None,
            extra: dict[str, Any] | None = None,
        ) -> None:
            """Record one request that has just ended.

            Args:
                latency_ms: from the request's start to its last byte.
                input_tokens: cached ones included.
                output_tokens: reasoning included.
                cached_tokens: input tokens read from a cache.
                ttft_ms: from the request's start to its first token.
                error: the exception that it ended in, its type or a name.
                user_id: who asked.
                session_id: the conversation.
                cost_usd: the cost, if the provider tells it.
                extra: other fields by name, texts, scores; other names become tags. The
                    recorder keeps the mapping: give each call its own.
            """


SCORE_FIELDS = frozenset(("relevance", "coherence", "safety", "format", "factuality", "refusal"))
"""Scores that are fields of a request event; others are events of their own."""


class Series:
    """Dimensions that many requests share."""

    __slots__ = ("dims",)

    def __init__(self, dims: tuple[Any, Any, Any, Any, Any, Any]) -> None:
        self.dims = dims
        """Operation, provider, model, response_model, route, prompt_version."""


def bind(monitor: Monitor, series: Series) -> Recorder:
    """A recorder for ``series``, as fast as Python allows: no lock, no object but one tuple."""
    rows = monitor.requests.rows
    append = rows.append
    edge = monitor.requests.edge
    next_number = monitor.next_number
    now_ns = time_ns
    high = HIGH

    def record(
        latency_ms: float,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        cached_tokens: int | None = None,
        ttft_ms: float | None = None,
        *,
        error: BaseException | type | str | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        cost_usd: float | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        waiting = len(rows)
        append(
            (
                series,
                next_number(),
                now_ns(),
                latency_ms,
                ttft_ms,
                input_tokens,
                output_tokens,
                cached_tokens,
                cost_usd,
                error,
                user_id,
                session_id,
                extra,
            )
        )
        if not 0 < waiting < high:
            if waiting:
                forget_texts(extra)
            edge()

    return record


def forget_texts(extra: dict[str, Any] | None) -> None:
    """Let go of texts that wait to be scored: in a backlog they would fill the memory."""
    if isinstance(extra, dict):
        for name in ("query", "response", "context"):
            extra.pop(name, None)


def copy_fields(extra: object, scores: object, tags: object) -> dict[str, Any] | None:
    """Rare fields, scores and tags as one map that nobody else holds; None if there are none.

    What is no mapping is left out.
    """
    if extra is None and scores is None and tags is None:
        return None
    fields = dict(as_dict(extra))
    fields.update((k, v) for k, v in as_dict(scores).items() if k in SCORE_FIELDS)
    if tags is not None:
        fields["tags"] = {**as_dict(fields.get("tags")), **as_dict(tags)}
    return fields or None


def join_trace(fields: dict[str, Any] | None, around: Node | None) -> dict[str, Any] | None:
    """``fields`` as a child of ``around``, unless they name a trace or a parent of their own."""
    if around is None:
        return fields
    fields = {} if fields is None else fields
    if fields.get("trace_id") is None and fields.get("parent_id") is None:
        fields["trace_id"], fields["parent_id"] = around.trace_id, around.id
    return fields


def take_dimensions(fields: dict[str, Any] | None) -> tuple[Any, Any, Any, Any]:
    """The own id, response_model, prompt_version and session_id; all but the id are taken out."""
    if fields is None:
        return None, None, None, None
    names = ("response_model", "prompt_version", "session_id")
    response_model, prompt_version, session_id = (fields.pop(name, None) for name in names)
    return fields.get("id"), response_model, prompt_version, session_id


def late_scores(scores: object) -> list[tuple[str, Any]]:
    """Those of ``scores`` that are events of their own."""
    if scores is None:
        return []
    return [(name, value) for name, value in as_dict(scores).items() if name not in SCORE_FIELDS]


def as_dict(mapping: Any) -> Mapping[Any, Any]:
    """A copy of ``mapping``; empty for what is none."""
    try:
        return dict(mapping)
    except Exception:
        # any object can come from a caller; no recording call raises
        return {}
