"""Health checks of a running collector against real servers that are killed, and come back."""

from __future__ import annotations

import json
import socket
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from urllib.error import HTTPError

import pytest
from support.collector import CollectorProcess, eventually
from support.servers_checked import CheckedServer, files_over_http, llm_api, postgres, redis

WITHIN_S = 45.0
ALERT_S = 120.0
CHECKS = {"database", "cache", "web", "engine", "model"}
HUNG = {"no answer within 1 s", "the run before has still not ended"}

EVERY = """
interval = "1s"
timeout = "1s"
failures = 2
successes = 2
grace = "0s"
"""

CONFIG = """
[collector]
http = "127.0.0.1:0"

[[check]]
name = "database"
type = "sql"
dsn = "postgresql+psycopg://llmmon@127.0.0.1:{database}/postgres"
critical = true
{every}
[[check]]
name = "cache"
type = "tcp"
host = "localhost"
port = {cache}
send = "PING\\r\\n"
expect = "+PONG"
{every}
[[check]]
name = "web"
type = "http"
url = "http://localhost:{web}/metrics"
{every}
[[check]]
name = "engine"
type = "scrape"
url = "http://127.0.0.1:{web}/metrics"
warn = {{ requests_waiting = 10 }}
{every}
[[check]]
name = "model"
type = "llm"
url = "http://127.0.0.1:{model}/v1"
model = "gpt-4o"
active = true
{every}
"""

METRICS = """\
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{{engine="0",model_name="m"}} 3.0
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{{engine="0",model_name="m"}} {waiting}
"""


class Rig:
    """Servers, a collector that checks them, and what it says."""

    def __init__(self, servers: dict[str, CheckedServer], collector: CollectorProcess) -> None:
        self.servers = servers
        self.collector = collector
        self.tell_waiting(2)
        ports = {name: server.port for name, server in servers.items()}
        collector.config.write_text(CONFIG.format(every=EVERY, **ports))
        collector.start(http=None)
        self._base = (
            "http://" + json.loads(collector.client("status", "--json"))["collector"]["http"]
        )

    def tell_waiting(self, requests: int) -> None:
        """How many wait at the inference server."""
        (self.servers["web"].folder / "metrics").write_text(METRICS.format(waiting=requests))

    def health(self) -> dict[str, Any]:
        """The health document."""
        try:
            with urllib.request.urlopen(f"{self._base}/healthz", timeout=10) as answer:
                body = answer.read()
        except HTTPError as error:
            body = error.read()
        document: dict[str, Any] = json.loads(body)
        return document

    def check(self, name: str) -> dict[str, Any]:
        """The first result of one check."""
        checks = self.health()["checks"]
        found: dict[str, Any] = next(
            results[0] for key, results in checks.items() if key.partition(":")[0] == name
        )
        return found

    def becomes(self, name: str, status: str) -> dict[str, Any]:
        """Wait for it."""
        eventually(
            lambda: self.check(name)["status"] == status,
            WITHIN_S,
            f"{name} is not {status}: {self.check(name)}",
        )
        return self.check(name)


@pytest.fixture
def rig(unstarted: Callable[..., CollectorProcess]) -> Iterator[Rig]:
    with ExitStack() as stack:
        servers = {
            "database": stack.enter_context(postgres()),
            "cache": stack.enter_context(redis()),
            "web": stack.enter_context(files_over_http()),
            "model": stack.enter_context(llm_api()),
        }
        rig = Rig(servers, unstarted())
        for name in CHECKS:
            rig.becomes(name, "pass")
        yield rig


def test_servers_are_killed_and_come_back(rig: Rig) -> None:
    down = {"database": {"database"}, "cache": {"cache"}, "web": {"web", "engine"}}
    for server, names in {**down, "model": {"model"}}.items():
        rig.servers[server].kill()
        for name in names:
            told = rig.becomes(name, "fail")
            assert "refused" in told["output"], told
        for name in CHECKS - names:
            rig.becomes(name, "pass")
        assert rig.health()["status"] == ("fail" if server == "database" else "warn")
        rig.servers[server].start()
        for name in names:
            rig.becomes(name, "pass")


def test_servers_that_hang_are_told_and_hold_up_no_other_check(rig: Rig) -> None:
    for name in ("database", "cache"):
        rig.servers[name].hang()
    for name in ("database", "cache"):
        assert rig.becomes(name, "fail")["output"] in HUNG
    rig.tell_waiting(12)
    assert rig.becomes("engine", "warn")["output"] == "12 requests_waiting is above 10"
    rig.becomes("model", "pass")
    for name in ("database", "cache"):
        rig.servers[name].go_on()
        rig.becomes(name, "pass")


def test_results_are_measurements(rig: Rig) -> None:
    checks = rig.health()["checks"]
    assert checks["engine:requests_running"][0]["observedValue"] == 3
    assert checks["engine:requests_waiting"][0]["observedUnit"] == "requests"
    assert checks["model:ttft_ms"][0]["observedValue"] > 0
    assert checks["database:responseTime"][0]["componentType"] == "datastore"
    eventually(
        lambda: rig.collector.snapshot()["health"]["cache"]["status"] == "ok", WITHIN_S, "not shown"
    )
    shown = rig.collector.snapshot()["health"]
    assert shown["cache"]["message"] == "answers as expected"
    assert {one["name"] for one in shown["engine"]["measurements"]} >= {"requests_running"}


GATE = """
[[check]]
name = "gate"
type = "tcp"
host = "127.0.0.1"
port = {port}
{every}
[[rule]]
name = "slow_disk"
value = 'check("collector", "sync_ms")'
warning = {{ above = 0 }}
"""


def test_a_failing_check_is_an_alert_of_its_own_and_resolves(
    unstarted: Callable[..., CollectorProcess],
) -> None:
    with socket.socket() as gate:
        gate.bind(("127.0.0.1", 0))
        collector = unstarted(GATE.format(port=gate.getsockname()[1], every=EVERY))
        collector.start()

        def alerts() -> dict[tuple[str, str], str]:
            """States by rule and check."""
            found = collector.snapshot()["alerts"]
            return {(one["rule"], one["labels"].get("check", "")): one["state"] for one in found}

        def becomes(key: tuple[str, str], state: str) -> None:
            eventually(lambda: alerts().get(key) == state, ALERT_S, f"{key} is not {state}")

        becomes(("check_failing", "gate"), "firing")
        becomes(("slow_disk", ""), "firing")
        labels = {"check": "gate", "type": "tcp"}
        (told,) = (one for one in collector.snapshot()["alerts"] if one["labels"] == labels)
        assert told["severity"] == "warning"
        assert told["summary"] == "health check gate (tcp) is failing"
        gate.listen()
        becomes(("check_failing", "gate"), "resolved")
