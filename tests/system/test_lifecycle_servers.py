"""The servers that services run under, stopped as in production: nothing is left behind."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from support.lifecycle import Lifecycles
from support.servers import ASGI, GUNICORN, UVICORN, WSGI, Server, run_celery


@pytest.fixture(scope="module")
def lives() -> Iterator[Lifecycles]:
    with Lifecycles() as stage:
        yield stage


@pytest.fixture
def servers(lives: Lifecycles) -> Iterator[list[Server]]:
    started: list[Server] = []
    yield started
    for server in started:
        server.close()


@pytest.mark.parametrize(
    ("number", "status", "more", "by_lifespan"),
    [
        (signal.SIGTERM, -signal.SIGTERM, {"WITHOUT_LIFESPAN": "1"}, 0),
        (signal.SIGTERM, -signal.SIGTERM, {"WITHOUT_INIT": "1"}, 20),
        (signal.SIGINT, 0, {}, 20),
    ],
    ids=["sigterm-no-lifespan", "sigterm-no-init", "sigint"],
)
def test_uvicorn(
    lives: Lifecycles,
    servers: list[Server],
    number: int,
    status: int,
    more: dict[str, str],
    by_lifespan: int,
) -> None:
    server = Server(lives, ASGI, UVICORN, **more)
    servers.append(server)
    server.serve(workers=1)
    assert server.stop(number) == status, server.output()
    events = server.recorded() + by_lifespan
    assert lives.stored(server.service) == (events, events)
    assert server.output() == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_uvicorn_with_workers(lives: Lifecycles, servers: list[Server], number: int) -> None:
    server = Server(lives, ASGI, [*UVICORN, "--workers", "2"], WITHOUT_LIFESPAN="1")
    servers.append(server)
    server.serve(workers=2)
    assert server.stop(number) == 0, server.output()
    assert lives.stored(server.service) == (server.recorded(), server.recorded())


@pytest.mark.parametrize(
    "options",
    [[], ["--preload"], ["-k", "gthread", "--threads", "4"], ["-k", "gevent"]],
    ids=["sync", "sync-preload", "gthread", "gevent"],
)
def test_gunicorn(lives: Lifecycles, servers: list[Server], options: list[str]) -> None:
    server = Server(lives, WSGI, [*GUNICORN, *options])
    servers.append(server)
    server.serve(workers=2)
    assert server.stop(signal.SIGTERM) == 0, server.output()
    assert lives.stored(server.service) == (server.recorded(), server.recorded())


def test_gunicorn_reloaded(lives: Lifecycles, servers: list[Server]) -> None:
    server = Server(lives, WSGI, [*GUNICORN, "-k", "gthread", "--threads", "4", "--preload"])
    servers.append(server)
    server.serve(workers=2)
    server.process.send_signal(signal.SIGHUP)
    server.serve(workers=2)
    assert server.stop(signal.SIGTERM) == 0, server.output()
    assert len(server.served) >= 4
    assert lives.stored(server.service) == (server.recorded(), server.recorded())


def test_celery(lives: Lifecycles) -> None:
    worked = run_celery(lives)
    assert worked.tasks == 20, worked.output
    assert lives.stored(worked.service) == (worked.recorded, worked.recorded), worked.output
