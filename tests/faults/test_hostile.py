"""Hostile messages: nothing crashes, everything is counted, polite agents are unharmed."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.bystanders import (
    Children,
    Memory,
    PoliteAgents,
    Probe,
    ingest_of,
    pid_of,
    restart_with,
)
from support.collector import CollectorProcess, eventually
from support.report import Report

FLOODERS = 4
FRAMES = 1_000_000
"""Messages, four frames each on average."""
GROWTH_MB = 150
"""Of which the polite load alone takes some 30."""
WARM_EVENTS = 20_000
"""Polite load before memory is looked at: the store has filled its buffers."""
FUZZ_S = 20

CARELESS = """
from llmmon.protocol.wire import decode_message
from llmmon_collector.intake.session import Session
Session._open = lambda self, message, work: decode_message(message.frames)
from llmmon_collector.main import main
main()
"""


@pytest.mark.timeout(900)
def test_a_million_hostile_messages(
    collector: CollectorProcess, children: Children, report: Report
) -> None:
    polite = PoliteAgents(children, collector.address)
    probe = Probe(collector.address)
    eventually(
        lambda: ingest_of(collector)["events_stored"] > WARM_EVENTS, 60, "no load before the flood"
    )
    memory = Memory(pid_of(collector))
    began = time.monotonic()
    share = str(FRAMES // FLOODERS)
    flooders = [
        children.start("-m", "support.flood", collector.address, str(seed), share)
        for seed in range(FLOODERS)
    ]
    for flooder in flooders:
        assert flooder.stdout is not None
        assert flooder.stdout.readline().strip() == share
    eventually(
        lambda: ingest_of(collector)["rejected_batches"] >= FRAMES,
        60,
        f"not all are counted: {ingest_of(collector)}",
    )
    took_s = time.monotonic() - began
    p99_ms, growth_mb = probe.percentile_ms(0.99), memory.growth_mb()
    events = polite.check(collector)
    assert ingest_of(collector)["rejected_batches"] == FRAMES
    assert growth_mb < GROWTH_MB
    dead = collector.directory / "state" / "dead-letters.seg"
    assert dead.stat().st_size <= 16 << 20
    report(
        "1,000,000 hostile messages from 4 raw peers",
        f"{FRAMES} sent, {FRAMES} counted in {took_s:.0f} s, memory +{growth_mb:.0f} MB; "
        f"polite: {events} of {events} events exact, ack p99 {p99_ms:.0f} ms",
    )


@pytest.mark.timeout(120)
def test_control_a_careless_decoder_dies_of_it(
    collector: CollectorProcess, children: Children
) -> None:
    process = restart_with(collector, CARELESS)
    children.start("-m", "support.flood", collector.address, "1", "1000")
    eventually(lambda: process.poll() is not None, 60, "it has survived")


@pytest.mark.timeout(120)
def test_a_coverage_guided_fuzzer_breaks_no_decoder(tmp_path: Path, report: Report) -> None:
    assert importlib.util.find_spec("atheris"), "pip install atheris: it has wheels for CPython"
    fuzzer = Path(__file__).with_name("fuzz_decoder.py")
    done = subprocess.run(
        [sys.executable, fuzzer, f"-max_total_time={FUZZ_S}", f"-artifact_prefix={tmp_path}/"],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    runs = re.search(r"number_of_executed_units: (\d+)", done.stderr)
    assert runs is not None
    assert int(runs[1]) > FUZZ_S * 1000
    report(f"atheris on all decoders for {FUZZ_S} s", f"{runs[1]} inputs, nothing uncaught")
