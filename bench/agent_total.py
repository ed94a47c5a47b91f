"""CPU of a whole service process an event, every thread and the flush: llmmon, OpenTelemetry.

Saturated: events as fast as they are taken. Paced: 1,000 a second, less what the same loop takes
without recording. Each case runs in a process of its own; what receives runs in this one.
"""

from __future__ import annotations

import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import zmq

from bench.result import not_installed, show
from llmmon_collector.clock import SystemClock
from llmmon_collector.intake.deadletter import DeadLetters
from llmmon_collector.intake.ledger import Ledger
from llmmon_collector.intake.receiver import Receiver
from llmmon_collector.intake.session import Session

ROUNDS: Final = 3
SATURATED: Final = 60_000
SATURATED_OTEL: Final = 10_000
PACED_S: Final = 4.0
PACED_STEP: Final = 10
PEER: Final = "OpenTelemetry SDK span, BatchSpanProcessor, OTLP/HTTP"


class Nowhere:
    """An appender that keeps nothing."""

    def append(self, bodies: Sequence[bytes]) -> int:
        return len(bodies)


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
def collector() -> Iterator[str]:
    """The address of an intake that acknowledges and forgets."""
    with tempfile.TemporaryDirectory(prefix="llmmon-") as directory:
        context = zmq.Context[zmq.Socket[bytes]]()
        dead = DeadLetters(Path(directory) / "dead.seg")
        session = Session(Ledger(), Nowhere(), dead, SystemClock(), lambda _batches: None)
        endpoint = f"ipc://{directory}/ingest.sock"
        receiver = Receiver(context, endpoint, session, lambda _error: None)
        receiver.start()
        yield f"ipc://{directory}"
        receiver.stop()
        context.destroy(linger=0)


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

    llmmon.init(service="bench", environment="bench", endpoint=address)
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
    attributes = {
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


def main() -> None:
    """Measure both sides in one run and print."""
    paced_events = int(PACED_S * 1000)
    with collector() as address:
        idle = cpu_us("idle", address, paced_events, paced=True)
        own = cpu_us("llmmon", address, SATURATED, paced=False)
        own_paced = cpu_us("llmmon", address, paced_events, paced=True) - idle
    if importlib.util.find_spec("opentelemetry.exporter") is None:
        not_installed(PEER, "opentelemetry-sdk opentelemetry-exporter-otlp-proto-http")
        show("agent CPU an event, saturated", f"{own:.2f} us")
        show("agent CPU an event, 1,000 a second", f"{own_paced:.2f} us")
        return
    with otlp() as address:
        peer = cpu_us("otel", address, SATURATED_OTEL, paced=False)
        peer_paced = cpu_us("otel", address, paced_events, paced=True) - idle
    for name, mine, theirs, figure in (
        ("agent CPU an event, saturated", own, peer, "1/50"),
        ("agent CPU an event, 1,000 a second", own_paced, peer_paced, "1/20"),
    ):
        ratio = f"1/{theirs / mine:.1f}"
        show(name, f"{mine:.2f} us", figure, ratio, f"{PEER}: {theirs:.1f} us")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        child(sys.argv[1], sys.argv[2], int(sys.argv[3]), json.loads(sys.argv[4]))
    else:
        main()
