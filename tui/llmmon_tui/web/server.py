"""The server behind `llmmon-tui --web`."""

from __future__ import annotations

import os
import secrets
import shlex
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aiohttp import web
from textual_serve.app_service import AppService
from textual_serve.server import Server

from llmmon.errors import EndpointError
from llmmon_tui.web.guard import KEY_PARAMETER, Site, loopback, refusal

if TYPE_CHECKING:
    from asyncio import Task

_PAGE: Final = Path(__file__).parent / "page"
_SHUTDOWN_S: Final = 2.0
"""How long open tabs may take to close; their processes are told to end."""
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_NO_KEY: Final = "The key is missing or old: open the address that llmmon-tui --web has printed.\n"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ScreenServer(Server):
    """Runs `command` once for each tab and lets in who has the key of `site`."""

    def __init__(self, command: str, site: Site) -> None:
        super().__init__(
            command,
            host=site.host,
            port=site.port,
            title="llmmon",
            public_url=site.origin,
            templates_path=_PAGE,
        )
        self._site = site
        self._closing: set[Task[bool]] = set()

    async def make_app(self) -> web.Application:
        """The pages behind the guard."""
        app = await self._make_app()
        app.middlewares.append(self._guard)
        app.on_response_prepare.append(self._protect)
        return app

    async def on_startup(self, app: web.Application) -> None:
        """Say where to look."""
        sys.stdout.write(f"llmmon-tui: open {self._site.address}\nCtrl+C ends it\n")
        sys.stdout.flush()

    async def _process_messages(
        self, websocket: web.WebSocketResponse, app_service: AppService
    ) -> None:
        """Also close the tab's socket when its process ends, or could not even start: else the tab
        would wait for ever."""
        running = app_service._task
        if running is not None:
            running.add_done_callback(
                lambda done: self._closing.add(done.get_loop().create_task(websocket.close()))
            )
        await super()._process_messages(websocket, app_service)
        self._closing = {closing for closing in self._closing if not closing.done()}

    async def _protect(self, request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(_HEADERS)
        response.headers["Content-Security-Policy"] = self._site.policy

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        site = self._site
        reason = refusal(site, request.headers, is_socket=request.path == "/ws")
        if reason is not None:
            raise web.HTTPForbidden(text=f"{reason}\n")
        if request.path == "/" and request.host != site.authority:
            raise web.HTTPFound(f"{site.origin}{request.rel_url}")
        if site.opens(request.cookies.get(site.cookie)) and KEY_PARAMETER not in request.query:
            return await handler(request)
        if request.path == "/" and site.opens(request.query.get(KEY_PARAMETER)):
            return self._admit()
        raise web.HTTPForbidden(text=_NO_KEY)

    def _admit(self) -> web.Response:
        """The key moves into a cookie: the address bar and the history keep none of it."""
        answer = web.HTTPFound("/")
        answer.set_cookie(self._site.cookie, self._site.key, httponly=True, samesite="Strict")
        return answer


def serve(arguments: Sequence[str], host: str = "127.0.0.1", port: int = 0) -> None:
    """Serve `llmmon-tui` with these arguments until SIGINT or SIGTERM; print where.

    Port 0 takes one that is free.

    Raises:
        EndpointError: `host` is not loopback, or the port is taken.
    """
    listening = _listen(loopback(host), port)
    address, bound_port = listening.getsockname()[:2]
    site = Site(address, bound_port, secrets.token_urlsafe(24))
    command = shlex.join(("exec", sys.executable, "-m", "llmmon_tui", *arguments))
    web.run_app(
        ScreenServer(command, site).make_app(),
        sock=listening,
        print=None,
        access_log=None,
        shutdown_timeout=_SHUTDOWN_S,
    )


def screen_arguments(arguments: Sequence[str]) -> list[str]:
    """The command line of a tab's process: that of the server without `--web` and `--port`."""
    kept: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if argument == "--port":
            next(rest, None)
        elif argument != "--web" and not argument.startswith("--port="):
            kept.append(argument)
    return kept


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise EndpointError(f"{host}:{port}: {reason}; name another with --port") from error
