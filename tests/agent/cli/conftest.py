"""A collector's three sockets with canned answers, for the client tools to talk to."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, Protocol

import pytest
import zmq
from click.testing import CliRunner, Result

from llmmon.cli.commands import llmmon as group
from llmmon.errors import ControlError
from llmmon.protocol.codec import encode_map, pack
from llmmon.protocol.control import decode_request, encode_error, encode_result
from llmmon.protocol.endpoint import Address, parse_address
from llmmon.protocol.event import SERIES_FIELDS, Kind
from llmmon.protocol.snapshot import (
    VERSION,
    AlertView,
    HealthView,
    IngestView,
    Snapshot,
    WindowView,
    encode_snapshot,
)
from llmmon.protocol.wire import (
    Batch,
    Header,
    Message,
    decode_batch,
    decode_message,
    decode_series,
    encode_message,
)

AT_NS = 1_700_000_000_000_000_000
Method = Callable[[dict[str, Any]], Any]


def an_alert(severity: str = "warning", state: str = "firing") -> AlertView:
    return AlertView(
        id="high_latency/model=m1",
        rule="high_latency",
        severity=severity,
        state=state,
        labels={"model": "m1"},
        metric="latency_p95",
        value=6100.0,
        threshold=5000.0,
        comparison="above",
        window_s=300,
        since_ns=AT_NS - 60 * 10**9,
        fired_ns=AT_NS - 60 * 10**9,
        resolved_ns=None,
        peak=7000.0,
        summary="m1: p95 6100 ms\x1b[2J",
        runbook="",
    )


def a_check(status: str = "ok") -> HealthView:
    return HealthView("llm_api", "http", status, AT_NS, AT_NS, 12.0, None, "", "answered")


def a_snapshot(
    alerts: tuple[AlertView, ...] = (), health: tuple[HealthView, ...] = (), problems: int = 0
) -> Snapshot:
    total = {"requests": 12, "request_rate": 0.5, "latency_p95": 1200.0, "error_rate": 0.25}
    return Snapshot(
        version=VERSION,
        seq=7,
        at_ns=AT_NS,
        name="test",
        note="",
        started_ns=AT_NS - 10**12,
        by="model",
        windows=(WindowView(60, {}, {}, (), ()), WindowView(300, total, {}, (), (0, 0, 0, 0, 0))),
        alerts=alerts,
        health=health,
        ingest=IngestView(1, 12, 0.5, 0, {}, 0, 0, 0, 1, 2000, 0, (), None),
        limits=(),
        problems=("disk full",) * problems,
    )


_ANSWERS = {
    Message.HELLO: Message.WELCOME,
    Message.BATCH: Message.ACK,
    Message.HEARTBEAT: Message.PONG,
    Message.PING: Message.PONG,
}


def named_requests(batch: Batch) -> list[dict[str, Any]]:
    """The requests of ``batch``, each with its dimensions by name."""
    if Kind.REQUEST not in batch.tables:
        return []
    series = [dict(zip(SERIES_FIELDS, decode_series(key), strict=True)) for key in batch.series]
    return [{**series[row["series"]], **row} for row in batch.tables[Kind.REQUEST].rows()]


class FakeCollector:
    """Takes what agents send, answers control requests from ``methods``, publishes on demand."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.snapshot = a_snapshot()
        self.methods: dict[str, Method] = {
            "snapshot": lambda _params: encode_snapshot(self.snapshot),
            "metrics": _metrics,
            "status": lambda _params: _status(address),
            "query": _query,
            "acknowledge": lambda _params: {},
            "silence": lambda _params: {"id": "s1"},
        }
        self.feed: list[list[bytes]] = []
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.requests: list[dict[str, Any]] = []
        self._committed = 0
        self.acknowledging = True
        self._ingest = self._bind(zmq.ROUTER, address.ingest)
        self._control = self._bind(zmq.ROUTER, address.control)
        self._snapshots = self._bind(zmq.XPUB, address.snapshots)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _bind(self, kind: int, endpoint: str) -> zmq.Socket[bytes]:
        socket = self._context.socket(kind)
        socket.linger = 0
        socket.bind(endpoint)
        return socket

    def publish(self, topic: str, value: Any) -> None:
        """Send ``value`` to whoever subscribes to ``topic``, as soon as somebody has."""
        self.feed.append([topic.encode(), pack(value)])

    def _run(self) -> None:
        poller = zmq.Poller()
        poller.register(self._control, zmq.POLLIN)
        poller.register(self._ingest, zmq.POLLIN)
        poller.register(self._snapshots, zmq.POLLIN)
        while not self._stopping.is_set():
            ready = dict(poller.poll(20))
            if self._control in ready:
                self._answer()
            if self._ingest in ready:
                self._take()
            if self._snapshots in ready and self._snapshots.recv()[:1] == b"\x01":
                for message in self.feed:
                    self._snapshots.send_multipart(message)

    def _answer(self) -> None:
        peer, payload = self._control.recv_multipart()
        request = decode_request(payload)
        self.asked.append((request.method, request.params))
        try:
            reply = encode_result(request.id, self.methods[request.method](request.params))
        except ControlError as error:
            reply = encode_error(request.id, error.code, error.reason)
        self._control.send_multipart([peer, reply])

    def _take(self) -> None:
        peer, *frames = self._ingest.recv_multipart()
        message, header, payload = decode_message(frames)
        answer = _ANSWERS.get(message)
        if answer is None or not (self.acknowledging or message is Message.HELLO):
            return
        if message is Message.BATCH:
            self._committed = header.seq
            batch = decode_batch(payload, header.events)
            self.requests += named_requests(batch)
        reply = Header(header.agent_id, header.epoch, seq=self._committed)
        credit = encode_map({"credit": 64, "server_ns": 0, "name": "test"})
        self._ingest.send_multipart([peer, *encode_message(answer, reply, credit)])

    def close(self) -> None:
        self._stopping.set()
        self._thread.join()
        self._control.close()
        self._ingest.close()
        self._snapshots.close()
        self._context.term()


def _metrics(params: dict[str, Any]) -> dict[str, Any]:
    row = {"requests": 12, "latency_p95": 1200.0, "error_rate": float("nan")}
    return {
        "at_ns": AT_NS,
        "window_s": params["window_s"],
        "total": row,
        "series": [{**dict.fromkeys(params["by"], "x"), **row}],
    }


def _status(address: Address) -> dict[str, Any]:
    ingest = {
        "agents": 1,
        "events_stored": 12,
        "events_per_second": 0.5,
        "duplicates_dropped": 3,
        "events_lost": {"queue_full": 2},
        "events_in_flight": 1,
        "rejected_batches": 0,
        "late_events": 0,
    }
    return {
        "name": "test",
        "version": "1",
        "uptime_s": 3700.0,
        "address": address.text,
        "state_dir": "/s",
        "ingest": ingest,
        "rejected": {"bad_crc": 4},
        "ledger": {
            "emitted": 38,
            "stored": 30,
            "lost": {"queue_full": 2, "shutdown": 5},
            "in_flight": 1,
            "balanced": True,
            "forgotten": {"stored": 10, "lost": {"shutdown": 5}},
            "throttled": 7,
            "turned_away": 0,
        },
        "agents": [
            {
                "service": "bot",
                "host": "h\x1b[1m",
                "pid": 7,
                "state": "live",
                "emitted": 15,
                "stored": 12,
                "lost": {"queue_full": 2},
                "in_flight": 1,
                "last_offset": 14,
                "last_seq": 3,
                "throttled": 7,
                "heard_s_ago": 2.278741837,
                "missed": False,
                "open_requests": 0,
                "version": "1",
                "agent_id": "0a" * 16,
                "epoch": 9,
            },
            {
                "service": "job",
                "host": "h",
                "pid": 8,
                "state": "ended",
                "emitted": 8,
                "stored": 8,
                "lost": {},
                "in_flight": 0,
                "last_offset": 8,
                "last_seq": 1,
                "throttled": 0,
                "heard_s_ago": 4000.0,
                "missed": False,
                "open_requests": None,
                "version": "1",
                "agent_id": "0b" * 16,
                "epoch": 10,
            },
        ],
        "agents_left_out": 0,
        "store": {},
        "rules": {},
        "config": {},
    }


def _query(params: dict[str, Any]) -> dict[str, Any]:
    if "nonsense" in params["sql"]:
        raise ControlError("bad_request", "Parser Error: nonsense")
    rows = [["m1\x1b[31m", 2, None], ["m2", 40, 0.5]]
    return {"columns": ["model", "n", "cost"], "rows": rows, "truncated": False}


@pytest.fixture
def address() -> Iterator[Address]:
    directory = tempfile.mkdtemp(prefix="llmmon-")
    yield parse_address(f"ipc://{directory}")
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def collector(address: Address) -> Iterator[FakeCollector]:
    fake = FakeCollector(address)
    yield fake
    fake.close()


class Run(Protocol):
    def __call__(self, *arguments: str) -> Result: ...


@pytest.fixture
def run(address: Address) -> Run:
    """Runs ``llmmon COMMAND ... --connect ADDRESS`` in this process."""

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(group, [*arguments, "--connect", address.text])

    return invoke


@pytest.fixture
def make() -> SimpleNamespace:
    """Builds snapshots and their parts."""
    return SimpleNamespace(snapshot=a_snapshot, alert=an_alert, check=a_check)
