"""One address names a collector; three sockets hang on it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from llmmon.errors import EndpointError

ENDPOINT_VARIABLE: Final = "LLMMON_ENDPOINT"
_IPC_PATH_MAX: Final = 107 - len("/snapshots.sock")
_LAST_BASE_PORT: Final = 65533
_HOST: Final = re.compile(r"[A-Za-z0-9._-]+|\*")
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost"})


@dataclass(frozen=True, slots=True)
class Address:
    """Where one collector listens: ``ipc://DIR`` or ``tcp://HOST:PORT``."""

    text: str
    ingest: str
    """Agents' DEALER to the collector's ROUTER."""
    snapshots: str
    """Viewers' SUB to the collector's XPUB."""
    control: str
    """Tools' DEALER to the collector's ROUTER."""
    directory: str | None
    """The socket directory of an ``ipc`` address, else None."""

    @property
    def is_local(self) -> bool:
        """Whether the address can only be reached from this machine."""
        if self.directory is not None:
            return True
        host = self.text.removeprefix("tcp://").rpartition(":")[0]
        return host in _LOOPBACK

    def __str__(self) -> str:
        return self.text


def parse_address(text: str) -> Address:
    """The sockets behind ``ipc://DIR`` or ``tcp://HOST:PORT`` (which takes PORT to PORT+2).

    Raises:
        EndpointError: another scheme, a relative or too long directory, a bad port.
    """
    if text.startswith("ipc://"):
        return _ipc_address(text)
    if text.startswith("tcp://"):
        return _tcp_address(text)
    raise EndpointError(f"{text!r}: expected ipc://DIR or tcp://HOST:PORT")


def _ipc_address(text: str) -> Address:
    directory = text.removeprefix("ipc://").rstrip("/")
    if not directory.startswith("/"):
        raise EndpointError(f"{text!r}: expected an absolute directory, as in ipc:///run/llmmon")
    if len(directory.encode()) > _IPC_PATH_MAX:
        raise EndpointError(f"{text!r}: the directory is longer than {_IPC_PATH_MAX} bytes")
    base = f"ipc://{directory}"
    return Address(
        text=base,
        ingest=f"{base}/ingest.sock",
        snapshots=f"{base}/snapshots.sock",
        control=f"{base}/control.sock",
        directory=directory,
    )


def _tcp_address(text: str) -> Address:
    host, _, port_text = text.removeprefix("tcp://").rpartition(":")
    if host and not _HOST.fullmatch(host):
        raise EndpointError(f"{text!r}: expected a host name or an IPv4 address")
    if not host or not port_text.isdecimal() or not 1 <= int(port_text) <= _LAST_BASE_PORT:
        raise EndpointError(f"{text!r}: expected tcp://HOST:PORT with a port of 1 to 65533")
    port = int(port_text)
    return Address(
        text=f"tcp://{host}:{port}",
        ingest=f"tcp://{host}:{port}",
        snapshots=f"tcp://{host}:{port + 1}",
        control=f"tcp://{host}:{port + 2}",
        directory=None,
    )


def default_address(environ: Mapping[str, str], uid: int, temporary: str) -> str:
    """The address used when none is given.

    ``LLMMON_ENDPOINT`` in ``environ``, else a directory under ``XDG_RUNTIME_DIR``, else one of
    the user ``uid``'s own under ``temporary``.
    """
    if endpoint := environ.get(ENDPOINT_VARIABLE):
        return endpoint
    if runtime := environ.get("XDG_RUNTIME_DIR"):
        return f"ipc://{runtime.rstrip('/')}/llmmon"
    return f"ipc://{temporary.rstrip('/')}/llmmon-{uid}"
