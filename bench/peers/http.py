"""Posts bodies to a server on the loopback, as exporters do: one connection, kept open."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from itertools import cycle, islice
from typing import Final

TIMEOUT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Poster:
    """A ``Send`` that posts to a path."""

    path: str
    content_type: str
    most: int | None = None
    """Bodies at most."""

    def __call__(self, address: str, bodies: Sequence[bytes], records: int, seconds: float) -> int:
        connection = HTTPConnection(address, timeout=TIMEOUT_S)
        until_s = time.monotonic() + seconds
        accepted = 0
        for body in islice(cycle(bodies), self.most):
            if time.monotonic() >= until_s:
                break
            connection.request("POST", self.path, body, {"Content-Type": self.content_type})
            answer = connection.getresponse()
            answer.read()
            accepted += records if answer.status < 300 else 0
        connection.close()
        return accepted


def get(address: str, path: str) -> bytes:
    """The body of an answer.

    Raises:
        OSError: there is none.
    """
    connection = HTTPConnection(address, timeout=TIMEOUT_S)
    connection.request("GET", path)
    body = connection.getresponse().read()
    connection.close()
    return body
