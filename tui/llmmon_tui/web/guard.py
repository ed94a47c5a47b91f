"""Who may see the screen in a browser: whoever was told the key, on this machine.

Loopback is open to every user of the machine and, through a browser, to every web page. A page of
another host is known by its `Origin`; one whose name was pointed at loopback afterwards (DNS
rebinding) by its `Host`; another user by not having the key.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from llmmon.errors import EndpointError

KEY_PARAMETER: Final = "key"
_HTTP_PORT: Final = 80
_LOOPBACK: Final = "127.0.0.1"
_NAME: Final = "localhost"


@dataclass(frozen=True, slots=True)
class Site:
    """Where the page is, and the key to it."""

    host: str
    """An address as `loopback` gives it."""
    port: int
    key: str

    @property
    def authority(self) -> str:
        """What stands in `Host`: the address and, unless it is HTTP's own, the port."""
        return self._with_port(f"[{self.host}]" if ":" in self.host else self.host)

    @property
    def named_authority(self) -> str:
        """The same with the name that people type."""
        return self._with_port(_NAME)

    @property
    def origin(self) -> str:
        """The page's origin."""
        return f"http://{self.authority}"

    @property
    def address(self) -> str:
        """What to open in a browser."""
        return f"{self.origin}/?{KEY_PARAMETER}={self.key}"

    @property
    def cookie(self) -> str:
        """Name of the cookie that holds the key: browsers do not tell ports apart."""
        return f"llmmon-{self.port}"

    @property
    def policy(self) -> str:
        """Content-Security-Policy under which a browser asks no other host for anything."""
        return (
            "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
            "script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self'; "
            f"img-src 'self' data:; connect-src 'self' ws://{self.authority}"
        )

    def opens(self, key: str | None) -> bool:
        """Whether it is the key, compared in steady time."""
        return key is not None and hmac.compare_digest(key.encode(), self.key.encode())

    def _with_port(self, host: str) -> str:
        return host if self.port == _HTTP_PORT else f"{host}:{self.port}"


def loopback(host: str) -> str:
    """The loopback address that `host` stands for.

    Raises:
        EndpointError: it is none; the screen would be open to the network.
    """
    if host == _NAME:
        return _LOOPBACK
    try:
        address = ip_address(host)
    except ValueError:
        address = None
    if address is None or not address.is_loopback:
        raise EndpointError(
            f"{host}: expected a loopback address, as {_LOOPBACK}: the page may acknowledge and "
            "silence; from another machine use `ssh -L PORT:127.0.0.1:PORT`"
        )
    return str(address)


def refusal(site: Site, headers: Mapping[str, str], is_socket: bool) -> str | None:
    """Why a request is refused for where it comes from; None where it may go on.

    A browser sends `Origin` with every WebSocket, which nothing else protects.
    """
    host = headers.get("Host", "")
    if host not in {site.authority, site.named_authority}:
        return f"Host {host!r}: expected {site.authority}"
    origin = headers.get("Origin")
    if origin is None:
        return "no Origin" if is_socket else None
    return None if origin == f"http://{host}" else f"Origin {origin!r}: expected http://{host}"
