"""What recording one request costs the calling thread, beside what peers charge for the same.

Prints one JSON object a line: ``name`` of the call, ``figure`` to reach, ``measured`` CPU ns a
call of the calling thread (median of interleaved rounds, loop subtracted), ``ratio`` to the peer,
``peer``. Usage: ``python bench/agent_call.py [ROUNDS] [CALLS]``.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable

import llmmon

Call = Callable[[], object]

OTEL = "OpenTelemetry SDK span, 15 attributes, BatchSpanProcessor"
PROMETHEUS_FIVE = "prometheus_client, 3 inc + 2 observe, labels() each"
PROMETHEUS_ONE = "prometheus_client, one observe, child cached"

FIGURES = (
    ("recorder, 9 values", OTEL, "1/50"),
    ("recorder, 9 values", PROMETHEUS_FIVE, "1/15"),
    ("recorder, 9 values", PROMETHEUS_ONE, "1/2"),
    ("track + usage + exit", OTEL, "1/15"),
    ("record, 11 keywords", OTEL, ""),
    ("track + usage + exit, nested", OTEL, ""),
    ("track + usage + 3 chunks + exit", OTEL, ""),
)


def track() -> None:
    """One request, as a service measures it."""
    with llmmon.track(
        "chat", provider="openai", model="gpt-4o", route="/ask", user_id="user-17"
    ) as request:
        request.usage(812, 164, cached_tokens=512)


def stream() -> None:
    """One streamed request."""
    with llmmon.track("chat", provider="openai", model="gpt-4o", route="/ask") as request:
        request.chunk()
        request.chunk()
        request.chunk()
        request.usage(812, 164, cached_tokens=512)


def own_calls() -> dict[str, Call]:
    """llmmon's calls, sending to nobody."""
    directory = tempfile.mkdtemp()
    llmmon.init(
        service="bench",
        endpoint=f"ipc://{directory}",
        flush_interval_s=0.02,
        handle_sigterm=False,
    )
    recorder = llmmon.recorder("chat", provider="openai", model="gpt-4o", route="/ask")

    def bound() -> None:
        recorder(812.5, 812, 164, 512, 120.5, user_id="user-17", session_id="session-4")

    def record() -> None:
        llmmon.record(
            "chat",
            provider="openai",
            model="gpt-4o",
            route="/ask",
            latency_ms=812.5,
            ttft_ms=120.5,
            input_tokens=812,
            output_tokens=164,
            cached_tokens=512,
            cost_usd=0.0025,
            user_id="user-17",
        )

    outer = llmmon.track("invoke_agent")

    def nested() -> None:
        with outer:
            track()

    return {
        "recorder, 9 values": bound,
        "record, 11 keywords": record,
        "track + usage + exit": track,
        "track + usage + 3 chunks + exit": stream,
        "track + usage + exit, nested": nested,
    }


def otel_calls() -> dict[str, Call]:
    """A span as instrumentation libraries make it; its exporter throws it away.

    Raises:
        ImportError: not installed.
    """
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    class Discard(SpanExporter):
        def export(self, spans: object) -> SpanExportResult:
            return SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Discard(), max_queue_size=65_536))
    tracer = provider.get_tracer("bench")

    def span() -> None:
        attributes: dict[str, str | int | float | bool] = {
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
        with tracer.start_as_current_span("chat gpt-4o", attributes=attributes):
            pass

    return {OTEL: span}


def prometheus_calls() -> dict[str, Call]:
    """Counters and histograms that carry the same numbers.

    Raises:
        ImportError: not installed.
    """
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


def cpu_ns(call: Call, calls: int) -> float:
    """CPU nanoseconds of the calling thread a call."""
    began_s = time.thread_time()
    for _ in range(calls):
        call()
    return (time.thread_time() - began_s) * 1e9 / calls


def measure(cases: dict[str, Call], rounds: int, calls: int) -> dict[str, float]:
    """Median cost of each case, the cases shuffled anew in every round."""
    costs: dict[str, list[float]] = {name: [] for name in cases}
    order = list(cases)
    for _ in range(rounds):
        random.shuffle(order)
        for name in order:
            costs[name].append(cpu_ns(cases[name], calls))
            # let background threads empty their queues, so that none is measured while full
            time.sleep(0.05)
    return {name: statistics.median(values) for name, values in costs.items()}


def main(rounds: int = 15, calls: int = 1000) -> None:
    """Measure and print."""
    cases: dict[str, Call] = {"loop": lambda: None} | own_calls()
    for add, hint in (
        (otel_calls, "opentelemetry-sdk opentelemetry-exporter-otlp-proto-http"),
        (prometheus_calls, "prometheus-client"),
    ):
        try:
            cases |= add()
        except ImportError:
            print(json.dumps({"name": add.__name__, "error": f"not installed: pip install {hint}"}))
    costs = measure(cases, rounds, calls)
    loop_ns = costs.pop("loop")
    net = {name: ns - loop_ns for name, ns in costs.items()}
    for name, peer, figure in FIGURES:
        ratio = round(net[peer] / net[name], 1) if peer in net else None
        told = {"name": name, "figure": figure, "measured": f"{net[name]:.0f} ns"}
        print(json.dumps({**told, "ratio": ratio and f"1/{ratio}", "peer": peer}))
    for peer in net.keys() - {name for name, _, _ in FIGURES}:
        print(json.dumps({"name": peer, "figure": "", "measured": f"{net[peer]:.0f} ns"}))
    llmmon.shutdown(timeout_s=0.0)


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
