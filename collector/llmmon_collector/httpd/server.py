"""Answers probes and scrapes from what the collector knows already; runs nothing on request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import orjson
from aiohttp import web

from llmmon.errors import ConfigError
from llmmon.protocol.snapshot import HealthView, Snapshot
from llmmon_collector import __version__
from llmmon_collector.clock import Clock
from llmmon_collector.health.views import overall_status
from llmmon_collector.httpd.bind import Bind, is_loopback, parse_bind
from llmmon_collector.httpd.health import CONTENT_TYPE, Service, health_document
from llmmon_collector.httpd.metrics import render
from llmmon_collector.httpd.probes import Asked, health_text, one_text, probe_text
from llmmon_collector.scrub import one_line

ALIVE_WITHIN_S: Final = 5.0
"""A collector whose main loop has not ticked for longer is not alive."""
_METRICS_CACHE_S: Final = 1.0
_MAX_CACHED: Final = 8
_STOP_WITHIN_S: Final = 2.0
_FORWARDED: Final = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")
_NO_STORE: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_HEALTH_CACHE: Final = {"Cache-Control": "private, max-age=1"}
"""Results are seconds old anyway; private, for details depend on who asks."""


@dataclass(frozen=True, slots=True)
class HttpState:
    """What the server asks of the collector, each cheap and without side effects."""

    tick_age_s: Callable[[], float]
    """Seconds since the main loop last made progress."""
    ready: Callable[[], Mapping[str, str]]
    """By name, what it takes to take events: why it does not work now, empty when it does."""
    health: Callable[[], tuple[HealthView, ...]]
    name: Callable[[], str]
    """Of this collector."""
    snapshot: Callable[[], Snapshot | None]
    """The newest snapshot, grouped by what ``/metrics`` should be labelled with."""


class HttpServer:
    """``/livez``, ``/readyz`` and their checks, ``/healthz`` and ``/metrics``; HEAD as GET."""

    def __init__(
        self, bind: str, state: HttpState, clock: Clock, allow_remote: bool = False
    ) -> None:
        """Raises:
        ConfigError: ``bind`` is not HOST:PORT, or beyond loopback without ``allow_remote``.
        """
        self._bind = parse_bind(bind, allow_remote)
        self._state = state
        self._probes = {"livez": self._live, "readyz": state.ready}
        self._clock = clock
        self._runner: web.AppRunner | None = None
        self._rendered: dict[str, tuple[int, bytes, str]] = {}
        self._rendering = asyncio.Lock()

    @property
    def address(self) -> Bind:
        """Where it listens; the port that was found once it is started with port 0."""
        if self._runner is not None and self._runner.addresses:
            return Bind(self._bind.host, int(self._runner.addresses[0][1]))
        return self._bind

    async def start(self) -> None:
        """Listen.

        Raises:
            ConfigError: the address cannot be taken.
        """
        app = web.Application()
        for probe in self._probes:
            app.router.add_get(f"/{probe}", self._probe)
            app.router.add_get(f"/{probe}/{{check}}", self._probe)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(
            app, handle_signals=False, access_log=None, shutdown_timeout=_STOP_WITHIN_S
        )
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._bind.host, self._bind.port).start()
        except OSError as error:
            await self.stop()
            reason = error.strerror or str(error)
            raise ConfigError(
                f"cannot listen on {self._bind.host}:{self._bind.port}: {reason}; "
                'choose another port, or "" for no HTTP',
                key="collector.http",
            ) from None

    async def stop(self) -> None:
        """Stop listening and end the connections. Harmless when not started."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    def _live(self) -> Mapping[str, str]:
        age_s = self._state.tick_age_s()
        late = "" if age_s < ALIVE_WITHIN_S else f"the main loop has not ticked for {age_s:.1f} s"
        return {"loop": late}

    async def _probe(self, request: web.Request) -> web.Response:
        probe = request.path.split("/")[1]
        problems, asked = self._probes[probe](), _asked(request)
        check = request.match_info.get("check")
        if check is None:
            return _text(*probe_text(probe, problems, asked))
        if check not in problems:
            return _text(f"no such check: {', '.join(problems)}", 404)
        return _text(*one_text(problems[check], asked))

    async def _healthz(self, request: web.Request) -> web.Response:
        views, asked = self._state.health(), _asked(request)
        kept = tuple(view for view in views if view.name not in asked.exclude)
        overall = overall_status(kept)
        service = Service(__version__, self._state.name())
        document, status = health_document(service, overall, kept, asked.near)
        if asked.verbose:
            return _text(health_text(overall, views, asked), status)
        return web.Response(
            body=orjson.dumps(document),
            status=status,
            content_type=CONTENT_TYPE,
            headers=_HEALTH_CACHE,
        )

    async def _metrics(self, request: web.Request) -> web.Response:
        snapshot = self._state.snapshot()
        if snapshot is None:
            return _text("no snapshot yet", 503)
        body, content_type = await self._render(snapshot, request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type, **_NO_STORE})

    async def _render(self, snapshot: Snapshot, accept: str) -> tuple[bytes, str]:
        """One rendering a second for each kind of client, off the event loop."""
        async with self._rendering:
            now_ns = self._clock.mono_ns()
            cached = self._rendered.get(accept)
            if cached is None or now_ns - cached[0] > _METRICS_CACHE_S * 1e9:
                rendered = await asyncio.to_thread(render, snapshot, accept)
                if len(self._rendered) >= _MAX_CACHED:
                    self._rendered.clear()
                cached = self._rendered[accept] = (now_ns, *rendered)
            return cached[1], cached[2]


def _asked(request: web.Request) -> Asked:
    exclude = frozenset(one_line(name) for name in request.query.getall("exclude", []))
    return Asked("verbose" in request.query, exclude, _is_near(request))


def _is_near(request: web.Request) -> bool:
    """Whether the reader is on this machine, not behind a proxy that is; others get no details."""
    if any(name in request.headers for name in _FORWARDED):
        return False
    return request.remote is not None and is_loopback(request.remote)


def _text(text: str, status: int) -> web.Response:
    return web.Response(text=text + "\n", status=status, headers=_NO_STORE)
