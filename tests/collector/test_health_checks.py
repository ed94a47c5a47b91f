"""Each kind of check against the real thing: servers, files, processes, databases."""

from __future__ import annotations

import asyncio
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import TypeAdapter

from llmmon.errors import ConfigError
from llmmon_collector.clock import SystemClock
from llmmon_collector.health.checks.memory import cgroup_percent
from llmmon_collector.health.checks.registry import probe_for
from llmmon_collector.health.context import AgentBeat, CheckContext
from llmmon_collector.health.model import CheckSpec
from llmmon_collector.health.outcome import Outcome
from llmmon_collector.secret import read_secret

SCRAPE = {"type": "scrape", "url": "http://x/metrics"}
SPECS: TypeAdapter[CheckSpec] = TypeAdapter(CheckSpec)


async def run(table: dict[str, Any], context: CheckContext | None = None) -> Outcome:
    spec = SPECS.validate_python({"name": "x", **table})
    result = probe_for(spec, context or CheckContext(clock=SystemClock()))()
    outcome = await result if asyncio.iscoroutine(result) else result
    assert isinstance(outcome, Outcome)
    return outcome


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_memory_and_disk_are_percentages() -> None:
    for table in ({"type": "memory"}, {"type": "disk", "path": "/"}):
        outcome = await run({**table, "warn_percent": 100, "fail_percent": 100})
        assert outcome.status == "ok"
        assert outcome.value is not None
        assert 0 < outcome.value <= 100
        assert outcome.unit == "%"
    low = await run({"type": "memory", "warn_percent": 1e-6, "fail_percent": 1e-6})
    assert low.status == "failing"
    assert "is above" in low.message


async def test_a_disk_that_is_not_there_raises() -> None:
    with pytest.raises(FileNotFoundError):
        await run({"type": "disk", "path": "/gone/for/good"})


@pytest.mark.parametrize(
    ("limit", "percent"), [("1000", 60.0), ("max", None), ("0", None), ("", None)]
)
def test_control_group_limits(tmp_path: Path, limit: str, percent: float | None) -> None:
    (tmp_path / "memory.max").write_text(limit + "\n")
    (tmp_path / "memory.current").write_text("700\n")
    (tmp_path / "memory.stat").write_text("anon 600\ninactive_file 100\n")
    assert cgroup_percent(tmp_path) == percent
    assert cgroup_percent(tmp_path / "gone") is None


async def test_cpu_is_measured_between_runs() -> None:
    spec = SPECS.validate_python(
        {"name": "x", "type": "cpu", "warn_percent": 100, "fail_percent": 100}
    )
    probe = probe_for(spec, CheckContext(clock=SystemClock()))
    async with asyncio.timeout(20):
        while (outcome := await probe()).status == "unknown":
            sum(range(100_000))
    assert outcome.value is not None
    assert 0 <= outcome.value <= 100


async def test_processes_by_pid_file_and_by_name(tmp_path: Path) -> None:
    pid_file = tmp_path / "service.pid"
    table = {"type": "process", "pid_file": str(pid_file)}
    assert (await run(table)).message == "the pid file: No such file or directory"
    pid_file.write_text(f"{os.getpid()}\n")
    assert (await run(table)).status == "ok"
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        pass
    pid_file.write_text(str(child.pid))
    outcome = await run(table)
    assert (outcome.status, outcome.value) == ("failing", 0.0)
    assert outcome.message == f"process {child.pid} is gone"
    pid_file.write_text("none")
    assert (await run(table)).message == "the pid file holds no process number"

    own = Path("/proc/self/comm").read_text().strip()
    found = await run({"type": "process", "program": own})
    assert found.status == "ok"
    assert found.value is not None
    assert found.value >= 1
    assert (await run({"type": "process", "program": "no-such-program"})).status == "failing"


async def test_tcp_ports() -> None:
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        outcome = await run({"type": "tcp", "host": "127.0.0.1", "port": port})
        assert (outcome.status, outcome.unit) == ("ok", "ms")
        slow = await run({"type": "tcp", "host": "127.0.0.1", "port": port, "warn_ms": 1e-6})
        assert slow.status == "degraded"
    closed = await run({"type": "tcp", "host": "127.0.0.1", "port": free_port()})
    assert closed.status == "failing"
    assert closed.message == "no connection: Connection refused"


class FakeApi:
    """An OpenAI-compatible server whose answers tests choose."""

    def __init__(self) -> None:
        self.status = 200
        self.chunks = [b'data: {"choices":[{"delta":{"content":"p"}}]}\n\n', b"data: [DONE]\n\n"]
        self.models: Any = {"data": [{"id": "small"}, {"id": "large"}]}
        self.authorizations: list[str | None] = []
        self.questions: list[Any] = []

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_get("/moved", self._moved)
        return app

    async def _models(self, request: web.Request) -> web.Response:
        self.authorizations.append(request.headers.get("Authorization"))
        return web.json_response(self.models, status=self.status)

    async def _moved(self, _request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "/v1/models"})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        self.questions.append(await request.json())
        if self.status != 200:
            return web.Response(status=self.status)
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        for chunk in self.chunks:
            await answer.write(chunk)
        return answer


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
async def url(api: FakeApi) -> AsyncIterator[Callable[[str], str]]:
    server = TestServer(api.app())
    await server.start_server()
    yield lambda path: str(server.make_url(path))
    await server.close()


async def test_http_statuses(api: FakeApi, url: Callable[[str], str]) -> None:
    table = {"type": "http", "url": url("/v1/models")}
    outcome = await run(table)
    assert (outcome.status, outcome.message, outcome.unit) == ("ok", "HTTP status 200", "ms")
    assert (await run({**table, "expect": [204]})).message == "HTTP status 200"
    assert (await run({**table, "expect": [204]})).status == "failing"
    assert (await run({**table, "fail_ms": 1e-6})).status == "failing"
    assert (await run({"type": "http", "url": url("/moved")})).message == "HTTP status 302"
    api.status = 503
    assert (await run(table)).status == "failing"
    assert (await run({**table, "expect": [503]})).status == "ok"


async def test_http_without_a_server_tells_no_url() -> None:
    secret_url = f"http://127.0.0.1:{free_port()}/hook?key=hunter2"
    outcome = await run({"type": "http", "url": secret_url})
    assert outcome.status == "failing"
    assert outcome.message == "no connection: Connection refused"
    assert "hunter2" not in outcome.message


async def test_http_with_a_server_that_hangs_up() -> None:
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        outcome = await run({"type": "http", "url": f"http://127.0.0.1:{port}/"})
    assert outcome.status == "failing"
    assert outcome.message.startswith("no answer: ")


async def test_llm_lists_models_and_spends_nothing(api: FakeApi, url: Callable[[str], str]) -> None:
    table = {"type": "llm", "url": url("/v1/"), "api_key": "env:KEY"}
    context = CheckContext(clock=SystemClock(), environ={"KEY": "k1"})
    outcome = await run({**table, "model": "small"}, context)
    assert (outcome.status, outcome.message, outcome.unit) == ("ok", "2 models", "ms")
    assert api.authorizations == ["Bearer k1"]
    assert api.questions == []
    assert (await run({**table, "model": "huge"}, context)).status == "degraded"
    api.models = ["odd"]
    assert (await run(table, context)).message == "the model list is not in OpenAI's form"


@pytest.mark.parametrize(
    ("http_status", "status"),
    [(401, "failing"), (403, "failing"), (429, "degraded"), (500, "failing"), (302, "failing")],
)
@pytest.mark.parametrize("active", [False, True])
async def test_llm_refusals(
    api: FakeApi, url: Callable[[str], str], http_status: int, status: str, active: bool
) -> None:
    api.status = http_status
    table = {"type": "llm", "url": url("/v1"), "model": "small", "active": active}
    outcome = await run(table)
    assert outcome.status == status
    assert f"HTTP status {http_status}" in outcome.message


async def test_an_active_llm_check_times_the_first_token(
    api: FakeApi, url: Callable[[str], str]
) -> None:
    table = {"type": "llm", "url": url("/v1"), "model": "small", "active": True}
    outcome = await run(table)
    assert (outcome.status, outcome.unit) == ("ok", "ms")
    assert outcome.value is not None
    assert outcome.value > 0
    assert api.questions[0]["max_tokens"] == 1
    assert api.questions[0]["stream"] is True
    api.chunks = [b": ping\n\n", b'data: {"choices":[]}\n\n', b"data: half {\n\n"]
    assert (await run(table)).message == "the stream ended without a token"


async def test_llm_without_its_key_says_which_variable() -> None:
    with pytest.raises(ConfigError, match="environment variable KEY is not set"):
        await run({"type": "llm", "url": "http://127.0.0.1:1/v1", "api_key": "env:KEY"})


async def test_sql(tmp_path: Path) -> None:
    file = tmp_path / "app.db"
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE t (n INTEGER)")
    connection.close()
    table = {"type": "sql", "dsn": f"sqlite:///{file}"}
    outcome = await run(table)
    assert (outcome.status, outcome.unit, outcome.message) == ("ok", "ms", "answers")
    assert (await run({**table, "query": "SELECT n FROM t"})).status == "ok"
    broken = await run({**table, "query": "SELECT n FROM nowhere"})
    assert broken.status == "failing"
    assert broken.message == "OperationalError: no such table: nowhere"

    named = tmp_path / "dsn"
    named.write_text(f"sqlite:///{file}\n")
    named.chmod(0o600)
    assert (await run({"type": "sql", "dsn": f"file:{named}"})).status == "ok"


@pytest.mark.parametrize(
    ("dsn", "message"),
    [
        ("not a url", "dsn is not an SQLAlchemy URL: write dialect://host/name"),
        ("nosuch://host/name", "dsn is not an SQLAlchemy URL: write dialect://host/name"),
        ("oracle+cx_oracle://host/name", "the database's driver is missing: cx_Oracle"),
    ],
)
async def test_sql_that_cannot_be_asked(dsn: str, message: str) -> None:
    outcome = await run({"type": "sql", "dsn": dsn})
    assert (outcome.status, outcome.message) == ("failing", message)


async def test_a_database_that_is_down_tells_no_password() -> None:
    dsn = f"postgresql+psycopg://u:hunter2@127.0.0.1:{free_port()}/db?connect_timeout=3"
    context = CheckContext(clock=SystemClock(), environ={"DSN": dsn})
    outcome = await run({"type": "sql", "dsn": "env:DSN"}, context)
    assert outcome.status == "failing"
    assert "refused" in outcome.message
    assert "hunter2" not in outcome.message


@pytest.mark.parametrize(
    ("silences", "status", "message"),
    [
        ([], "ok", "none yet"),
        ([1.0, 5.9], "ok", "2 heard of"),
        ([1.0, 6.1], "failing", "a1 silent for 6 s"),
        ([9.0, 30.0], "failing", "a1 silent for 30 s and 1 more"),
        ([1.0, 3601.0], "ok", "1 heard of"),
    ],
)
async def test_agents(silences: list[float], status: str, message: str) -> None:
    beats = [AgentBeat(f"a{number}", silence, 2.0) for number, silence in enumerate(silences)]
    context = CheckContext(clock=SystemClock(), agents=lambda: beats)
    outcome = await run({"type": "agents"}, context)
    assert (outcome.status, outcome.message) == (status, message)


@pytest.fixture
def own_checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "llmmon_test_checks.py").write_text(
        "def fine(): return True\n"
        "def told(): return False, 'queue\\nfull'\n"
        "def mapped(): return {'status': 'degraded', 'value': 3, 'unit': 'jobs'}\n"
        "async def later(): return {'ok': True}\n"
        "def odd(): return {'status': 'great'}\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    return "llmmon_test_checks"


async def test_python_functions(own_checks: str) -> None:
    async def outcome(name: str) -> Outcome:
        table = {"type": "python", "function": f"{own_checks}:{name}"}
        spec = SPECS.validate_python({"name": "x", **table})
        probe = probe_for(spec, CheckContext(clock=SystemClock()))
        result = await asyncio.to_thread(probe)
        assert isinstance(result, Outcome)
        return result

    assert await outcome("fine") == Outcome("ok")
    assert await outcome("told") == Outcome("failing", message="queue full")
    assert await outcome("mapped") == Outcome("degraded", 3.0, "jobs")
    assert await outcome("later") == Outcome("ok")
    with pytest.raises(TypeError, match="status must be one of ok, degraded"):
        await outcome("odd")
    with pytest.raises(AttributeError):
        await outcome("missing")


def test_secret_files_must_not_be_open_to_all(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(" k1\n")
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="everyone can read this secret: chmod 600 it"):
        read_secret(f"file:{file}", {})
    file.chmod(0o600)
    assert read_secret(f"file:{file}", {}) == "k1"
    file.write_text("\n")
    with pytest.raises(ConfigError, match="the secret file is empty"):
        read_secret(f"file:{file}", {})
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_secret("file:/gone/key", {})


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"type": "process"}, "exactly one of pid_file and program"),
        ({"type": "http", "url": "ftp://x"}, "expected a URL"),
        ({"type": "http", "url": "http://u:p@x/"}, "holds a password"),
        ({"type": "http", "url": "http://x:99999/"}, "Port out of range"),
        ({"type": "http", "url": "http://x:0/"}, "look at its port"),
        ({"type": "llm", "url": "http://x /v1"}, "white space"),
        ({"type": "llm", "url": "http://x", "active": True}, "active needs model"),
        ({"type": "cpu", "warn_percent": 90, "fail_percent": 80}, "warn_percent is above"),
        ({"type": "python", "function": "os.system"}, "match pattern"),
        (SCRAPE | {"warn": {"request_waiting": 1}}, "did you mean requests_waiting"),
        (SCRAPE | {"warn": {"zzz": 1}}, "zzz is not measured: use requests_running, "),
        (SCRAPE | {"warn": {"cache_usage": 2}, "fail": {"cache_usage": 1}}, "warn.cache_usage is"),
        (SCRAPE | {"fail": {"cache_usage": float("nan")}}, "finite"),
        (SCRAPE | {"jitter": 0.6}, "less than or equal to 0.5"),
    ],
)
def test_wrong_tables(table: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SPECS.validate_python({"name": "x", **table})
