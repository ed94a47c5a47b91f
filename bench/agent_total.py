"""CPU of a whole service process an event, every thread and the flush: llmmon, OpenTelemetry.

Saturated: events as fast as they are taken. Paced: 1,000 a second, less what the same loop takes
without recording. Each case runs in a process of its own, and so does our collector; what takes
the peer's exports runs in this one.
"""

from __future__ import annotations

import importlib.util
import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from bench import spool
from bench.peers import libraries, own
from bench.result import show, show_missing, show_share

ROUNDS: Final = 3
SATURATED: Final = 60_000
SATURATED_OTEL: Final = 10_000
PACED: Final = 4000
"""Events at 1,000 a second."""
PACED_STEP: Final = 10
PEER: Final = "OpenTelemetry SDK span, BatchSpanProcessor, OTLP/HTTP"
ROWS: Final = (
    ("agent CPU an event, all threads, saturated", 50),
    ("agent CPU an event, all threads, 1,000 events/s", 20),
)
"""And what share of the peer's CPU ours may be."""


class Sink(BaseHTTPRequestHandler):
    """Takes what an OTLP exporter posts."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@contextmanager
def otlp() -> Iterator[str]:
    """The address of an HTTP server that takes everything."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1/traces"
    server.shutdown()


def llmmon_call(address: str) -> tuple[Callable[[int], object], Callable[[], object]]:
    """Record one request; deliver everything."""
    import llmmon

    llmmon.init(service="bench", endpoint=address, spool_dir=spool.DIRECTORY)
    record = llmmon.recorder("chat", provider="openai", model="gpt-4o", route="/ask")

    def call(i: int) -> None:
        record(812.5, 812, 164, 512, 210.5, user_id="u1", session_id="s1")
        if i % 4000 == 3999:
            llmmon.flush(timeout_s=30)

    return call, lambda: llmmon.flush(timeout_s=30)


def otel_call(address: str) -> tuple[Callable[[int], object], Callable[[], object]]:
    """Make one span with the same attributes; export everything."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    processor = BatchSpanProcessor(OTLPSpanExporter(endpoint=address), max_queue_size=16_384)
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("bench")
    attributes: dict[str, str | int | float] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "http.route": "/ask",
        "gen_ai.usage.input_tokens": 812,
        "gen_ai.usage.output_tokens": 164,
        "gen_ai.usage.cache_read.input_tokens": 512,
        "gen_ai.response.time_to_first_chunk": 0.2105,
        "user.id": "u1",
        "gen_ai.conversation.id": "s1",
    }

    def call(i: int) -> None:
        with tracer.start_as_current_span("chat gpt-4o", attributes=attributes):
            pass
        if i % 4000 == 3999:
            processor.force_flush()

    return call, processor.force_flush


def idle_call(_address: str) -> tuple[Callable[[int], object], Callable[[], object]]:
    """Do nothing."""
    return (lambda _i: None), (lambda: None)


CALLS: Final = {"llmmon": llmmon_call, "otel": otel_call, "idle": idle_call}


def child(side: str, address: str, events: int, paced: bool) -> None:
    """Print the CPU seconds of one case; what starts with the first event is left out."""
    libraries.activate()
    call, finish = CALLS[side](address)
    call(0)
    finish()
    start_cpu_s, start_s = time.process_time(), time.perf_counter()
    for i in range(events):
        call(i)
        if paced and i % PACED_STEP == PACED_STEP - 1:
            due_s = start_s + (i + 1) / 1000
            time.sleep(max(0.0, due_s - time.perf_counter()))
    finish()
    print(time.process_time() - start_cpu_s)


def cpu_us(side: str, address: str, events: int, paced: bool) -> float:
    """Median CPU microseconds an event of one case."""
    command = [sys.executable, "-m", "bench.agent_total", side, address, str(events)]
    command.append(json.dumps(paced))
    outputs = [
        subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        for _ in range(ROUNDS)
    ]
    return statistics.median(float(output) for output in outputs) / events * 1e6


def measure_own(idle_us: float) -> tuple[float, float]:
    """Ours, saturated and paced."""
    with own.collector() as address:
        saturated_us = cpu_us("llmmon", address, SATURATED, paced=False)
        return saturated_us, cpu_us("llmmon", address, PACED, paced=True) - idle_us


def measure_peer(idle_us: float) -> tuple[float, float]:
    """The peer's, saturated and paced."""
    with otlp() as address:
        saturated_us = cpu_us("otel", address, SATURATED_OTEL, paced=False)
        return saturated_us, cpu_us("otel", address, PACED, paced=True) - idle_us


def main() -> None:
    """Measure both sides in one run and print."""
    libraries.activate()
    idle_us = cpu_us("idle", "", PACED, paced=True)
    ours = measure_own(idle_us)
    if importlib.util.find_spec("opentelemetry.exporter") is None:
        for name, share in ROWS:
            show_missing(name, f"1/{share}", libraries.COMMAND, PEER)
        return
    peer = measure_peer(idle_us)
    for (name, share), mine, theirs in zip(ROWS, ours, peer, strict=True):
        if min(mine, theirs) <= 0:
            # an idle machine charges more for waking up than recording costs
            show(name, f"not measured: the idle loop alone took {idle_us:.1f} us", f"1/{share}")
            continue
        show_share(name, f"{mine:.2f} us", mine, f"{PEER}: {theirs:.1f} us", theirs, share)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        child(sys.argv[1], sys.argv[2], int(sys.argv[3]), json.loads(sys.argv[4]))
    else:
        main()
