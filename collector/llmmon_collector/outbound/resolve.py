"""Looks names up without holding anybody up.

The event loop's own look-ups share a few threads with everything else that blocks: a name server
that does not answer would take them all. Here each name has at most one thread of its own.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any, Final, NamedTuple

from llmmon_collector.threads import start_in_thread


class Address(NamedTuple):
    """Where a name leads."""

    family: socket.AddressFamily
    host: str
    """As a number."""
    port: int


_NUMERIC: Final = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV


class Resolver:
    """One look-up a name at a time, however many wait for it and give up waiting."""

    def __init__(self) -> None:
        self._pending: dict[tuple[str, int], asyncio.Future[list[Address]]] = {}

    async def resolve(self, host: str, port: int) -> list[Address]:
        """The addresses of ``host``, in the system's order.

        Raises:
            OSError: the name leads nowhere.
        """
        key = (host, port)
        pending = self._pending.get(key)
        if pending is None:
            pending = start_in_thread(lambda: _look_up(host, port), f"llmmon resolve {host}")
            self._pending[key] = pending
            pending.add_done_callback(lambda done: self._forget(key, done))
        return await asyncio.shield(pending)

    def _forget(self, key: tuple[str, int], done: asyncio.Future[list[Address]]) -> None:
        self._pending.pop(key, None)
        if not done.cancelled():
            done.exception()  # nobody may be waiting for it any more


def _look_up(host: str, port: int) -> list[Address]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [
        Address(socket.AddressFamily(family), *_numbers(address))
        for family, _, _, _, address in found
    ]


def _numbers(address: Any) -> tuple[str, int]:
    host, port = socket.getnameinfo(address, _NUMERIC)
    return host, int(port)
