"""The FastAPI example as a real service: real HTTP, a fake provider, a real agent."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import zmq
from llmock.chaos import ChaosSettings
from llmock.testing import LLMockServer

from llmmon.protocol.codec import encode_map
from llmmon.protocol.endpoint import parse_address
from llmmon.protocol.event import SERIES_FIELDS, Kind
from llmmon.protocol.wire import (
    Header,
    Message,
    decode_batch,
    decode_message,
    decode_series,
    encode_message,
)

APP = Path(__file__).parents[2] / "examples" / "fastapi_chat"
PATIENCE_S = 30.0


class Ingest:
    """The collector's side of delivery: greets, acknowledges, keeps the requests."""

    def __init__(self, endpoint: str) -> None:
        self.requests: list[dict[str, Any]] = []
        self._arrived = threading.Condition()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.linger = 0
        self._socket.bind(endpoint)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        seq = 0
        while not self._stopping.is_set():
            if not self._socket.poll(20):
                continue
            peer, *frames = self._socket.recv_multipart()
            envelope = decode_message(frames)
            if envelope.message is Message.BATCH:
                seq = envelope.header.seq
                self._take(envelope.payload, envelope.header.events)
            answers = {
                Message.HELLO: Message.WELCOME,
                Message.BATCH: Message.ACK,
                Message.HEARTBEAT: Message.PONG,
                Message.PING: Message.PONG,
            }
            if answer := answers.get(envelope.message):
                header = Header(envelope.header.agent_id, envelope.header.epoch, seq=seq)
                payload = encode_map({"credit": 64, "server_ns": 0, "name": "test"})
                self._socket.send_multipart([peer, *encode_message(answer, header, payload)])

    def _take(self, payload: bytes, events: int) -> None:
        batch = decode_batch(payload, events)
        if Kind.REQUEST not in batch.tables:
            return
        series = [dict(zip(SERIES_FIELDS, decode_series(key), strict=True)) for key in batch.series]
        with self._arrived:
            for row in batch.tables[Kind.REQUEST].rows():
                self.requests.append({**series[row["series"]], **row})
            self._arrived.notify_all()

    def wait_for(self, count: int) -> list[dict[str, Any]]:
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.requests) >= count, PATIENCE_S)
            return list(self.requests)

    def close(self) -> None:
        self._stopping.set()
        self._thread.join()
        self._socket.close()
        self._context.term()


@pytest.fixture
def directory() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="llmmon-"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def ingest(directory: Path) -> Iterator[Ingest]:
    server = Ingest(parse_address(f"ipc://{directory}").ingest)
    yield server
    server.close()


@pytest.fixture
def serve(directory: Path, ingest: Ingest) -> Iterator[Callable[[str], httpx.Client]]:
    """Starts the example against a provider; gives a client of it."""
    started: list[tuple[subprocess.Popen[bytes], httpx.Client]] = []

    def start(base_url: str) -> httpx.Client:
        listening = directory / "http.sock"
        command = [sys.executable, "-m", "uvicorn", "app:app", "--app-dir", str(APP)]
        environ = {
            **os.environ,
            "OPENAI_BASE_URL": base_url,
            "OPENAI_API_KEY": "test",
            "MODEL": "gpt-4o-mini",
            "LLMMON_ENDPOINT": f"ipc://{directory}",
            "LLMMON_CAPTURE_CONTENT": "true",
        }
        service = subprocess.Popen([*command, "--uds", str(listening)], env=environ)
        transport = httpx.HTTPTransport(uds=str(listening))
        client = httpx.Client(transport=transport, base_url="http://example", timeout=PATIENCE_S)
        started.append((service, client))
        deadline_s = time.monotonic() + PATIENCE_S
        while not is_up(listening):
            assert service.poll() is None
            assert time.monotonic() < deadline_s
            time.sleep(0.05)
        return client

    yield start
    for service, client in started:
        client.close()
        service.terminate()
        assert service.wait(PATIENCE_S) in (0, -15)


def is_up(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def test_a_streamed_answer_is_one_whole_request(
    serve: Callable[[str], httpx.Client], ingest: Ingest
) -> None:
    with LLMockServer() as provider:
        client = serve(provider.base_url("openai"))
        answer = client.post("/chat", json={"message": "What is a sketch?", "user_id": "ann"})
    assert answer.status_code == 200
    assert answer.text
    (request,) = ingest.wait_for(1)
    assert (request["service"], request["operation"], request["route"]) == (
        *("fastapi-chat", "chat", "/chat"),
    )
    assert (request["provider"], request["model"]) == ("openai", "gpt-4o-mini")
    assert request["user_id"] == "ann"
    assert request["status_code"] == 200
    assert request["input_tokens"] > 0
    assert request["output_tokens"] > 0
    assert 0 < request["ttft_ms"] <= request["latency_ms"]
    assert request["finish_reason"] == "stop"
    assert request["query"] == "What is a sketch?"
    assert request["response"] == answer.text
    assert request.get("error") is None


def test_a_refusal_of_the_provider_is_recorded_and_passed_on(
    serve: Callable[[str], httpx.Client], ingest: Ingest
) -> None:
    with LLMockServer(chaos=ChaosSettings(error_rate_429=1.0)) as provider:
        client = serve(provider.base_url("openai"))
        answer = client.post("/chat", json={"message": "hello"})
    assert answer.status_code == 502
    (request,) = ingest.wait_for(1)
    assert request["error"] == "HTTPStatusError"
    assert request["status_code"] == 429
    assert request.get("output_tokens") is None
    assert request.get("ttft_ms") is None


def test_a_provider_that_is_away_is_recorded_too(
    serve: Callable[[str], httpx.Client], ingest: Ingest
) -> None:
    with LLMockServer() as provider:
        gone = provider.base_url("openai")
    client = serve(gone)
    assert client.post("/chat", json={"message": "hello"}).status_code == 502
    (request,) = ingest.wait_for(1)
    assert request["error"] == "ConnectError"
    assert request.get("status_code") is None
