"""Name look-ups for aiohttp that hold up nothing else."""

from __future__ import annotations

import socket

from aiohttp.abc import AbstractResolver, ResolveResult

from llmmon_collector.outbound.resolve import Resolver


class Lookup(AbstractResolver):
    """aiohttp's own would share the threads of everything that blocks, and use them up."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of ``host``. Raises OSError: it has none."""
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
            if family in (socket.AF_UNSPEC, address.family)
        ]

    async def close(self) -> None:
        """Nothing is held. A look-up that hangs is left to end by itself."""
