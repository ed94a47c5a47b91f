"""From a recorded event to its number on the screen, and from a breach to its alert.

A real collector, an agent in a process of its own, and a subscriber to the snapshots that viewers
get. The screen adds what the terminal UI takes from a snapshot to the frame that shows it, measured
on a pseudo-terminal in the same run: percentiles are of all sums of the two. Once with an agent and
a collector as they come, once with an agent that flushes at once, ticks of 100 ms and a screen of
ten frames a second. Run with ``python -m bench.end_to_end``.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Final, NamedTuple

import zmq

import llmmon
from bench import spool
from bench.peers import own
from bench.result import show
from bench.tui_app import frames_of_snapshots
from llmmon.protocol.endpoint import parse_address
from llmmon.protocol.snapshot import TOPIC, decode_snapshot

RULE: Final = """
[[rule]]
name = "slow"
value = "latency_p95"
by = ["model"]
window = "1m"
critical = { above = 5000 }
min_requests = 1
cooldown = "1h"
"""
WINDOW_S: Final = 300
EVENTS: Final = 120
GAP_S: Final = 0.25
"""At most, between two events."""
SLOW_EVERY: Final = 3
QUIET_S: Final = 8.0


class Case(NamedTuple):
    """One way to run agent and collector, and what is to be reached, in s; None: no figure."""

    name: str
    tick_s: float
    rate_hz: float
    """Frames a second of the screen."""
    flush: bool
    event_s: float | None
    alert_s: float | None


CASES: Final = (
    Case("1 s ticks, agent as it comes", 1.0, 2.0, False, 1.5, 2.5),
    Case("1 s ticks, agent flushes at once", 1.0, 2.0, True, None, None),
    Case("100 ms ticks, --rate 10, agent flushes at once", 0.1, 10.0, True, 0.25, None),
)


class Seen(NamedTuple):
    """When, on the monotonic clock, snapshots first showed each event and each alert."""

    events_s: list[float]
    alerts_s: dict[str, float]


def agent(address: str, flush: bool) -> None:
    """Record ``EVENTS`` requests at random times, every ``SLOW_EVERY``th too slow; print when."""
    llmmon.init(service="bench", endpoint=address, spool_dir=spool.DIRECTORY)
    for number in range(EVENTS):
        time.sleep(random.uniform(0.0, GAP_S))
        latency_ms = 100.0 if number % SLOW_EVERY else 9000.0
        print(time.monotonic(), flush=True)
        llmmon.record("chat", provider="bench", model=f"model-{number}", latency_ms=latency_ms)
        if flush:
            llmmon.flush(timeout_s=2.0)
    llmmon.shutdown()


def watch(address: str, flush: bool) -> tuple[list[float], Seen]:
    """Run an agent; when it recorded each event, and when snapshots told of it.

    Raises:
        RuntimeError: an event or an alert never came.
    """
    seen = Seen([], {})
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        socket.subscribe(f"{TOPIC}model")
        socket.connect(parse_address(address).snapshots)
        socket.recv_multipart()
        command = [sys.executable, "-m", "bench.end_to_end", address, "flush" if flush else ""]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        slow = len(range(0, EVENTS, SLOW_EVERY))
        until_s = time.monotonic() + EVENTS * GAP_S + QUIET_S
        while len(seen.events_s) < EVENTS or len(seen.alerts_s) < slow:
            if time.monotonic() > until_s:
                process.kill()
                raise RuntimeError(f"{len(seen.events_s)} events, {len(seen.alerts_s)} alerts seen")
            if socket.poll(1000):
                note(socket.recv_multipart()[1], time.monotonic(), seen)
        recorded, _ = process.communicate()
    return [float(line) for line in recorded.split()], seen


def note(payload: bytes, now_s: float, seen: Seen) -> None:
    """Take down what the snapshot in ``payload`` is the first to show."""
    snapshot = decode_snapshot(payload)
    requests = int(snapshot.window(WINDOW_S).total.get("requests") or 0)
    seen.events_s.extend([now_s] * (requests - len(seen.events_s)))
    for alert in snapshot.alerts:
        if alert.rule == "slow" and alert.state == "firing":
            seen.alerts_s.setdefault(alert.labels["model"], now_s)


def percentile(delays_s: Sequence[float], frames_s: Sequence[float], share: float) -> float:
    """Of the sums of every delay and every frame."""
    sums = sorted(delay + frame for delay in delays_s for frame in frames_s)
    return sums[min(len(sums) - 1, int(len(sums) * share))]


def tell(
    name: str, delays_s: Sequence[float], frames_s: Sequence[float], at_most: float | None
) -> None:
    """Print one row."""
    p50_s, p99_s = (percentile(delays_s, frames_s, share) for share in (0.5, 0.99))
    snapshot_s = percentile(delays_s, [0.0], 0.99)
    show(
        name,
        f"p50 {p50_s:.2f} s, p99 {p99_s:.2f} s; p99 to the snapshot {snapshot_s:.2f} s",
        f"{at_most:g} s at p99" if at_most else "",
        value=p99_s,
        at_most=at_most,
    )


def measure(case: Case, frames_s: Sequence[float]) -> None:
    """Run one case and print its rows."""
    config = f'[collector]\ntick = "{case.tick_s:g}s"\n{RULE}'
    with own.collector(own.WHOLE, config) as address:
        recorded_s, seen = watch(address, case.flush)
    # the first event pays for the agent's imports and its connection
    pairs = list(zip(recorded_s, seen.events_s, strict=True))[1:]
    events_s = [seen_s - began_s for began_s, seen_s in pairs]
    alerts_s = [
        seen_s - recorded_s[int(model.removeprefix("model-"))]
        for model, seen_s in seen.alerts_s.items()
        if model != "model-0"
    ]
    tell(f"event recorded to number on the screen, {case.name}", events_s, frames_s, case.event_s)
    tell(f"breach to alert on the screen, {case.name}", alerts_s, frames_s, case.alert_s)


def main() -> None:
    """Measure and print."""
    paces = {(case.tick_s, case.rate_hz) for case in CASES}
    frames_s = {pace: frames_of_snapshots(*pace) for pace in paces}
    for case in CASES:
        measure(case, frames_s[case.tick_s, case.rate_hz])


if __name__ == "__main__":
    if len(sys.argv) > 1:
        agent(sys.argv[1], sys.argv[2] == "flush")
    else:
        main()
