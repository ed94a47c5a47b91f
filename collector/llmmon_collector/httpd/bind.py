"""Where the HTTP server listens: loopback, unless told that anyone may read. Pure."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

from llmmon.errors import ConfigError


class Bind(NamedTuple):
    """A host and a port; port 0 takes a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_bind(text: str, allow_remote: bool = False) -> Bind:
    """``HOST:PORT`` or ``[IPV6]:PORT``.

    Raises:
        ConfigError: another form, or beyond loopback without ``allow_remote``.
    """
    host, _, port = text.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise ConfigError(
            f"{text!r}: expected HOST:PORT such as 127.0.0.1:9460", key="collector.http"
        )
    if not allow_remote and not is_loopback(host):
        raise ConfigError(
            f"{text!r} can be reached from other machines and the server asks no password: use "
            "127.0.0.1, or set http_allow_remote = true behind a firewall",
            key="collector.http",
        )
    return Bind(host, int(port))


def is_loopback(host: str) -> bool:
    """Whether only this machine can be behind ``host``."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
