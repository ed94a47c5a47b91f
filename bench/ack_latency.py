"""How long an agent waits for an acknowledgement while a collector folds and compacts.

``python -m bench.ack_latency [SECONDS [RATE]]``: a real collector, fed by another process with
``RATE`` requests a second (200,000) in batches of 256 that end as they are sent. Printed are the
time from sending a batch to the acknowledgement that covers it, and the collector's memory, CPU
and fold lag meanwhile. Two minutes on, compaction joins in.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import psutil
import zmq

from bench.result import show
from bench.shifting import Shiftable
from bench.traffic import AGENT, BATCH, Traffic
from llmmon.cli.client import ControlClient
from llmmon.errors import ControlError, UnreachableError
from llmmon.protocol.endpoint import Address, parse_address
from llmmon.protocol.wire import Header, Message, decode_message, encode_message

SECONDS: Final = 150
RATE: Final = 200_000
SERIES: Final = 100
MODELS: Final = 12
CREDIT: Final = 64
KEPT: Final = 0.98
"""Share of the rate at which the sender must have come for the figure to be told from it."""
BEHIND_S: Final = 5.0
"""Folding that does not keep up falls behind without end."""
_PAYLOADS: Final = 64
_STEP_S: Final = 0.01
_PATIENCE_S: Final = 60.0
_CONFIG: Final = "[collector]\nagent_events_per_s = 1e9\n"
"""The sender catches up after a pause and sends nothing twice: it must not be throttled."""


class Sample(NamedTuple):
    """The collector at one moment."""

    rss_mb: float
    unfolded_mb: float
    answer_ms: float


def send(endpoint: str, seconds: float, rate: int, report: Path) -> None:
    """An agent at a steady rate; writes its times to acknowledgement in ms, and what it sent."""
    traffic = Traffic(SERIES, MODELS)
    payloads = [Shiftable(traffic.payload(0)) for _ in range(_PAYLOADS)]
    sent_s: list[float] = []
    waits_ms: list[float] = []
    with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.linger = 0
        dealer.connect(endpoint)
        dealer.send_multipart(encode_message(Message.HELLO, Header(AGENT, 1), b""))
        dealer.recv_multipart()
        began_s = time.monotonic()
        while (now_s := time.monotonic() - began_s) < seconds:
            due = min(int(now_s * rate / BATCH), len(waits_ms) + CREDIT)
            while len(sent_s) < due:
                seq = len(sent_s) + 1
                payload = payloads[seq % _PAYLOADS].ending(time.time_ns(), 0)
                header = Header(AGENT, 1, seq, len(waits_ms) + 1, (seq - 1) * BATCH, BATCH)
                sent_s.append(time.monotonic())
                dealer.send_multipart(encode_message(Message.BATCH, header, payload), copy=False)
            _acknowledged(dealer, sent_s, waits_ms)
        while len(waits_ms) < len(sent_s):
            _acknowledged(dealer, sent_s, waits_ms)
    rate_kept = len(sent_s) * BATCH / (time.monotonic() - began_s)
    batch_bytes = sum(len(one.ending(time.time_ns(), 0)) for one in payloads) / _PAYLOADS
    told = {"rate": rate_kept, "waits_ms": waits_ms, "batch_mb": batch_bytes / 2**20}
    report.write_text(json.dumps(told))


def _acknowledged(
    dealer: zmq.Socket[bytes], sent_s: Sequence[float], waits_ms: list[float]
) -> None:
    if not dealer.poll(int(_STEP_S * 1000)):
        return
    while dealer.poll(0):
        done = decode_message(dealer.recv_multipart()).header.seq
        now_s = time.monotonic()
        waits_ms += [(now_s - sent_s[i]) * 1e3 for i in range(len(waits_ms), done)]


def watch(
    process: psutil.Process, address: Address, sender: subprocess.Popen[bytes]
) -> list[Sample]:
    """The collector once a second until ``sender`` has ended."""
    samples: list[Sample] = []
    with ControlClient(address, _PATIENCE_S) as control:
        while sender.poll() is None:
            asked_s = time.monotonic()
            status = control.call("status")
            answer_ms = (time.monotonic() - asked_s) * 1e3
            rss_mb = process.memory_info().rss / 2**20
            samples.append(Sample(rss_mb, status["unfolded_bytes"] / 2**20, answer_ms))
            try:
                sender.wait(timeout=1.0)
            except subprocess.TimeoutExpired:
                continue
    return samples


def wait_for(address: Address) -> None:
    """Return when a collector answers at ``address``.

    Raises:
        TimeoutError: none does.
    """
    until_s = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until_s:
        with ControlClient(address, 0.25) as control:
            try:
                control.call("status")
            except (UnreachableError, ControlError):
                continue
            return
    raise TimeoutError("the collector does not answer")


def run(directory: Path, seconds: float, rate: int) -> None:
    """One collector, one sender; print."""
    address = parse_address(f"ipc://{directory}/run")
    config = directory / "llmmon.toml"
    config.write_text(_CONFIG)
    command = [sys.executable, "-m", "llmmon_collector", "--config", str(config)]
    command += ["--listen", address.text, "--http", ""]
    with (directory / "log").open("ab") as log:
        collector = subprocess.Popen(
            [*command, "--state", str(directory / "state")], stdout=log, stderr=log
        )
    try:
        wait_for(address)
        process = psutil.Process(collector.pid)
        report = directory / "sent.json"
        arguments = ["--send", address.ingest, str(seconds), str(rate), str(report)]
        sender = subprocess.Popen([sys.executable, "-m", "bench.ack_latency", *arguments])
        began_cpu_s = sum(process.cpu_times()[:2])
        samples = watch(process, address, sender)
        cpu_s = sum(process.cpu_times()[:2]) - began_cpu_s
        tell(json.loads(report.read_text()), samples, cpu_s / seconds)
    finally:
        collector.terminate()
        collector.wait(timeout=_PATIENCE_S)


def tell(sent: dict[str, Any], samples: Sequence[Sample], cores: float) -> None:
    """Print the figures."""
    waits_ms = np.array(sent["waits_ms"])
    p50, p99, most = (float(np.quantile(waits_ms, q)) for q in (0.5, 0.99, 1.0))
    at = f"at {sent['rate']:,.0f} events/s"
    show(
        f"time to acknowledgement, p50 / p99 / max, {at}", f"{p50:.1f} / {p99:.1f} / {most:.0f} ms"
    )
    half = samples[len(samples) // 2 :]
    rss_mb = [sample.rss_mb for sample in samples]
    show(
        f"memory of the collector, {at}",
        f"{max(rss_mb):.0f} MiB at most, {np.median([s.rss_mb for s in half]):.0f} MiB over the "
        f"second half, {rss_mb[-1]:.0f} MiB at the end",
        "512 MiB",
        value=max(rss_mb),
        at_most=512,
    )
    mb_a_second = sent["batch_mb"] * sent["rate"] / BATCH
    lags_s = [sample.unfolded_mb / mb_a_second for sample in half]
    lag_s = float(np.median(lags_s))
    show(
        f"folding keeps up, {at}",
        f"{lag_s:.1f} s of events not folded yet over the second half, {max(lags_s):.1f} s at most",
        f"{RATE:,} events/s, no more than {BEHIND_S:g} s behind",
        value=lag_s if sent["rate"] >= KEPT * RATE else None,
        at_most=BEHIND_S,
    )
    show(f"cores used by the collector, {at}", f"{cores:.2f}")
    answers_ms = [sample.answer_ms for sample in samples]
    show(f"longest wait for a control answer, {at}", f"{max(answers_ms):.0f} ms")


def main() -> None:
    """Measure, or be the sender."""
    if "--send" in sys.argv:
        endpoint, duration, wanted, report = sys.argv[2:]
        send(endpoint, float(duration), int(wanted), Path(report))
        return
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    rate = int(sys.argv[2]) if len(sys.argv) > 2 else RATE
    directory = Path(tempfile.mkdtemp(prefix="llmmon-ack-"))
    os.environ["LLMMON_CONFIG"] = ""
    try:
        run(directory, seconds, rate)
    finally:
        shutil.rmtree(directory)


if __name__ == "__main__":
    main()
