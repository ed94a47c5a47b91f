"""Answers probes and scrapes from what the collector knows already; runs nothing on request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import orjson
from aiohttp import web

from llmmon.errors import ConfigError
from llmmon.protocol.snapshot import HealthView, Snapshot
from llmmon_collector.clock import Clock
from llmmon_collector.httpd.bind import Bind, is_loopback, parse_bind
from llmmon_collector.httpd.health import CONTENT_TYPE, health_document
from llmmon_collector.httpd.metrics import render

ALIVE_WITHIN_S: Final = 5.0
"""A collector whose main loop has not ticked for longer is not alive."""
_METRICS_CACHE_S: Final = 1.0
_MAX_CACHED: Final = 8
_STOP_WITHIN_S: Final = 2.0
_NO_STORE: Final = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class HttpState:
    """What the server asks of the collector, each cheap and without side effects."""

    tick_age_s: Callable[[], float]
    """Seconds since the main loop last made progress."""
    problems: Callable[[], Sequence[str]]
    """Why the collector cannot take events now; empty when it can."""
    health: Callable[[], tuple[HealthView, ...]]
    overall: Callable[[], str]
    """``ok``, ``degraded``, ``unknown`` or ``failing``."""
    snapshot: Callable[[], Snapshot | None]
    """The newest snapshot, grouped by what ``/metrics`` should be labelled with."""


class HttpServer:
    """``/livez``, ``/readyz``, ``/healthz`` and ``/metrics``."""

    def __init__(
        self, bind: str, state: HttpState, clock: Clock, allow_remote: bool = False
    ) -> None:
        """Raises:
        ConfigError: ``bind`` is not HOST:PORT, or beyond loopback without ``allow_remote``.
        """
        self._bind = parse_bind(bind, allow_remote)
        self._state = state
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
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
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

    async def _livez(self, _request: web.Request) -> web.Response:
        age_s = self._state.tick_age_s()
        if age_s < ALIVE_WITHIN_S:
            return _text("ok", 200)
        return _text(f"the main loop has not ticked for {age_s:.1f} s", 503)

    async def _readyz(self, request: web.Request) -> web.Response:
        problems = self._state.problems()
        if not problems:
            return _text("ok", 200)
        return _text("\n".join(problems) if _is_near(request) else "not ready", 503)

    async def _healthz(self, request: web.Request) -> web.Response:
        document, status = health_document(
            self._state.overall(), self._state.health(), _is_near(request)
        )
        body = orjson.dumps(document)
        return web.Response(body=body, status=status, content_type=CONTENT_TYPE, headers=_NO_STORE)

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


def _is_near(request: web.Request) -> bool:
    """Whether the reader is on this machine; details are not for others."""
    return request.remote is not None and is_loopback(request.remote)


def _text(text: str, status: int) -> web.Response:
    return web.Response(text=text + "\n", status=status, headers=_NO_STORE)
