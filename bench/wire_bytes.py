"""Bytes an event on the wire: the demo's real workload, beside OTLP/protobuf of the same spans.

Scores are worked out for every request, texts stay at home, as by default. Run with
``python -m bench.wire_bytes [BATCHES]``.
"""

from __future__ import annotations

import importlib
import os
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from random import Random
from typing import Any, Final

import llmmon
from bench import spool
from bench.peers import libraries
from bench.result import show_missing, show_share
from bench.traffic import BATCH, START_NS, message
from llmmon.demo.corpus import load_corpus
from llmmon.demo.recording import ChatService
from llmmon.demo.search import Library
from llmmon.demo.workload import moments, plan
from llmmon.monitor import default
from llmmon.packing.packer import Packer

SEED: Final = 20231116
ROW: Final = f"bytes an event on the wire, {BATCH}-event batches of the demo"
PEER: Final = "OTLP/protobuf, same attributes"
RAW_SHARE: Final = 6
PACKED_SHARE: Final = 2


def rows() -> Iterator[tuple[Any, ...]]:
    """What callers of the demo leave for the sender, one tuple a request, without end."""
    llmmon.init(
        service="demo-chat", environment="demo", spool_dir=spool.DIRECTORY, handle_sigterm=False
    )
    default.capturing = True  # nothing is sent
    corpus = load_corpus()
    library = Library(pair.context for pair in corpus.pairs if pair.context is not None)
    with open(os.devnull, "w") as nowhere:
        service = ChatService(library, llmmon.get_logger("demo-chat", stream=nowhere))
        for moment in moments(plan(corpus, Random(SEED))):
            if moment.ended:
                start_ns = START_NS + round(moment.request.start_s * 1e9)
                service.end(moment.number, moment.request, start_ns)
                yield from default.requests.take(1)
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
        show_missing(f"{ROW}, zstd", f"1/{PACKED_SHARE}", libraries.COMMAND, f"{PEER}, gzip")
    else:
        found["zstd"] = zstandard.ZstdCompressor(level=3).compress
    return found


def otlp_sizes(batches: Sequence[bytes]) -> tuple[float, float]:
    """Bytes an event of the same requests as OTLP/protobuf, and of that in gzip.

    Raises:
        ImportError: the library is not installed.
    """
    from bench.otlp import spans_of

    exports = [spans_of(payload, BATCH) for payload in batches]
    packed = [zlib.compress(export, 6) for export in exports]
    events = BATCH * len(batches)
    return sum(map(len, exports)) / events, sum(map(len, packed)) / events


def main() -> None:
    """Measure and print."""
    libraries.activate()
    batches = payloads(int(sys.argv[1]) if len(sys.argv) > 1 else 8)
    messages = [b"".join(message(payload, seq)) for seq, payload in enumerate(batches, 1)]
    events = BATCH * len(batches)
    raw = sum(map(len, messages)) / events
    try:
        otlp_raw, otlp_gzip = otlp_sizes(batches)
    except ImportError:
        show_missing(ROW, f"1/{RAW_SHARE}", libraries.COMMAND, PEER)
        return
    told = f"{PEER}: {otlp_raw:.1f} B"
    show_share(ROW, f"{raw:.1f} B", raw, told, otlp_raw, RAW_SHARE)
    for name, compress in compressors().items():
        size = sum(len(compress(one)) for one in messages) / events
        share = PACKED_SHARE if name == "zstd" else 0
        told = f"{PEER}, gzip: {otlp_gzip:.1f} B"
        show_share(f"{ROW}, {name}", f"{size:.1f} B", size, told, otlp_gzip, share)


if __name__ == "__main__":
    main()
