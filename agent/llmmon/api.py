"""The calls that a service makes. None but ``init`` and ``get_logger`` raises on bad values."""

from __future__ import annotations

from time import time_ns

from llmmon import deferred, observing
from llmmon.buffer import HIGH
from llmmon.context import current_node
from llmmon.monitor import default
from llmmon.node import error_name, id_text
from llmmon.recording import (
    Series,
    bind,
    copy_fields,
    forget_texts,
    join_trace,
    late_scores,
    take_dimensions,
)
from llmmon.span import Span
from llmmon.tracking import Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from typing import IO, Any

    from llmmon.logs import StructuredLogger
    from llmmon.observing import Observe
    from llmmon.recording import Recorder
    from llmmon.results import FlushResult, Stats


def init(
    service: str | None = None,
    environment: str | None = None,
    endpoint: str | None = None,
    *,
    capture_content: bool | None = None,
    scorers: str | None = None,
    score_cpu_share: float | None = None,
    flush_interval_s: float | None = None,
    handle_sigterm: bool | None = None,
    server_key: str | None = None,
    public_key: str | None = None,
    secret_key: str | None = None,
    key_file: str | None = None,
    spool_dir: str | os.PathLike[str] | None = None,
    spool_max_bytes: int | None = None,
    durable: bool | None = None,
) -> None:
    """Name the service and its collector. Can be called again, at any time.

    Called again with another collector, or while recording is durable or is to be, it first flushes
    what was recorded, for two seconds at most, and counts anew.

    What is not given comes from ``LLMMON_SERVICE``, ``LLMMON_ENVIRONMENT`` and so on, else from
    the default. Without ``init`` the first record uses those too.

    Args:
        service: name of the service; the program's name if not given.
        environment: ``production``, ``staging``; ``development`` if not given.
        endpoint: the collector's address, ``ipc://DIR`` or ``tcp://HOST:PORT``.
        capture_content: whether texts are sent, redacted. Off: only their scores are.
        scorers: set of text scorers: ``simple``, ``seed`` or ``none``.
        score_cpu_share: share of one core that scoring may take; beyond, a sample is scored.
        flush_interval_s: seconds between sends.
        handle_sigterm: whether SIGTERM flushes first; a handler of the host's is called after it.
        server_key, public_key, secret_key: CURVE keys, 40 characters of Z85 each; all or none.
        key_file: a file of ``llmmon keys new`` with these three, instead of them.
        spool_dir: where events wait on disk while no collector takes them; ``off`` for nowhere,
            ``$XDG_STATE_HOME/llmmon/spool`` if not given. Only this user may enter it.
        spool_max_bytes: bytes on disk at most, for all processes of the service together.
        durable: whether every event is on disk before the call that records it returns. It then
            survives the process, but not the machine: nothing is synced. Costs some 100 us an
            event; texts are not scored. What was made before, events or recorders, is not durable.

    Raises:
        ConfigError: a value is of the wrong kind or out of range.
        EndpointError: ``endpoint`` is not an address.
    """
    # nothing but the arguments is local yet
    default.configure(deferred.resolve_config(locals()))


def track(
    operation: str = "chat",
    *,
    provider: str | None = None,
    model: str | None = None,
    route: str | None = None,
    user_id: str | None = None,
    session_id: str | None = None,
    prompt_version: str | None = None,
    request_id: str | None = None,
    trace_id: str | None = None,
    parent_id: str | None = None,
    tags: Mapping[str, object] | None = None,
) -> Request:
    """Measure one request: ``with llmmon.track("chat", model="gpt-4o") as req:``, also async.

    Inside another tracked request it becomes its child, in the same trace.

    Args:
        operation: ``chat``, ``text_completion``, ``embeddings``, ``execute_tool``,
            ``invoke_agent``, or any name.
        provider: ``openai``, ``anthropic`` ...
        model: the model that is asked for.
        route: the endpoint or feature of the service that asks.
        user_id: on whose behalf.
        session_id: the conversation.
        prompt_version: version of the prompt template.
        request_id: an id of the caller's own, instead of a new one.
        trace_id: the trace to join, when it began elsewhere.
        parent_id: the request or span around this one, when it is elsewhere.
        tags: short texts.
    """
    dims = (operation, provider, model, None, route, prompt_version)
    request = Request(default, dims, user_id, session_id)
    if request_id is not None or trace_id is not None or parent_id is not None:
        request.identify(request_id, trace_id, parent_id)
    if tags is not None and (fields := copy_fields(None, None, tags)):
        request.set("tags", fields["tags"])
    return request


def record(
    operation: str = "chat",
    *,
    latency_ms: float | None = None,
    provider: str | None = None,
    model: str | None = None,
    route: str | None = None,
    ttft_ms: float | None = None,
    input_tokens: int | None = None,
    output_tokens: int | None = None,
    cached_tokens: int | None = None,
    cost_usd: float | None = None,
    error: BaseException | type | str | None = None,
    user_id: str | None = None,
    scores: Mapping[str, float] | None = None,
    tags: Mapping[str, object] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> str:
    """Record one request that is already measured and has just ended; returns its id.

    Inside a tracked request or a span it joins that trace, unless ``extra`` names another.

    Args:
        operation: as for ``track``; so are ``provider``, ``model``, ``route`` and ``user_id``.
        latency_ms: from the request's start to its last byte.
        ttft_ms: from the request's start to its first token.
        input_tokens: cached ones included.
        output_tokens: reasoning included.
        cached_tokens: input tokens read from a cache.
        cost_usd: the cost, if the provider told it; else the collector prices the tokens.
        error: the exception, its type or a name; None when all was fine.
        scores: ``relevance``, ``coherence``, ``safety``, ``format``, ``factuality``,
            ``refusal`` from 0 to 1. Other names are recorded as by ``score``.
        tags: short texts.
        extra: any other field of a request event by name (``start_ns``, ``session_id``,
            ``status_code``, ``trace_id``, ``query`` ...). Names that are no field become tags.
    """
    number, prefix = default.next_number(), default.prefix
    fields = join_trace(copy_fields(extra, scores, tags), current_node.get())
    own_id, response_model, prompt_version, session_id = take_dimensions(fields)
    dims = (operation, provider, model, response_model, route, prompt_version)
    measured = (latency_ms, ttft_ms, input_tokens, output_tokens, cached_tokens, cost_usd)
    if len(default.requests.rows) >= HIGH:
        forget_texts(fields)
    told = (error_name(error), user_id, session_id, fields)
    default.requests.put((dims, number, time_ns(), *measured, *told))
    request_id = id_text(own_id) or f"{prefix}-{number:x}"
    for name, value in late_scores(scores):
        default.score(request_id, name, value, None)
    return request_id


def recorder(
    operation: str = "chat",
    *,
    provider: str | None = None,
    model: str | None = None,
    response_model: str | None = None,
    route: str | None = None,
    prompt_version: str | None = None,
) -> Recorder:
    """Bind what does not change; the call that comes back is the fastest way to record.

    ``rec(latency_ms, input_tokens, output_tokens, cached_tokens, ttft_ms, *, error, user_id,
    session_id, cost_usd, extra)``, all but the first optional. What it records joins no trace but
    one that ``extra`` names.
    """
    dims = (operation, provider, model, response_model, route, prompt_version)
    return bind(default, Series(dims))


observe: Observe = observing.observe


def current() -> Request | Span | None:
    """The innermost request or span that the running code is part of."""
    node = current_node.get()
    return node if isinstance(node, Request | Span) else None


def score(request_id: str, name: str, value: float, comment: str | None = None) -> None:
    """Record a late score of a request, or a user's word on it.

    Args:
        request_id: ``req.id``, or what ``record`` returned.
        name: ``thumbs_up``, ``relevance``, any name.
        value: any finite number.
        comment: why.
    """
    default.score(request_id, name, value, comment)


def get_logger(
    name: str,
    *,
    service: str | None = None,
    environment: str | None = None,
    level: int | str = "INFO",
    stream: IO[str] | None = None,
    publish: bool = True,
) -> StructuredLogger:
    """A logger that writes one JSON object a line: redacted, with trace ids, also published.

    Args:
        name: of the standard logger beneath.
        service: the service of every line; the one given to ``init`` if not given.
        environment: the same.
        level: the least level that is logged.
        stream: where lines go; standard error if not given.
        publish: whether lines also go to the collector.

    Raises:
        ValueError: unknown level.
    """
    fields = {"service": service, "environment": environment}
    options = {"level": level, "stream": stream, "publish": publish}
    return deferred.new_logger(default, name, fields, options)


def stats() -> Stats:
    """What became of the events that this process recorded."""
    return default.stats()


def flush(timeout_s: float = 2.0) -> FlushResult:
    """Wait until everything recorded before is with the collector, ``timeout_s`` at most."""
    return default.flush(timeout_s)


def shutdown(timeout_s: float = 2.0) -> FlushResult:
    """Flush, then stop. What the result says is pending is left in the spool.

    The next process of the service delivers it; without a spool it is lost, and so is what is
    recorded afterwards. Both are counted; ``init`` begins anew.
    """
    return default.shutdown(timeout_s)
