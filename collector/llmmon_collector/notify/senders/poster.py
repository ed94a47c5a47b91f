"""Posts JSON: one attempt, no redirects, no cookies, no proxies from the environment."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import aiohttp

from llmmon_collector.notify.result import Result, Retry, judge_status
from llmmon_collector.outbound.lookup import Lookup
from llmmon_collector.outbound.resolve import Resolver
from llmmon_collector.outbound.trouble import connection_trouble, os_reason
from llmmon_collector.scrub import scrub

_MAX_SAID: Final = 1000
"""Bytes of an answer that are read to say why it was refused."""


class Poster:
    """A session with one or more servers."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def post(
        self,
        url: str,
        data: bytes,
        now_ns: int,
        headers: Mapping[str, str] | None = None,
        method: str = "POST",
    ) -> Result:
        """Send ``data`` and judge the answer; ``now_ns`` is wall time."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(resolver=Lookup(Resolver())),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        sent = {"Content-Type": "application/json", "User-Agent": "llmmon", **(headers or {})}
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._session.request(
                    method, url, data=data, headers=sent, allow_redirects=False
                ) as response,
            ):
                # what follows a success is not waited for: it would be sent again
                said = b"" if response.ok else await response.content.read(_MAX_SAID)
                reason = f"HTTP {response.status}: {scrub(said.decode(errors='replace'))}"
                after = response.headers.get("Retry-After")
                return judge_status(response.status, reason, after, now_ns / 1e9)
        except TimeoutError:
            return Retry(f"no answer within {self._timeout_s:g} s")
        except aiohttp.ClientError as error:
            return Retry(connection_trouble(error))
        except OSError as error:
            return Retry(os_reason(error))

    async def close(self) -> None:
        """Close what is open."""
        if self._session is not None:
            await self._session.close()
