"""The HTTP server over real sockets: probes, health document, metrics, binding."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from llmmon.errors import ConfigError
from llmmon.protocol.names import METRICS
from llmmon.protocol.snapshot import (
    Group,
    HealthView,
    IngestView,
    Measurement,
    Snapshot,
    WindowView,
)
from llmmon_collector import __version__
from llmmon_collector.clock import ManualClock
from llmmon_collector.httpd.bind import is_loopback, parse_bind
from llmmon_collector.httpd.health import Service, health_document
from llmmon_collector.httpd.metrics import MAX_GROUPS, render
from llmmon_collector.httpd.names import EXPORTED
from llmmon_collector.httpd.probes import Asked, health_text, one_text, probe_text
from llmmon_collector.httpd.server import HttpServer, HttpState

parse_openmetrics: Any = openmetrics.text_string_to_metric_families
START_NS = 1_700_000_000_000_000_000
DISK = HealthView(
    "disk", "disk", "ok", 1, START_NS, 500.0, 41.5, "%", "9.0 GiB free", critical=True
)
API = HealthView("api", "llm", "failing", 1, None, None, None, "", "HTTP status 500", flapping=True)
SERVICE = Service("1.2.3", "c")
WAITING = (Measurement("requests_waiting", 12.0, "requests"),)
ENGINE = HealthView(
    "engine", "scrape", "degraded", 1, START_NS, 9.0, 9.0, "ms", "12 waiting", measurements=WAITING
)


def make_window(window_s: int, groups: tuple[Group, ...] = ()) -> WindowView:
    total = {"requests": 10, "latency_p95": 1500.0, "input_tokens": 700, "ttft_p50": None}
    return WindowView(window_s, total, {}, groups, (0,) * 5)


def make_snapshot(**changes: Any) -> Snapshot:
    group = Group(
        {"provider": "openai", "model": 'gpt"4o\n', "operation": "chat"},
        {"requests": 4, "latency_p95": 250.0, "cost_usd": 0.25, "error_rate": 0.5},
    )
    ingest = IngestView(2, 1000, 9.5, 3, {"queue_full": 7}, 12, 1, 4, 5, 2000, 0, (), None)
    snapshot = Snapshot(
        version=1,
        seq=1,
        at_ns=START_NS,
        name="c",
        note="",
        started_ns=START_NS,
        by="model",
        windows=(make_window(60, (group,)), make_window(300, (group,))),
        alerts=(),
        health=(DISK, API, ENGINE),
        ingest=ingest,
        limits=(),
        problems=("the disk is full",),
    )
    return dataclasses.replace(snapshot, **changes)


class World:
    """What the server is told, to be changed by tests."""

    def __init__(self) -> None:
        self.tick_age_s = 0.1
        self.ready = {"journal": "", "keys": ""}
        self.health: tuple[HealthView, ...] = (DISK, API, ENGINE)
        self.snapshot: Snapshot | None = make_snapshot()
        self.clock = ManualClock(START_NS)

    def state(self) -> HttpState:
        return HttpState(
            tick_age_s=lambda: self.tick_age_s,
            ready=lambda: self.ready,
            health=lambda: self.health,
            name=lambda: "c",
            snapshot=lambda: self.snapshot,
        )


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def server(world: World) -> AsyncIterator[HttpServer]:
    server = HttpServer("127.0.0.1:0", world.state(), world.clock)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def client(server: HttpServer) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.address.port}") as session:
        yield session


async def test_alive_while_the_main_loop_ticks(world: World, client: aiohttp.ClientSession) -> None:
    async with client.get("/livez") as answer:
        assert (answer.status, await answer.text()) == (200, "ok\n")
    world.tick_age_s = 5.1
    async with client.get("/livez") as answer:
        assert answer.status == 503
        assert "has not ticked for 5.1 s" in await answer.text()


FULL = "the journal cannot be written: No space left on device"


async def test_ready_unless_there_are_problems(world: World, client: aiohttp.ClientSession) -> None:
    async with client.get("/readyz") as answer:
        assert (answer.status, await answer.text()) == (200, "ok\n")
        assert answer.headers["Cache-Control"] == "no-store"
    world.ready["journal"] = FULL
    async with client.get("/readyz") as answer:
        assert answer.status == 503
        assert (
            await answer.text() == f"[-]journal failed: {FULL}\n[+]keys ok\nreadyz check failed\n"
        )


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/livez?verbose", 200, "[+]loop ok\nlivez check passed\n"),
        ("/livez/loop", 200, "ok\n"),
        ("/livez/journal", 404, "no such check: loop\n"),
        ("/readyz/keys", 200, "ok\n"),
        ("/readyz/journal", 503, FULL + "\n"),
        ("/readyz?exclude=journal", 200, "ok\n"),
        (
            "/readyz?verbose&exclude=journal&exclude=etcd%0A",
            200,
            (
                "[+]journal excluded: ok\n[+]keys ok\n"
                'warn: some checks cannot be excluded: no matches for "etcd"\n'
                "readyz check passed\n"
            ),
        ),
    ],
)
async def test_probes_as_kubernetes_asks_them(
    world: World, client: aiohttp.ClientSession, path: str, status: int, text: str
) -> None:
    world.ready["journal"] = FULL
    async with client.get(path) as answer:
        assert (answer.status, await answer.text()) == (status, text)


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/readyz/keys", "/healthz", "/metrics"])
async def test_head_is_get_without_the_body(
    world: World, client: aiohttp.ClientSession, path: str
) -> None:
    world.health = (DISK,)
    async with client.get(path) as full, client.head(path) as head:
        assert (head.status, await head.read()) == (full.status, b"")
        for name in ("Content-Length", "Content-Type", "Cache-Control"):
            assert head.headers[name] == full.headers[name]
    async with client.post(path) as answer:
        assert answer.status == 405


def test_reasons_are_for_readers_on_this_machine() -> None:
    far = Asked(verbose=True, near=False)
    text, status = probe_text("readyz", {"journal": FULL}, far)
    assert (text, status) == ("[-]journal failed: reason withheld\nreadyz check failed", 503)
    assert one_text(FULL, far) == ("failed: reason withheld", 503)
    assert health_text("failing", (API,), far) == "healthz check failed"


@pytest.mark.parametrize(
    ("statuses", "word", "status"),
    [
        (("ok", "ok"), "pass", 200),
        (("ok", "degraded"), "warn", 200),
        (("unknown", "ok"), "warn", 200),
        (("ok", "failing"), "warn", 200),
        (("failing", "ok"), "fail", 503),
    ],
)
async def test_the_worst_critical_check_counts(
    world: World,
    client: aiohttp.ClientSession,
    statuses: tuple[str, str],
    word: str,
    status: int,
) -> None:
    vital, other = statuses
    world.health = dataclasses.replace(DISK, status=vital), dataclasses.replace(API, status=other)
    async with client.get("/healthz") as answer:
        assert answer.status == status
        assert answer.content_type == "application/health+json"
        assert answer.headers["Cache-Control"] == "private, max-age=1"
        document = await answer.json(content_type=None)
    assert document["status"] == word
    async with client.get("/healthz?exclude=disk&exclude=api") as answer:
        document = await answer.json(content_type=None)
        assert (answer.status, document["status"], document["checks"]) == (200, "pass", {})


async def test_the_health_document(client: aiohttp.ClientSession) -> None:
    async with client.get("/healthz") as answer:
        document = await answer.json(content_type=None)
    time = "2023-11-14T22:13:20+00:00"
    engine = {"componentType": "component", "status": "warn", "time": time, "output": "12 waiting"}
    assert document == {
        "status": "warn",
        "version": __version__.partition(".")[0],
        "releaseId": __version__,
        "serviceId": "c",
        "description": "llmmon collector",
        "notes": ["api is flapping"],
        "output": "api failing: HTTP status 500; engine degraded: 12 waiting",
        "checks": {
            "disk:utilization": [
                {
                    "componentType": "system",
                    "status": "pass",
                    "observedValue": 41.5,
                    "observedUnit": "%",
                    "time": time,
                    "critical": True,
                }
            ],
            "api": [
                {
                    "componentType": "component",
                    "status": "fail",
                    "output": "HTTP status 500",
                    "flapping": True,
                }
            ],
            "engine:responseTime": [engine | {"observedValue": 9.0, "observedUnit": "ms"}],
            "engine:requests_waiting": [
                engine | {"observedValue": 12.0, "observedUnit": "requests"}
            ],
        },
    }


def test_a_failing_critical_check_affects_the_whole() -> None:
    failing = dataclasses.replace(DISK, status="failing")
    document, status = health_document(SERVICE, "failing", (failing,), details=True)
    assert status == 503
    assert document["checks"]["disk:utilization"][0]["affectedEndpoints"] == ["/healthz"]


async def test_health_as_text(world: World, client: aiohttp.ClientSession) -> None:
    world.health = (
        *world.health,
        dataclasses.replace(DISK, name="db", status="failing", slow=True),
    )
    async with client.get("/healthz?verbose&exclude=engine") as answer:
        assert answer.status == 503
        assert await answer.text() == (
            "[+]disk ok (critical): 9.0 GiB free\n"
            "[-]api failing (flapping): HTTP status 500\n"
            "[+]engine excluded: ok\n"
            "[-]db failing (critical, slow): 9.0 GiB free\n"
            "healthz check failed\n"
        )


def test_readers_elsewhere_get_no_details() -> None:
    document, _ = health_document(SERVICE, "failing", (API,), details=False)
    assert document == {"status": "fail", "description": "llmmon collector"}


@pytest.mark.parametrize("header", ["forwarded", "X-Forwarded-For", "X-Real-IP", "Via"])
async def test_readers_behind_a_proxy_are_elsewhere(
    client: aiohttp.ClientSession, header: str
) -> None:
    async with client.get("/healthz", headers={header: "203.0.113.9"}) as answer:
        document = await answer.json(content_type=None)
    assert document == {"status": "warn", "description": "llmmon collector"}


def test_a_measurement_may_be_called_as_the_value_is() -> None:
    measured = (Measurement("utilization", 7.0, ""),)
    view = dataclasses.replace(DISK, measurements=measured)
    document, _ = health_document(SERVICE, "ok", (view,), details=True)
    results = document["checks"]["disk:utilization"]
    assert [result["observedValue"] for result in results] == [41.5, 7.0]


async def test_metrics_as_text_and_as_openmetrics(client: aiohttp.ClientSession) -> None:
    async with client.get("/metrics") as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        plain = {family.name: family for family in parse_text(await answer.text())}
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    async with client.get("/metrics", headers=accept) as answer:
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
        text = await answer.text()
    families = {family.name: family for family in parse_openmetrics(text)}
    assert text.endswith("# EOF\n")
    assert set(families) == {name.removesuffix("_total") for name in plain}

    duration = families["gen_ai_client_operation_duration_seconds"].samples
    assert {tuple(sorted(sample.labels.items())): sample.value for sample in duration} == {
        (("quantile", "0.95"), ("scope", "total"), ("window", "1m")): 1.5,
        (("quantile", "0.95"), ("scope", "total"), ("window", "5m")): 1.5,
        (
            ("gen_ai_operation_name", "chat"),
            ("gen_ai_provider_name", "openai"),
            ("gen_ai_request_model", 'gpt"4o\n'),
            ("quantile", "0.95"),
            ("scope", "group"),
            ("window", "1m"),
        ): 0.25,
    }
    (lost,) = families["llmmon_events_lost"].samples
    assert (lost.name, lost.labels, lost.value) == (
        "llmmon_events_lost_total",
        {"reason": "queue_full"},
        7.0,
    )


def samples_of(text: str, name: str) -> dict[tuple[str, ...], float]:
    """By the values of the labels, in the order of their names."""
    families = {family.name: family for family in parse_openmetrics(text)}
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for sample in families[name].samples
    }


def test_checks_are_metrics() -> None:
    body, _ = render(make_snapshot(), "application/openmetrics-text; version=1.0.0")
    text = body.decode()
    status = samples_of(text, "llmmon_check_status")
    assert [labels for labels, value in status.items() if value] == [
        ("disk", "ok", "disk"),
        ("api", "failing", "llm"),
        ("engine", "degraded", "scrape"),
    ]
    assert len(status) == 12
    assert "# TYPE llmmon_check_status stateset" in text
    assert samples_of(text, "llmmon_check_critical")["disk", "disk"] == 1.0
    assert samples_of(text, "llmmon_check_flapping")["api", "llm"] == 1.0
    assert samples_of(text, "llmmon_check_slow")["api", "llm"] == 0.0
    assert samples_of(text, "llmmon_check_duration_seconds") == {
        ("disk", "disk"): 0.5,
        ("engine", "scrape"): 0.009,
    }
    assert samples_of(text, "llmmon_check_value") == {
        ("disk", "disk", "%"): 41.5,
        ("engine", "scrape", "ms"): 9.0,
    }
    assert samples_of(text, "llmmon_check_measurement") == {
        ("engine", "requests_waiting", "scrape", "requests"): 12.0
    }
    at = samples_of(text, "llmmon_check_last_run_timestamp_seconds")
    assert at["disk", "disk"] == START_NS / 1e9


def test_no_value_is_no_sample() -> None:
    body, _ = render(make_snapshot(), "")
    assert b"time_to_first_chunk" not in body
    assert b"llmmon_fold_lag_seconds" not in body
    assert b"nan" not in body.lower().replace(b"nanos", b"")


def test_groups_and_labels_are_capped() -> None:
    groups = tuple(
        Group({"model": f"{number:04d}" + "x" * 500}, {"requests": number})
        for number in range(MAX_GROUPS + 50)
    )
    body, _ = render(make_snapshot(windows=(make_window(60, groups),)), "")
    families = {family.name: family for family in parse_text(body.decode())}
    models = [
        sample.labels["gen_ai_request_model"]
        for sample in families["llmmon_requests"].samples
        if sample.labels["scope"] == "group"
    ]
    assert len(models) == MAX_GROUPS
    assert max(map(len, models)) == 128
    assert min(models)[:4] == "0050"
    assert families["llmmon_groups_omitted"].samples[0].value == 50


async def test_metrics_are_rendered_once_a_second(
    world: World, client: aiohttp.ClientSession
) -> None:
    async def seen() -> str:
        async with client.get("/metrics") as answer:
            return await answer.text()

    first = await seen()
    world.snapshot = make_snapshot(problems=())
    assert await seen() == first
    world.clock.advance(1.1)
    assert await seen() != first


async def test_no_snapshot_yet(world: World, client: aiohttp.ClientSession) -> None:
    world.snapshot = None
    async with client.get("/metrics") as answer:
        assert answer.status == 503


async def test_a_taken_port_is_explained(world: World, server: HttpServer) -> None:
    second = HttpServer(f"127.0.0.1:{server.address.port}", world.state(), world.clock)
    with pytest.raises(ConfigError, match=r"collector\.http: cannot listen on 127\.0\.0\.1:"):
        await second.start()
    await second.stop()


async def test_it_starts_again_after_it_stopped(world: World) -> None:
    server = HttpServer("127.0.0.1:0", world.state(), world.clock)
    for _ in range(2):
        await server.start()
        await server.stop()
    assert server.address.port == 0


@pytest.mark.parametrize("text", ["0.0.0.0:80", "10.0.0.1:80", "[::]:80", "example.org:80"])
def test_beyond_loopback_must_be_allowed(text: str) -> None:
    with pytest.raises(ConfigError, match="http_allow_remote = true"):
        parse_bind(text)
    bind = parse_bind(text, allow_remote=True)
    assert (bind.port, str(bind)) == (80, text)


@pytest.mark.parametrize("text", ["", "9460", "localhost", "localhost:http", "127.0.0.1:70000"])
def test_odd_binds_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected HOST:PORT"):
        parse_bind(text)


@pytest.mark.parametrize(
    ("host", "near"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::ffff:10.0.0.1", False),
        ("localhost.example.org", False),
    ],
)
def test_loopback(host: str, near: bool) -> None:
    assert is_loopback(host) is near


def test_every_metric_has_an_outward_name() -> None:
    assert set(EXPORTED) == set(METRICS)
    outward = [(exported.name, exported.labels) for exported in EXPORTED.values()]
    assert len(set(outward)) == len(outward)
