"""Servers and names that hang, dribble, flood or lie hold up nobody and fill up nothing."""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
import subprocess
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from llmmon.protocol.snapshot import HealthView
from llmmon_collector.clock import SystemClock
from llmmon_collector.health.context import CheckContext
from llmmon_collector.health.model import CheckSpec
from llmmon_collector.health.runner import HealthRunner
from llmmon_collector.outbound.resolve import Address, Resolver

SPECS: TypeAdapter[CheckSpec] = TypeAdapter(CheckSpec)
QUICK: dict[str, Any] = {"timeout": 0.3, "interval": 30.0, "failures": 1, "grace": 0.0}
"""For what hangs."""
PATIENT = QUICK | {"timeout": 20.0}
"""For what must come to an end by itself."""
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def checks_of(port: int, scheme: str = "http", bounds: dict[str, Any] = PATIENT) -> list[CheckSpec]:
    """Every kind of check that speaks HTTP, at one port."""
    base = f"{scheme}://127.0.0.1:{port}"
    tables: list[dict[str, Any]] = [
        {"type": "http", "url": f"{base}/"},
        {"type": "scrape", "url": f"{base}/metrics"},
        {"type": "llm", "url": f"{base}/v1"},
        {"type": "llm", "url": f"{base}/v1", "model": "m", "active": True},
    ]
    names = ("http", "scrape", "models", "token")
    return [
        SPECS.validate_python({**table, **bounds, "name": name})
        for name, table in zip(names, tables, strict=True)
    ]


async def run(*specs: CheckSpec, runner: HealthRunner | None = None) -> dict[str, HealthView]:
    runner = runner or HealthRunner(specs, CheckContext(clock=SystemClock()), random.Random(1))
    await runner.run_once()
    return {view.name: view for view in runner.views()}


class Server:
    """Answers every connection as it is told; all must have been hung up in the end."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self._ended: list[asyncio.Event] = []

    async def __aenter__(self) -> int:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def __aexit__(self, *_error: object) -> None:
        async with asyncio.timeout(20):
            for ended in self._ended:
                await ended.wait()
        self._server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ended = asyncio.Event()
        self._ended.append(ended)
        try:
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            ended.set()
            writer.close()


async def until_hung_up(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    while await reader.read(65536):
        pass


async def dribble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    hung_up = asyncio.create_task(until_hung_up(reader, writer))
    writer.write(HEAD + b"X-Slow: ")
    while not hung_up.done():
        writer.write(b"x")
        await asyncio.wait({hung_up}, timeout=0.01)


async def flood(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"\r\n")
    while True:
        writer.write(b"vllm:num_requests_waiting 1\n" * 2000)
        await writer.drain()


async def flood_headers(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD)
    while True:
        writer.write(b"X-Many: " + b"x" * 4000 + b"\r\n")
        await writer.drain()


async def test_a_server_that_says_nothing_is_given_up_and_hung_up() -> None:
    async with Server(until_hung_up) as port:
        views = await run(*checks_of(port, bounds=QUICK))
    assert {view.message for view in views.values()} == {"no answer within 0.3 s"}


async def test_a_slow_loris_is_given_up_and_hung_up() -> None:
    async with Server(dribble) as port:
        views = await run(*checks_of(port, bounds=QUICK))
    assert {view.status for view in views.values()} == {"failing"}


async def test_endless_answers_are_cut_off() -> None:
    async with Server(flood) as port:
        views = await run(*checks_of(port))
    assert views["http"].status == "ok"
    assert views["scrape"].message == "the answer is longer than 8388608 bytes"
    assert views["models"].message == "the model list is not in OpenAI's form"
    assert views["token"].message == "the answer is neither a stream nor a completion"


async def test_endless_headers_are_cut_off() -> None:
    async with Server(flood_headers) as port:
        views = await run(*checks_of(port))
    assert {view.status for view in views.values()} == {"failing"}


@pytest.mark.parametrize(
    "answer",
    [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", b"\x00" * 9],
)
async def test_answers_that_are_no_http_or_break_off(answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    async with Server(serve) as port:
        views = await run(*checks_of(port))
    trouble = {views[name].message for name in ("scrape", "models")}
    assert trouble <= {
        "no answer: ServerDisconnectedError",
        "no answer: ClientResponseError",
        "no answer: ClientOSError",
        "the answer broke off",
    }


async def test_redis_like_answers() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        writer.write(b"+PONG\r\n" if line == b"PING\r\n" else b"-ERR \x1b[31munknown\r\n")
        await reader.read()

    async with Server(serve) as port:
        table = {"type": "tcp", "host": "127.0.0.1", "port": port, **QUICK, "send": "PING\r\n"}
        good = {**table, **PATIENT, "name": "good", "expect": "+PONG"}
        odd = {**table, "name": "odd", "expect": "+PONG", "send": "PONG\r\n"}
        mute = {**table, "name": "mute", "expect": "+PONG", "send": ""}
        views = await run(*map(SPECS.validate_python, (good, odd, mute)))
    assert (views["good"].status, views["good"].message) == ("ok", "answers as expected")
    assert views["odd"].message == "it said '-ERR [31munknown'"
    assert views["mute"].message == "no answer within 0.3 s"


@pytest.mark.parametrize(
    ("answer", "message"),
    [(b"-ERR \x1b[31mno\r\n", "it said '-ERR [31mno'"), (b"", "it said nothing")],
)
async def test_an_unexpected_answer_is_told(answer: bytes, message: str) -> None:
    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    async with Server(serve) as port:
        table = {"type": "tcp", "host": "127.0.0.1", "port": port, **PATIENT, "expect": "+PONG"}
        views = await run(SPECS.validate_python({**table, "name": "x"}))
    assert views["x"].message == message


async def test_an_endless_banner_is_read_only_so_far() -> None:
    async with Server(flood) as port:
        table = {"type": "tcp", "host": "127.0.0.1", "port": port, **PATIENT, "expect": "+PONG"}
        views = await run(SPECS.validate_python({**table, "name": "x"}))
    assert views["x"].message.startswith("it said 'HTTP/1.1 200 OK")


class TwoAddresses(Resolver):
    """A name with an address where packets vanish, and one where a server is."""

    def __init__(self, *ports: int) -> None:
        super().__init__()
        self._ports = ports

    async def resolve(self, _host: str, _port: int) -> list[Address]:
        """See :class:`Resolver`."""
        return [Address(socket.AF_INET, "127.0.0.1", port) for port in self._ports]


async def test_an_address_where_packets_vanish_leaves_time_for_the_next() -> None:
    async with Server(until_hung_up) as port:
        with socket.socket() as full, socket.socket() as waiting:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            waiting.connect(full.getsockname())  # who comes now is not answered
            resolver = TwoAddresses(full.getsockname()[1], port)
            context = CheckContext(clock=SystemClock(), resolver=resolver)
            table = {"name": "x", "type": "tcp", "host": "two", "port": 1, **QUICK, "timeout": 4.0}
            runner = HealthRunner([SPECS.validate_python(table)], context, random.Random(1))
            views = await run(runner=runner)
    assert (views["x"].status, views["x"].message) == ("ok", "accepts connections")


@pytest.fixture
def dead_name_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Look-ups of ``*.example`` hang; which were made."""
    asked: list[str] = []
    released = threading.Event()
    look_up = socket.getaddrinfo

    def hang(host: Any, *rest: Any, **keys: Any) -> Any:
        if not str(host).endswith(".example"):
            return look_up(host, *rest, **keys)
        asked.append(host)
        released.wait(60)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    yield asked
    released.set()


async def test_names_that_hang_hold_up_nobody(dead_name_server: list[str]) -> None:
    tables: list[dict[str, Any]] = [
        {"type": "http", "url": "http://gone.example/", "name": f"http{n}"} for n in range(12)
    ]
    tables += [
        {"type": "tcp", "host": f"db{n}.example", "port": 5432, "name": f"tcp{n}"}
        for n in range(12)
    ]
    specs = [SPECS.validate_python({**QUICK, **table}) for table in tables]
    runner = HealthRunner(specs, CheckContext(clock=SystemClock()), random.Random(1))
    for _ in range(3):
        views = await run(runner=runner)
        assert {view.message for view in views.values()} == {"no answer within 0.3 s"}
        assert await asyncio.to_thread(lambda: "free") == "free"
    assert len(dead_name_server) == 13, "a look-up a name, not a check and run"


async def test_a_name_that_leads_nowhere_is_told() -> None:
    table = {"type": "tcp", "host": "nowhere.invalid", "port": 1, **PATIENT}
    views = await run(SPECS.validate_python({**table, "name": "x"}))
    assert views["x"].message.startswith("no connection: ")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate that nobody has signed."""
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=localhost", "-keyout", str(file), "-out", f"{file}.crt"]
    subprocess.run([*command, *names], check=True, capture_output=True)
    file.write_text(file.read_text() + Path(f"{file}.crt").read_text())
    return file


@pytest.fixture
async def tls_port(certificate: Path) -> AsyncIterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = await asyncio.start_server(
        lambda _reader, writer: writer.close(), "127.0.0.1", 0, ssl=context
    )
    async with server:
        yield int(server.sockets[0].getsockname()[1])


async def test_certificates_that_cannot_be_trusted(tls_port: int) -> None:
    views = await run(*checks_of(tls_port, "https"))
    assert {view.message for view in views.values()} == {"TLS: self-signed certificate"}


async def test_tls_asked_of_a_server_without() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with Server(serve) as port:
        views = await run(*checks_of(port, "https"))
    assert all(view.message.startswith("TLS: ") for view in views.values()), views
