"""Bytes an event on the wire: the demo's real workload, beside OTLP/protobuf of the same spans.

Scores are worked out for every request, texts stay at home, as by default. Run with
``python -m bench.wire_bytes [BATCHES]``.
"""

from __future__ import annotations

import importlib
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from itertools import islice
from random import Random
from typing import Any

import llmmon
from bench.result import not_installed, show
from bench.traffic import BATCH, START_NS, message
from llmmon.demo.corpus import load_corpus
from llmmon.demo.recording import ChatService
from llmmon.demo.search import Library
from llmmon.demo.workload import moments, plan
from llmmon.monitor import default
from llmmon.packing import Packer

SEED = 20231116


def rows() -> Iterator[tuple[Any, ...]]:
    """What callers of the demo leave for the sender, one tuple a request, without end."""
    llmmon.init(service="demo-chat", environment="demo", handle_sigterm=False)
    default.capturing = True  # nothing is sent
    corpus = load_corpus()
    library = Library(pair.context for pair in corpus.pairs if pair.context is not None)
    with open(os.devnull, "w") as nowhere:
        service = ChatService(library, llmmon.get_logger("demo-chat", stream=nowhere))
        for moment in moments(plan(corpus, Random(SEED))):
            if moment.ended:
                start_ns = START_NS + round(moment.request.start_s * 1e9)
                service.end(moment.number, moment.request, start_ns)
                yield default.requests.rows.popleft()
            else:
                service.begin(moment.number, moment.request)


def payloads(batches: int) -> list[bytes]:
    """Batches of ``BATCH`` requests, packed as the agent packs them."""
    found = rows()
    parts = [list(islice(found, BATCH)) for _ in range(batches)]
    packer = Packer(default.config._replace(score_cpu_share=1.0), default.prefix, 0.0)
    packed = [one for part in parts for one in packer.requests(part, {}, 0.0)]
    return [one.payload for one in packed if one.payload is not None and one.events == BATCH]


def compressors() -> dict[str, Callable[[bytes], bytes]]:
    """By name; ``zstd`` where it is installed."""
    found: dict[str, Callable[[bytes], bytes]] = {"gzip": lambda data: zlib.compress(data, 6)}
    try:
        zstandard: Any = importlib.import_module("zstandard")
    except ImportError:
        not_installed("zstd", "zstandard")
    else:
        found["zstd"] = zstandard.ZstdCompressor(level=3).compress
    return found


def main() -> None:
    """Measure and print."""
    batches = payloads(int(sys.argv[1]) if len(sys.argv) > 1 else 8)
    events = BATCH * len(batches)
    messages = [b"".join(message(payload, seq)) for seq, payload in enumerate(batches, 1)]
    raw = sum(map(len, messages)) / events
    packed = {name: sum(len(c(m)) for m in messages) / events for name, c in compressors().items()}
    try:
        from bench.otlp import PACKAGE, spans_of
    except ImportError:
        not_installed("OTLP", "opentelemetry-proto")
        show("bytes an event on the wire", f"{raw:.1f} B")
        return
    exports = [spans_of(payload, BATCH) for payload in batches]
    otlp_raw = sum(map(len, exports)) / events
    otlp_gzip = sum(len(zlib.compress(export, 6)) for export in exports) / events
    peer = f"OTLP/protobuf ({PACKAGE}), same attributes"
    for name, measured, figure, other in (
        ("", raw, "1/6", otlp_raw),
        *((f", {name}", size, "1/2", otlp_gzip) for name, size in packed.items()),
    ):
        show(
            f"bytes an event on the wire{name}, {BATCH}-event batches of the demo",
            f"{measured:.1f} B",
            f"{figure} of OTLP's {'gzip' if name else 'raw'}",
            f"1/{other / measured:.1f}",
            f"{peer}{', gzip' if name else ''}: {other:.1f} B",
        )


if __name__ == "__main__":
    main()
