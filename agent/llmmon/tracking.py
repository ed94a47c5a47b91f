"""A request to a model, while it runs."""

from __future__ import annotations

from time import perf_counter, time_ns

from llmmon.buffer import HIGH
from llmmon.context import current_node
from llmmon.node import Node, id_text, put_tag
from llmmon.recording import forget_texts
from llmmon.span import Span
from llmmon.usage import merge, whole_input

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Self

    from llmmon.monitor import Monitor

MAX_TEXT = 65_536
"""Characters of a text that may travel, as ``llmmon.protocol.event.MAX_TEXT``."""
# so that redaction sees a secret whole that stands where the text is cut
_KEPT_TEXT = MAX_TEXT + 1024

_NO_USAGE = (None, None, None, None)


class Request(Node):
    """A request to a model. A context manager, sync and async.

    Its clock starts when it is made. Without ``with``, end it by ``finish``. No method raises on a
    bad value: what cannot be used is left out.
    """

    __slots__ = ("_chunks", "_dims", "_extra", "_id", "_session_id", "_usage", "_user_id")

    def __init__(
        self,
        monitor: Monitor,
        dims: tuple[Any, Any, Any, Any, Any, Any],
        user_id: Any = None,
        session_id: Any = None,
    ) -> None:
        """``dims``: operation, provider, model, response_model, route, prompt_version."""
        self._start_s = perf_counter()
        self._monitor = monitor
        self._prefix = monitor.prefix
        self._number = monitor.next_number()
        around = current_node.get()
        if around is None:
            self._trace = self._parent = None
        else:
            self._trace = around.trace_id
            self._parent = around.id
        self._dims = dims
        self._user_id = user_id
        self._session_id = session_id
        self._id: str | None = None
        self._error = self._token = None
        self._usage: tuple[Any, Any, Any, Any] | None = None
        self._extra: dict[Any, Any] | None = None
        self._chunks: list[float] | None = None
        self._done = False

    @property
    def id(self) -> str:
        """The request's id, unique over all processes; ids of one process sort by time."""
        return self._id or f"{self._prefix}-{self._number:x}"

    def identify(self, request_id: object, trace_id: object, parent_id: object) -> None:
        """Take ids that come from elsewhere, None to keep this one's own."""
        self._id = id_text(request_id) or self._id
        self._trace = id_text(trace_id) or self._trace
        self._parent = id_text(parent_id) or self._parent

    def span(self, name: str) -> Span:
        """A step inside the request, to be used as a context manager.

        Inside another span of the same trace it becomes that span's child.
        """
        around = current_node.get()
        if isinstance(around, Span) and around.trace_id == self.trace_id:
            return Span(self._monitor, name, around)
        return Span(self._monitor, name, self)

    def chunk(self) -> None:
        """A piece of a streamed response came. The first marks the time to first token."""
        now_s = perf_counter()
        chunks = self._chunks
        if chunks is None:
            # the first, the last, the longest gap
            self._chunks = [now_s, now_s, 0.0]
            return
        chunks[2] = max(chunks[2], now_s - chunks[1])
        chunks[1] = now_s

    def usage(
        self,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        *,
        cached_tokens: int | None = None,
        cache_write_tokens: int | None = None,
        reasoning_tokens: int | None = None,
        cost_usd: float | None = None,
        includes_cached: bool = True,
    ) -> None:
        """Tokens and cost as the provider told them; of two values, the later one counts.

        Args:
            input_tokens: tokens of the prompt.
            output_tokens: tokens of the response, reasoning included.
            cached_tokens: input tokens read from a cache.
            cache_write_tokens: input tokens written to a cache.
            reasoning_tokens: output tokens spent on reasoning.
            cost_usd: the cost, if the provider tells it; else the collector prices the tokens.
            includes_cached: whether ``input_tokens`` counts the cached ones (OpenAI, Gemini) or
                not (Anthropic, Bedrock); then they are added.
        """
        if not includes_cached:
            input_tokens = whole_input(input_tokens, cached_tokens, cache_write_tokens)
        usage = (input_tokens, output_tokens, cached_tokens, cost_usd)
        self._usage = usage if self._usage is None else merge(self._usage, usage)
        if cache_write_tokens is not None:
            self.set("cache_write_tokens", cache_write_tokens)
        if reasoning_tokens is not None:
            self.set("reasoning_tokens", reasoning_tokens)

    def content(
        self,
        query: object = None,
        response: object = None,
        context: object = None,
        expected_format: str | None = None,
    ) -> None:
        """Texts to score, in the background. They leave the process only with ``capture_content``.

        Args:
            query: what was asked: text, or messages of ``{"role", "content"}``.
            response: what the model answered.
            context: the documents that the answer should rest on: text or a list of them.
            expected_format: what the response will be parsed as: ``"json"``.
        """
        for name, text in (("query", query), ("response", response), ("context", context)):
            if text is not None:
                self.set(name, _kept(text))
        if expected_format is not None:
            self.set("expected_format", expected_format)

    def outcome(
        self,
        finish_reason: str | None = None,
        status_code: int | None = None,
        retries: int | None = None,
        response_model: str | None = None,
    ) -> None:
        """What the response said of itself; of two values, the later one counts."""
        if finish_reason is not None:
            self.set("finish_reason", finish_reason)
        if status_code is not None:
            self.set("status_code", status_code)
        if retries is not None:
            self.set("retries", retries)
        if response_model is not None:
            operation, provider, model, _, route, prompt_version = self._dims
            self._dims = (operation, provider, model, response_model, route, prompt_version)

    def score(self, name: str, value: float, comment: str | None = None) -> None:
        """A score of the request, under any name."""
        self._monitor.score(self.id, name, value, comment)

    def tag(self, key: str, value: object) -> None:
        """Attach a short text to the request."""
        extra = self._extra
        if extra is None:
            extra = self._extra = {}
        put_tag(extra.setdefault("tags", {}), key, value)

    def set(self, name: str, value: Any) -> None:
        """Set a rarely used field of the request event, by its name in the protocol."""
        if self._extra is None:
            self._extra = {}
        self._extra[name] = value

    def finish(self) -> None:
        """End the request and record it. A second call does nothing."""
        if self._done:
            return
        self._done = True
        monitor = self._monitor
        monitor.open.pop(self._number, None)
        if self._prefix is not monitor.prefix:
            # it began before a fork: the parent process records it
            return
        latency_ms = (perf_counter() - self._start_s) * 1e3
        ttft_ms = None
        if self._chunks is not None:
            ttft_ms = (self._chunks[0] - self._start_s) * 1e3
            self.set("stream", 1)
            self.set("max_gap_ms", self._chunks[2] * 1e3 or None)
        if self._trace is not None or self._id is not None:
            self.set("id", self._id)
            self.set("trace_id", self._trace)
            self.set("parent_id", self._parent)
        input_tokens, output_tokens, cached_tokens, cost_usd = self._usage or _NO_USAGE
        row = (
            self._dims,
            self._number,
            time_ns(),
            latency_ms,
            ttft_ms,
            input_tokens,
            output_tokens,
            cached_tokens,
            cost_usd,
            self._error,
            self._user_id,
            self._session_id,
            self._extra,
        )
        lane = monitor.requests
        rows = lane.rows
        waiting = len(rows)
        rows.append(row)
        if not 0 < waiting < HIGH:
            if waiting:
                forget_texts(self._extra)
            lane.edge()

    def end(self, error: BaseException | None) -> None:
        """Finish with the exception that ended it, if one did. Closing a generator is no error."""
        if isinstance(error, GeneratorExit) and not self._done:
            self._extra = {"finish_reason": "closed", **(self._extra or {})}
        super().end(error)

    def progress(self, now_s: float) -> tuple[str, Any, Any, float, Any, float | None]:
        """Id, model, route, age (ms), output tokens so far, time since the last chunk (ms).

        ``now_s`` is a ``perf_counter``.
        """
        chunks = self._chunks
        since_ms = None if chunks is None else (now_s - chunks[1]) * 1e3
        tokens = None if self._usage is None else self._usage[1]
        age_ms = (now_s - self._start_s) * 1e3
        return self.id, self._dims[2], self._dims[4], age_ms, tokens, since_ms

    def register(self) -> None:
        """Let heartbeats tell of the request until it is finished."""
        monitor = self._monitor
        monitor.open[self._number] = self
        if monitor.resting:
            monitor.wake(urgent=False)

    def __enter__(self) -> Self:
        self._token = current_node.set(self)
        monitor = self._monitor
        monitor.open[self._number] = self
        if monitor.resting:
            monitor.wake(urgent=False)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self.finish()
        else:
            self.end(error)
        token = self._token
        if token is not None:
            try:
                current_node.reset(token)
            except (ValueError, RuntimeError):
                # as in context.leave, written out: this is the hot path
                return


def _kept(text: object) -> object:
    if type(text) is str:
        return text[:_KEPT_TEXT]
    # callers go on appending to their list of messages
    return list(text) if type(text) is list else text
