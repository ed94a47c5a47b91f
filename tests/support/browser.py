"""Headless Chromium, driven through its DevTools protocol."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from support.collector import eventually
from support.servers_checked import program

PATIENCE_S: Final = 60.0
FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1300,800",
    "--remote-debugging-port=0",
)
TERMINAL: Final = """
Object.defineProperty(Object.prototype, "terminal", {
    configurable: true,
    set(value) {
        window.seenTerminal = value;
        Object.defineProperty(this, "terminal", {value, writable: true});
    },
});
"""
"""The page keeps its xterm.js terminal to itself: it is caught on its way to its place."""
LINES: Final = """
(() => {
    if (!window.seenTerminal) return "";
    const buffer = window.seenTerminal.buffer.active;
    const lines = [];
    for (let y = 0; y < window.seenTerminal.rows; y++)
        lines.push(buffer.getLine(y)?.translateToString(true) ?? "");
    return lines.join("\\n");
})()
"""


class Page:
    """One tab. `hosts` are those that it has asked for anything since it was opened."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.urls: list[str] = []
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._session: str | None = None

    @property
    def hosts(self) -> set[str]:
        """With their ports."""
        places = (urlsplit(url) for url in self.urls)
        return {place.netloc for place in places if place.scheme != "data"}

    async def attach(self) -> None:
        """Open a tab of its own, and hear what it asks the network for."""
        target = await self.call("Target.createTarget", url="about:blank")
        attached = await self.call(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )
        self._session = attached["sessionId"]
        await self.call("Page.enable")
        await self.call("Network.enable")
        await self.call("Page.addScriptToEvaluateOnNewDocument", source=TERMINAL)

    async def open(self, url: str) -> None:
        """Go there."""
        await self.call("Page.navigate", url=url)

    async def type(self, text: str) -> None:
        """Press the keys, in the terminal."""
        await self.evaluate("window.seenTerminal.focus()")
        for key in text:
            await self.call("Input.dispatchKeyEvent", type="keyDown", key=key, text=key)
            await self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    async def evaluate(self, expression: str) -> Any:
        """The value of some JavaScript, once it has settled."""
        result = await self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def text(self) -> str:
        """What the terminal shows."""
        return str(await self.evaluate(LINES))

    async def shows(self, *parts: str) -> str:
        """Wait until all of these are in the terminal; all that it shows."""
        text = ""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not all(part in text for part in parts):
                    await asyncio.sleep(0.05)
                    text = await self.text()
        except TimeoutError:
            raise AssertionError(f"no {parts} in {text}") from None
        return text

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Ask the browser."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        session = {} if self._session is None else {"sessionId": self._session}
        await self._socket.send_json({"id": number, "method": method, "params": params, **session})
        return await asyncio.wait_for(answer, PATIENCE_S)

    async def read(self) -> None:
        """Take in what the browser says, for as long as it does."""
        async for message in self._socket:
            told = message.json()
            if "id" in told:
                self._answer(told)
            elif told["method"] == "Network.requestWillBeSent":
                self.urls.append(told["params"]["request"]["url"])
            elif told["method"] == "Network.webSocketCreated":
                self.urls.append(told["params"]["url"])

    def _answer(self, told: dict[str, Any]) -> None:
        answer = self._answers.pop(told["id"])
        if "error" in told:
            answer.set_exception(AssertionError(told["error"]))
        else:
            answer.set_result(told["result"])


@asynccontextmanager
async def browser_page(directory: Path) -> AsyncIterator[Page]:
    """A tab of a new browser whose profile is in `directory`."""
    command = [program("chromium"), *FLAGS, f"--user-data-dir={directory}", "about:blank"]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(_devtools(directory, process), max_msg_size=0) as socket,
        ):
            page = Page(socket)
            reader = asyncio.create_task(page.read())
            await page.attach()
            yield page
            reader.cancel()
    finally:
        process.terminate()
        process.wait(timeout=30)


def _devtools(directory: Path, process: subprocess.Popen[bytes]) -> str:
    told = directory / "DevToolsActivePort"

    def is_up() -> bool:
        assert process.poll() is None, (directory / "log").read_text()
        return told.exists() and len(told.read_text().split()) == 2

    eventually(is_up, PATIENCE_S, "the browser does not start")
    port, path = told.read_text().split()
    return f"ws://127.0.0.1:{port}{path}"
