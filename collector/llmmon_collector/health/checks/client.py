"""Asks over HTTP so that no server can hold up, fill up or mislead the collector."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import aiohttp

from llmmon_collector.health.context import CheckContext
from llmmon_collector.outbound.lookup import Lookup

_PLAIN: Final = {"Accept-Encoding": "identity", "User-Agent": "llmmon-collector"}
_NO_TIMEOUT: Final = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None)
"""The runner bounds a check's time."""


@asynccontextmanager
async def open_session(
    context: CheckContext, headers: Mapping[str, str] | None = None
) -> AsyncIterator[aiohttp.ClientSession]:
    """A session for one run: no proxies, cookies, compression or connections from before."""
    connector = aiohttp.TCPConnector(
        resolver=Lookup(context.resolver), use_dns_cache=False, force_close=True
    )
    async with aiohttp.ClientSession(
        connector=connector,
        headers={**_PLAIN, **(headers or {})},
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=_NO_TIMEOUT,
        auto_decompress=False,
        trust_env=False,
    ) as session:
        yield session


async def read_at_most(answer: aiohttp.ClientResponse, limit_bytes: int) -> bytes:
    """The beginning of the body: all of it when it is not longer than ``limit_bytes``."""
    body = bytearray()
    while len(body) < limit_bytes and (chunk := await answer.content.read(limit_bytes - len(body))):
        body += chunk
    return bytes(body)
