"""What recording one request costs the calling thread, beside what peers charge for the same.

CPU nanoseconds a call of the calling thread: medians of interleaved rounds, the loop subtracted.
Run with ``python -m bench.agent_call [ROUNDS] [CALLS]``.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from typing import Final

import llmmon
from bench import agent_peers as peers
from bench import spool
from bench.agent_peers import Call
from bench.peers import libraries
from bench.result import show, show_missing, show_share

TRACK: Final = "track + usage + exit"
BOUND: Final = "bound record, 9 values"
FIGURES: Final = (
    (TRACK, peers.OTEL, 15),
    (BOUND, peers.OTEL, 50),
    (BOUND, peers.PROMETHEUS_FIVE, 15),
    (BOUND, peers.PROMETHEUS_ONE, 2),
    (BOUND, peers.DOGSTATSD, 0),
    (BOUND, peers.STRUCTLOG, 0),
)
"""Our call, the peer's, and what share of its cost ours may have; 0 where none is named."""


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


def record() -> None:
    """One request that is measured already."""
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


def own_calls() -> dict[str, Call]:
    """llmmon's calls, sending to nobody."""
    llmmon.init(
        service="bench",
        endpoint=f"ipc://{spool.DIRECTORY}/nobody",
        spool_dir=spool.DIRECTORY,
        flush_interval_s=0.02,
        handle_sigterm=False,
    )
    recorder = llmmon.recorder("chat", provider="openai", model="gpt-4o", route="/ask")
    outer = llmmon.track("invoke_agent")

    def bound() -> None:
        recorder(812.5, 812, 164, 512, 120.5, user_id="user-17", session_id="session-4")

    def nested() -> None:
        with outer:
            track()

    return {
        TRACK: track,
        BOUND: bound,
        "record, 11 keywords": record,
        "track + usage + 3 chunks + exit": stream,
        "track + usage + exit, nested": nested,
    }


def peer_calls() -> dict[str, Call]:
    """Those of the peers that are installed."""
    found: dict[str, Call] = {}
    for calls in (
        peers.otel_calls,
        peers.prometheus_calls,
        peers.dogstatsd_calls,
        peers.structlog_calls,
    ):
        try:
            found |= calls()
        except ImportError:
            continue
    return found


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
    libraries.activate()
    own = own_calls()
    costs = measure({"loop": lambda: None} | own | peer_calls(), rounds, calls)
    loop_ns = costs.pop("loop")
    net = {name: ns - loop_ns for name, ns in costs.items()}
    for name, peer, share in FIGURES:
        row = f"caller's cost of {name}"
        if peer in net:
            told = f"{peer}: {net[peer]:,.0f} ns"
            show_share(row, f"{net[name]:,.0f} ns", net[name], told, net[peer], share)
        else:
            show_missing(row, f"1/{share}" if share else "", libraries.COMMAND, peer)
    for name in own.keys() - {TRACK, BOUND}:
        show(f"caller's cost of {name}", f"{net[name]:,.0f} ns")
    llmmon.shutdown(timeout_s=0.0)


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
