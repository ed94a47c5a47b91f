"""How long a call of ``record`` takes at worst while eight threads are busy and much waits.

Wall nanoseconds of every call, the p99.9 of each run. ``alone`` records into the same buffer with
no sender, ``llmmon`` with one that delivers to a collector, ``queue`` puts the same tuple into a
``queue.Queue`` whose other end packs it: the way not to do it. Each run is a process of its own;
they take turns, medians are printed. Run with ``python -m bench.agent_threads``.
"""

from __future__ import annotations

import json
import queue
import statistics
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Callable
from itertools import repeat
from typing import Any, Final

import msgpack

import llmmon
from bench import spool
from bench.peers import own
from bench.result import show
from llmmon.monitor import default

THREADS: Final = 8
ROUNDS: Final = 5
RUN_S: Final = 1.5
WORK: Final = 100
"""Turns of a loop between two calls: what a service does beside."""
SIDES: Final = ("alone", "llmmon", "queue")
FACTOR: Final = 2.0
_WARM_S: Final = 0.3
_FEW: Final = range(WORK)


def recorder(address: str, is_alone: bool) -> Callable[[], object]:
    """A bound recorder, with a sender or without."""
    llmmon.init(service="bench", endpoint=address, spool_dir=spool.DIRECTORY, handle_sigterm=False)
    default.capturing = is_alone
    record = llmmon.recorder("chat", provider="openai", model="gpt-4o", route="/ask")
    return lambda: record(812.5, 812, 164, 512, 120.5, user_id="user-17", session_id="session-4")


def queued() -> Callable[[], object]:
    """The same values through a queue, packed a chunk at a time by a thread."""
    waiting: queue.Queue[Any] = queue.Queue()

    def drain() -> None:
        while True:
            msgpack.packb([waiting.get() for _ in repeat(None, 256)])

    threading.Thread(target=drain, daemon=True).start()

    def put() -> None:
        series, ids = ("chat", "openai", "gpt-4o", "/ask"), ("user-17", "session-4")
        waiting.put((series, time.time_ns(), 812.5, 812, 164, 512, 120.5, ids))

    return put


def busy(call: Callable[[], object], until_s: float, taken_ns: array[int]) -> None:
    """Work and call until then."""
    clock = time.perf_counter_ns
    while time.monotonic() < until_s:
        for _ in _FEW:
            pass
        began_ns = clock()
        call()
        taken_ns.append(clock() - began_ns)


def run(call: Callable[[], object], seconds: float) -> array[int]:
    """The durations of all calls of all threads."""
    until_s = time.monotonic() + seconds
    taken = [array("Q") for _ in range(THREADS)]
    threads = [threading.Thread(target=busy, args=(call, until_s, one)) for one in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return array("Q", sorted(duration for one in taken for duration in one))


def child(side: str, address: str) -> None:
    """Print p50, p99.9 and the number of calls of one run."""
    call = queued() if side == "queue" else recorder(address, is_alone=side == "alone")
    run(call, _WARM_S)
    taken_ns = run(call, RUN_S)
    at = [taken_ns[len(taken_ns) // 2], taken_ns[len(taken_ns) * 999 // 1000], len(taken_ns)]
    print(json.dumps(at), flush=True)
    llmmon.shutdown(timeout_s=0.0)


def p999_us(side: str, address: str) -> float:
    """p99.9 of one run in a process of its own."""
    command = [sys.executable, "-m", "bench.agent_threads", side, address]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return float(json.loads(done.stdout)[1]) / 1e3


def main() -> None:
    """Measure all sides in turns and print."""
    with own.collector() as address:
        rounds = [[p999_us(side, address) for side in SIDES] for _ in range(ROUNDS)]
    medians = dict(zip(SIDES, map(statistics.median, zip(*rounds, strict=True)), strict=True))
    alone_us = medians["alone"]
    row = f"p99.9 of a call, {THREADS} busy threads and a backlog"
    for side, name, at_most in (
        ("llmmon", "bound record", FACTOR),
        ("queue", "queue.Queue.put, the failing example", None),
    ):
        factor = medians[side] / alone_us
        show(
            f"{row}: {name}",
            f"{medians[side]:,.1f} us",
            f"at most {FACTOR:g} x without a sender" if at_most else "",
            f"{factor:.2f}",
            f"bound record without a sender: {alone_us:,.1f} us",
            value=factor,
            at_most=at_most,
        )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        child(sys.argv[1], sys.argv[2])
    else:
        main()
