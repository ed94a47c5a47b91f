"""Ten minutes at half of what this machine can take: memory flat, counters equal to the event.

Real agents record as fast as acknowledgements come, for ``FULL_S``; then they record half of that.
Run with ``python -m bench.soak [SECONDS]``; ends with an error where a count differs.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import psutil

from bench import spool
from bench.peers.own import WHOLE, serve
from bench.result import show
from llmmon.cli.client import ControlClient
from llmmon.protocol.endpoint import parse_address

SERVICES: Final = 4
FULL_S: Final = 20.0
SOAK_S: Final = 600.0
STEP_S: Final = 0.02
MIB: Final = 1 << 20
FLAT_MIB_A_MINUTE: Final = 2.0
_BACKLOG: Final = 4000


def service(address: str, name: str, seconds: float, rate: float) -> None:
    """Record for ``seconds``, ``rate`` events a second or as many as are acknowledged; print all.

    Runs in a process of its own.
    """
    import llmmon

    llmmon.init(service=name, environment="bench", endpoint=address, spool_dir=spool.DIRECTORY)
    record = llmmon.recorder("chat", provider="openai", model="gpt-4o-mini", route="/soak")
    # what the sender's thread imports at the first record is no part of the soak
    tokens = sent = 1
    record(6.0, 1, 7, user_id="user-1")
    llmmon.flush(timeout_s=30)
    began_s = time.monotonic()
    while (spent_s := time.monotonic() - began_s) < seconds:
        due = int(rate * spent_s) - sent if rate else _BACKLOG
        for _ in range(min(due, _BACKLOG)):
            sent += 1
            tokens += sent & 1023
            record(5.0 + (sent & 511), sent & 1023, 7, user_id=f"user-{sent & 4095}")
        if not rate or due >= _BACKLOG:
            llmmon.flush(timeout_s=30)
        time.sleep(STEP_S if rate else 0)
    llmmon.flush(timeout_s=60)
    stats = llmmon.stats()
    done = {"emitted": stats.emitted, "acknowledged": stats.acknowledged, "tokens": tokens}
    print(json.dumps({**done, "lost": dict(stats.lost)}))


def start(address: str, phase: str, seconds: float, rate: float) -> list[psutil.Popen]:
    """The services of one phase, each recording its share of ``rate`` events a second."""
    command = [sys.executable, "-m", "bench.soak", "service", address]
    share = [str(seconds), str(rate / SERVICES)]
    return [
        psutil.Popen([*command, f"{phase}-{i}", *share], stdout=subprocess.PIPE, text=True)
        for i in range(SERVICES)
    ]


def finish(services: list[psutil.Popen]) -> list[dict[str, Any]]:
    """What the services counted.

    Raises:
        RuntimeError: one of them failed, lost events, or has some that nobody acknowledged.
    """
    counts = []
    for process in services:
        out, _ = process.communicate(timeout=120)
        if process.returncode:
            raise RuntimeError(f"a service ended with {process.returncode}")
        counts.append(json.loads(out))
        if counts[-1]["lost"] or counts[-1]["emitted"] != counts[-1]["acknowledged"]:
            raise RuntimeError(f"a service counts {counts[-1]}")
    return counts


def watch(collector: psutil.Process, services: list[psutil.Popen]) -> list[list[float]]:
    """Resident MiB once a second while the services run: the collector's, then all services'."""
    samples: list[list[float]] = []
    while all(process.poll() is None for process in services):
        resident = [process.memory_info().rss / MIB for process in (collector, *services)]
        samples.append([resident[0], sum(resident[1:])])
        time.sleep(1.0)
    return samples[:-1]


def slope_a_minute(samples: list[float]) -> float:
    """MiB a minute by least squares over the second half, when all buffers have filled."""
    half = samples[len(samples) // 2 :]
    return statistics.linear_regression(range(len(half)), half).slope * 60


def compare(client: ControlClient, counts: list[dict[str, Any]]) -> int:
    """Events that agents emitted, the ledger knows and the store holds, one number.

    Raises:
        RuntimeError: they differ, by an event or a token.
    """
    sql = "SELECT count(*), sum(input_tokens) FROM requests"
    while client.call("status")["unfolded_bytes"]:
        time.sleep(0.5)
    stored, tokens = map(int, client.call("query", {"sql": sql})["rows"][0])
    ledger = sum(agent["stored"] for agent in client.call("status")["agents"])
    emitted: int = sum(count["emitted"] for count in counts)
    if (stored, ledger) != (emitted, emitted) or tokens != sum(c["tokens"] for c in counts):
        raise RuntimeError(f"emitted {emitted}, in the ledger {ledger}, stored {stored}")
    return emitted


def main() -> None:
    """Measure and print."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SOAK_S
    with (
        tempfile.TemporaryDirectory(prefix="llmmon-") as directory,
        serve(WHOLE, Path(directory)) as server,
        ControlClient(parse_address(server.address), timeout_s=30.0) as client,
    ):
        counts = finish(start(server.address, "full", FULL_S, 0))
        rate = sum(count["emitted"] for count in counts) / FULL_S / 2
        services = start(server.address, "half", seconds, rate)
        samples = watch(server.process, services)
        counts += finish(services)
        emitted = compare(client, counts)
    show("soak, maximum of four agents and the collector", f"{2 * rate:,.0f} events a second")
    for i, name in enumerate(("collector", "agents")):
        column = [sample[i] for sample in samples]
        slope = slope_a_minute(column)
        show(
            f"soak, {seconds:.0f} s at {rate:,.0f} events a second, memory of the {name}",
            f"{column[-1]:.0f} MiB at the end, slope {slope:+.2f} MiB a minute",
            "flat",
            value=slope,
            at_most=FLAT_MIB_A_MINUTE,
        )
    show("soak, emitted = in the ledger = stored", f"{emitted:,} events, exact", "no drift")


if __name__ == "__main__":
    if sys.argv[1:2] == ["service"]:
        service(sys.argv[2], sys.argv[3], float(sys.argv[4]), float(sys.argv[5]))
    else:
        main()
