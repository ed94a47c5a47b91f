"""Asks over HTTP so that no server can hold up, fill up or mislead the collector."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from socket import AddressFamily
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from llmmon_collector.health.checks.refusal import os_reason
from llmmon_collector.health.context import CheckContext
from llmmon_collector.health.outcome import one_line
from llmmon_collector.health.resolve import Resolver

_PLAIN: Final = {"Accept-Encoding": "identity", "User-Agent": "llmmon-collector"}
_NO_TIMEOUT: Final = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None)
"""The runner bounds a check's time."""


@asynccontextmanager
async def open_session(
    context: CheckContext, headers: Mapping[str, str] | None = None
) -> AsyncIterator[aiohttp.ClientSession]:
    """A session for one run: no proxies, cookies, compression or connections from before."""
    connector = aiohttp.TCPConnector(
        resolver=_Resolver(context.resolver), use_dns_cache=False, force_close=True
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


def connection_trouble(error: aiohttp.ClientError) -> str:
    """What went wrong, without the URL: it may hold a secret."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return f"TLS: {_certificate_trouble(error.certificate_error)}"
        case aiohttp.ClientConnectorSSLError():
            return f"TLS: {os_reason(error.os_error)}"
        case aiohttp.ClientConnectorError():
            return f"no connection: {os_reason(error.os_error)}"
        case aiohttp.ClientPayloadError():
            return "the answer broke off"
    return f"no answer: {type(error).__name__}"


def _certificate_trouble(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return one_line(error.verify_message)
    return "the certificate is not for this host"


class _Resolver(AbstractResolver):
    """aiohttp's idea of a resolver, over ours."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: AddressFamily = AddressFamily.AF_UNSPEC
    ) -> list[ResolveResult]:
        """See :class:`Resolver`."""
        found = await self._resolver.resolve(host, port)
        return [
            ResolveResult(
                hostname=host,
                host=address.host,
                port=address.port,
                family=address.family,
                proto=0,
                flags=0,
            )
            for address in found
            if family in {AddressFamily.AF_UNSPEC, address.family}
        ]

    async def close(self) -> None:
        """Nothing is held."""
