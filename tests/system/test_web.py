"""The screen in a browser, and who does not get to see it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import aiohttp
import psutil
import pytest
from support.browser import browser_page
from support.collector import PYTHON, CollectorProcess, eventually

PATIENCE_S: Final = 60.0
ROWS: Final = '{"provider": "acme", "model": "m-1", "operation": "chat", "latency_ms": 5}\n' * 3


class WebProcess:
    """`llmmon-tui --web` on a free port."""

    def __init__(self, address: str, *options: str) -> None:
        command = [PYTHON, "-m", "llmmon_tui", "--web", "--port", "0", "--connect", address]
        self._process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().split()[-1]
        place = urlsplit(self.url)
        self.authority = place.netloc
        self.origin = f"http://{place.netloc}"
        self.key = place.query.partition("=")[2]
        self.cookies = {f"llmmon-{place.port}": self.key}

    def screens(self) -> list[psutil.Process]:
        """The processes of open tabs."""
        return psutil.Process(self._process.pid).children(recursive=True)

    def end(self, number: int = signal.SIGTERM) -> int:
        """End it; its exit status."""
        self._process.send_signal(number)
        self._process.communicate(timeout=PATIENCE_S)
        return self._process.returncode


@pytest.fixture
def serve() -> Iterator[Callable[..., WebProcess]]:
    """Starts servers that end with the test."""
    started: list[WebProcess] = []

    def start(address: str, *options: str) -> WebProcess:
        started.append(WebProcess(address, *options))
        return started[-1]

    yield start
    for one in started:
        one.end(signal.SIGKILL)


async def test_the_screen_in_a_browser(
    collector: CollectorProcess, short_dir: Path, serve: Callable[..., WebProcess]
) -> None:
    requests = short_dir / "requests.jsonl"
    requests.write_text(ROWS)
    collector.client("replay", str(requests), "--speed", "max")
    web = serve(collector.address, "--readonly")
    profile = short_dir / "profile"
    profile.mkdir()
    async with browser_page(profile) as page:
        await page.open(web.url)
        await page.shows("LIVE", "acme", "m-1")
        # the key has left the address bar
        assert await page.evaluate("location.href") == f"{web.origin}/"
        assert await page.evaluate("document.fonts.check('16px \"Roboto Mono\"')")
        assert len(web.screens()) == 1
        assert "--readonly" in web.screens()[0].cmdline()

        await page.type(":")
        await page.shows("search the commands")

        assert page.hosts == {web.authority}
        await page.open("about:blank")
        eventually(lambda: not web.screens(), PATIENCE_S, "the tab is closed, its process is not")


async def test_an_open_tab_does_not_keep_the_server(
    collector: CollectorProcess, serve: Callable[..., WebProcess]
) -> None:
    web = serve(collector.address)
    async with (
        aiohttp.ClientSession(cookies=web.cookies) as session,
        session.ws_connect(f"{web.origin}/ws", headers={"Origin": web.origin}) as socket,
    ):
        assert (await socket.receive(PATIENCE_S)).data
        screens = web.screens()
        assert web.end() == 0
    gone, alive = psutil.wait_procs(screens, PATIENCE_S)
    assert gone
    assert not alive


async def test_a_screen_does_not_outlive_a_killed_server(
    collector: CollectorProcess, serve: Callable[..., WebProcess]
) -> None:
    web = serve(collector.address)
    async with (
        aiohttp.ClientSession(cookies=web.cookies) as session,
        session.ws_connect(f"{web.origin}/ws", headers={"Origin": web.origin}) as socket,
    ):
        assert (await socket.receive(PATIENCE_S)).data
        screens = web.screens()
        web.end(signal.SIGKILL)
    gone, alive = psutil.wait_procs(screens, PATIENCE_S)
    assert gone
    assert not alive


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_a_tab_is_told_that_its_process_has_ended(
    number: int, collector: CollectorProcess, serve: Callable[..., WebProcess]
) -> None:
    web = serve(collector.address)
    async with (
        aiohttp.ClientSession(cookies=web.cookies) as session,
        session.ws_connect(f"{web.origin}/ws", headers={"Origin": web.origin}) as socket,
    ):
        assert (await socket.receive(PATIENCE_S)).data
        (screen,) = web.screens()
        screen.send_signal(number)
        async with asyncio.timeout(PATIENCE_S):
            async for _ in socket:
                pass
        assert socket.closed
    assert web.end() == 0


@pytest.mark.parametrize(
    ("headers", "knows_key"),
    [
        ({"Origin": "http://evil.example"}, True),
        ({"Origin": "http://127.0.0.1:1"}, True),
        ({"Origin": "null"}, True),
        ({}, True),
        ({"Host": "evil.example", "Origin": "http://evil.example"}, True),
        ({"Origin": "own"}, False),
    ],
    ids=["foreign", "other_port", "null", "none", "rebound", "no_key"],
)
async def test_the_socket_refuses(
    headers: dict[str, str],
    knows_key: bool,
    short_dir: Path,
    serve: Callable[..., WebProcess],
) -> None:
    web = serve(f"ipc://{short_dir}")
    sent = {name: value.replace("own", web.origin) for name, value in headers.items()}
    cookie = {"Cookie": "; ".join(f"{k}={v}" for k, v in web.cookies.items())} if knows_key else {}
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(f"{web.origin}/ws", headers={**cookie, **sent})
    assert refused.value.status == 403
    assert not web.screens()


async def test_the_page_wants_the_key(short_dir: Path, serve: Callable[..., WebProcess]) -> None:
    web = serve(f"ipc://{short_dir}")
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        for path in ("/", "/?key=wrong", "/static/js/textual.js"):
            async with session.get(web.origin + path) as refused:
                assert refused.status == 403
                assert "open the address" in await refused.text()
        async with session.get(web.url) as page:
            assert page.status == 200
            text = await page.text()
            policy = page.headers["Content-Security-Policy"]
            assert page.url.query_string == ""
        assert f"ws://{web.authority}/ws" in text
        assert "default-src 'none'" in policy
        async with session.get(f"{web.origin}/", headers={"Host": "evil.example"}) as rebound:
            assert rebound.status == 403


async def test_the_name_leads_to_the_address(
    short_dir: Path, serve: Callable[..., WebProcess]
) -> None:
    web = serve(f"ipc://{short_dir}")
    named = web.authority.replace("127.0.0.1", "localhost")
    url = f"{web.origin}/?key={web.key}"
    async with (
        aiohttp.ClientSession() as session,
        session.get(url, headers={"Host": named}, allow_redirects=False) as answer,
    ):
        assert answer.status == 302
        assert answer.headers["Location"] == web.url


def test_a_taken_port(short_dir: Path, serve: Callable[..., WebProcess]) -> None:
    web = serve(f"ipc://{short_dir}")
    port = web.authority.partition(":")[2]
    done = subprocess.run(
        [PYTHON, "-m", "llmmon_tui", "--web", "--port", port],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        env=dict(os.environ),
    )
    assert done.returncode == 2
    assert f"127.0.0.1:{port}: Address already in use; name another with --port" in done.stderr
