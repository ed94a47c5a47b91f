"""What others' libraries ask a service to call for one request, carrying the same numbers.

Each function raises ImportError where its library is not installed.
"""

from __future__ import annotations

import importlib
import os
import socket
from collections.abc import Callable
from typing import Any, Final

Call = Callable[[], object]

OTEL: Final = "OpenTelemetry SDK span, 15 attributes, BatchSpanProcessor"
PROMETHEUS_FIVE: Final = "prometheus_client, 3 inc + 2 observe, labels() each"
PROMETHEUS_ONE: Final = "prometheus_client, one observe, child cached"
DOGSTATSD: Final = "DogStatsD client, 5 metrics, buffered UDP"
STRUCTLOG: Final = "structlog, one JSON line to /dev/null"

ATTRIBUTES: Final[dict[str, str | int | float | bool]] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "http.route": "/ask",
    "user.id": "user-17",
    "gen_ai.conversation.id": "session-4",
    "gen_ai.usage.input_tokens": 812,
    "gen_ai.usage.output_tokens": 164,
    "gen_ai.usage.cache_read.input_tokens": 512,
    "gen_ai.response.time_to_first_chunk": 0.1205,
    "gen_ai.usage.cost.amount": 0.0025,
    "http.response.status_code": 200,
    "gen_ai.request.stream": True,
    "deployment.environment.name": "production",
}


def otel_calls() -> dict[str, Call]:
    """A span as instrumentation libraries make it; its exporter throws it away."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    class Discard(SpanExporter):
        def export(self, spans: object) -> SpanExportResult:
            return SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Discard(), max_queue_size=65_536))
    tracer = provider.get_tracer("bench")

    def span() -> None:
        with tracer.start_as_current_span("chat gpt-4o", attributes=dict(ATTRIBUTES)):
            pass

    return {OTEL: span}


def prometheus_calls() -> dict[str, Call]:
    """Counters and histograms."""
    from prometheus_client import CollectorRegistry, Counter, Histogram

    registry, labels = CollectorRegistry(), ["model", "route"]
    requests = Counter("requests", "-", labels, registry=registry)
    tokens_in = Counter("tokens_in", "-", labels, registry=registry)
    tokens_out = Counter("tokens_out", "-", labels, registry=registry)
    latency = Histogram("latency", "-", labels, registry=registry)
    first = Histogram("ttft", "-", labels, registry=registry)
    child = latency.labels("gpt-4o", "/ask")

    def five() -> None:
        requests.labels("gpt-4o", "/ask").inc()
        tokens_in.labels("gpt-4o", "/ask").inc(812)
        tokens_out.labels("gpt-4o", "/ask").inc(164)
        latency.labels("gpt-4o", "/ask").observe(0.8125)
        first.labels("gpt-4o", "/ask").observe(0.1205)

    return {PROMETHEUS_FIVE: five, PROMETHEUS_ONE: lambda: child.observe(0.8125)}


def dogstatsd_calls() -> dict[str, Call]:
    """The same five metrics, to a port where nobody reads."""
    dogstatsd: Any = importlib.import_module("datadog.dogstatsd")
    sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sink.bind(("127.0.0.1", 0))
    host, port = sink.getsockname()
    client = dogstatsd.DogStatsd(
        host=host, port=port, disable_telemetry=True, disable_buffering=False
    )
    tags = ["model:gpt-4o", "route:/ask"]

    def five(_keeps_open: socket.socket = sink) -> None:
        client.increment("requests", tags=tags)
        client.increment("tokens_in", 812, tags=tags)
        client.increment("tokens_out", 164, tags=tags)
        client.histogram("latency", 0.8125, tags=tags)
        client.histogram("ttft", 0.1205, tags=tags)

    return {DOGSTATSD: five}


def structlog_calls() -> dict[str, Call]:
    """One structured line with all the fields."""
    import structlog

    nowhere = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    logger = structlog.wrap_logger(
        structlog.WriteLogger(nowhere),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.JSONRenderer(),
        ],
    )
    fields = {name.replace(".", "_"): value for name, value in ATTRIBUTES.items()}
    return {STRUCTLOG: lambda: logger.info("request", **fields)}
