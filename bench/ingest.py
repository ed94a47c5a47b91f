"""What taking events in costs the collector: decode, enrich and windows; journalled; by socket.

Figures are events a CPU-second of the whole process, at 256-event frames over 96 series, the
windows advanced once in ``FRAMES_A_SECOND`` frames. Every run ends with a check that all events
are counted. Run with ``python -m bench.ingest [SECONDS_OF_TRAFFIC]``.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import zmq

from bench.result import not_installed, show
from bench.traffic import AGENT, BATCH, START_NS, Traffic
from llmmon.protocol.wire import Batch, Header, Message, decode_message, encode_message
from llmmon_collector.clock import ManualClock
from llmmon_collector.daemon import spared_garbage_collection
from llmmon_collector.day import LocalDay
from llmmon_collector.intake.admission import CREDIT
from llmmon_collector.intake.deadletter import DeadLetters
from llmmon_collector.intake.ledger import Ledger
from llmmon_collector.intake.receiver import GROUP, Receiver
from llmmon_collector.intake.session import Appender, Incoming, Session
from llmmon_collector.journal import Journal
from llmmon_collector.live import LiveMetrics, Open
from llmmon_collector.pricing.book import PriceBook
from llmmon_collector.pricing.catalogue import ListPrices
from llmmon_collector.requests import RequestDecoder
from llmmon_collector.series import SeriesTable
from llmmon_collector.windows import Windows

SERIES: Final = 96
MODELS: Final = 8
FRAMES_A_SECOND: Final = 1024
WINDOWS_S: Final = (60, 300, 3600, 86_400)
PEER_FRAMES: Final = 40
PATIENCE_S: Final = 50.0
DECODED: Final = 3_000_000
JOURNALLED: Final = 1_500_000
"""Events a CPU-second to reach."""


class Memory:
    """An appender that keeps nothing."""

    def append(self, bodies: Sequence[bytes]) -> int:
        """How many bytes a journal would have got."""
        return sum(map(len, bodies))


class Intake:
    """The collector from a message's frames to the windows, on a clock that traffic drives."""

    def __init__(self, journal: Appender, directory: Path, seconds: int) -> None:
        self._clock = ManualClock(START_NS)
        catalogue = ListPrices()
        catalogue.load()
        series = SeriesTable(2000)
        windows = Windows(WINDOWS_S, 60, LocalDay("UTC").start_ns)
        self._live = LiveMetrics(series, windows, RequestDecoder(series, PriceBook((), catalogue)))
        dead = DeadLetters(directory / "dead.seg")
        self.session = Session(Ledger(), journal, dead, self._clock, self._take)
        self._frames = 0
        self._seconds = seconds
        self._marks: list[tuple[float, float]] = []
        self.done = threading.Event()

    def _take(self, batches: list[Batch]) -> None:
        self._live.add(batches, self._clock.wall_ns())
        self._frames += len(batches)
        if self._frames >= FRAMES_A_SECOND * (len(self._marks) + 1):
            self._clock.advance(1.0)
            self._live.advance(self._clock.wall_ns(), Open(0, 0))
            self._marks.append((time.process_time(), time.perf_counter()))
            if len(self._marks) == self._seconds:
                self.done.set()

    def rates(self) -> tuple[float, float]:
        """Events a second of CPU and of wall clock, the first second of traffic left out.

        Raises:
            RuntimeError: an event is missing from the windows.
        """
        counted = self._live.table(3600).requests.sum()
        if counted != self._frames * BATCH or self._live.late_events or self.session.rejected:
            raise RuntimeError(f"{self._frames * BATCH} events came, {counted} are counted")
        (cpu_s, wall_s), (cpu_end_s, wall_end_s) = self._marks[0], self._marks[-1]
        events = (len(self._marks) - 1) * FRAMES_A_SECOND * BATCH
        return events / (cpu_end_s - cpu_s), events / (wall_end_s - wall_s)


def make_messages(seconds: int) -> list[list[bytes]]:
    """The frames of ``seconds`` of traffic."""
    traffic = Traffic(SERIES, MODELS)
    return [traffic.frames(i // FRAMES_A_SECOND, i + 1) for i in range(seconds * FRAMES_A_SECOND)]


def in_process(messages: Sequence[Sequence[bytes]], intake: Intake) -> None:
    """Work through ``messages`` in groups, as the receiver would hand them over."""
    for first in range(0, len(messages), GROUP):
        group = [Incoming(b"peer", frames) for frames in messages[first : first + GROUP]]
        answers = intake.session.work(group)
        if decode_message(answers[-1].frames).header.seq != first + len(group):
            raise RuntimeError("a batch was not acknowledged")


def send_all(endpoint: str, seconds: int) -> None:
    """An agent's side of delivery, in a process of its own: as much as credit allows."""
    messages = make_messages(seconds)
    with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.linger = 0
        dealer.connect(endpoint)
        dealer.send_multipart(encode_message(Message.HELLO, Header(AGENT, 1), b""))
        dealer.recv_multipart()
        sent = acknowledged = 0
        while acknowledged < len(messages):
            while sent < min(len(messages), acknowledged + CREDIT):
                dealer.send_multipart(messages[sent], copy=False)
                sent += 1
            acknowledged = decode_message(dealer.recv_multipart()).header.seq


def by_socket(directory: Path, seconds: int) -> Intake:
    """A receiver with a real journal, fed by another process."""
    endpoint = f"ipc://{directory}/ingest"
    journal = Journal(directory / "socket")
    intake = Intake(journal, directory, seconds)
    failures: list[BaseException] = []
    with zmq.Context() as context:
        receiver = Receiver(context, endpoint, intake.session, failures.append)
        receiver.start()
        sender = multiprocessing.get_context("spawn").Process(
            target=send_all, args=(endpoint, seconds), daemon=True
        )
        sender.start()
        intake.done.wait(PATIENCE_S)
        sender.join(PATIENCE_S)
        receiver.stop()
    journal.close()
    if failures or sender.exitcode:
        raise RuntimeError(f"intake: {failures}, sender: exit status {sender.exitcode}")
    return intake


def otlp_rate(messages: Sequence[Sequence[bytes]]) -> float:
    """Events a CPU-second that the protobuf library alone can read of the same requests.

    Raises:
        ImportError: it is not installed.
    """
    from bench.otlp import read_spans, spans_of

    exports = [spans_of(decode_message(frames).payload, BATCH) for frames in messages]
    started_s = time.process_time()
    for export in exports:
        read_spans(export)
    return len(exports) * BATCH / (time.process_time() - started_s)


def main() -> None:
    """Measure and print."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    messages = make_messages(seconds)
    try:
        otlp = otlp_rate(messages[:PEER_FRAMES])
    except ImportError:
        not_installed("OTLP", "opentelemetry-proto")
        otlp = 0.0

    def tell(name: str, least: int, intake: Intake) -> None:
        cpu, wall = intake.rates()
        measured = f"{cpu:,.0f} events a CPU-second ({wall:,.0f} a second)"
        ratio = f"{cpu / otlp:.0f}" if otlp else ""
        peer = f"reading the same as OTLP/protobuf spans: {otlp:,.0f}" if otlp else ""
        figure = f"{least:,} events a CPU-second"
        show(f"ingest, {name}", measured, figure, ratio, peer, value=cpu, at_least=least)

    with spared_garbage_collection(), tempfile.TemporaryDirectory(prefix="llmmon-") as name:
        directory = Path(name)
        intake = Intake(Memory(), directory, seconds)
        in_process(messages, intake)
        tell("decode + enrich + windows", DECODED, intake)
        journal = Journal(directory / "journal")
        intake = Intake(journal, directory, seconds)
        in_process(messages, intake)
        journal.close()
        tell("the same, journalled with fdatasync and acknowledged", JOURNALLED, intake)
        tell("the same, through a socket", JOURNALLED, by_socket(directory, seconds))


if __name__ == "__main__":
    main()
