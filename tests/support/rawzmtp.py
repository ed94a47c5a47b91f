"""A peer that speaks ZMTP 3.1 (NULL mechanism) by hand, to send what no library would."""

from __future__ import annotations

import socket
import struct

_GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01"
MORE = 1
_LONG, _COMMAND = 2, 4


def greeting(mechanism: bytes = b"NULL") -> bytes:
    """The 64 bytes that open a connection."""
    return _GREETING + mechanism.ljust(20, b"\0") + bytes(32)


def ready() -> bytes:
    """The READY command of a DEALER without an identity."""
    body = b"\x05READY" + b"\x0bSocket-Type" + struct.pack(">I", 6) + b"DEALER"
    return bytes([_COMMAND, len(body)]) + body


def frame(body: bytes, more: bool) -> bytes:
    """One message frame."""
    flags = MORE if more else 0
    if len(body) < 256:
        return bytes([flags, len(body)]) + body
    return bytes([flags | _LONG]) + struct.pack(">Q", len(body)) + body


def message(frames: list[bytes]) -> bytes:
    """One multipart message."""
    return b"".join(frame(body, i < len(frames) - 1) for i, body in enumerate(frames))


def connect(address: str) -> socket.socket:
    """A bare connection to the ingest endpoint of a collector at ``address``, an ipc:// one.

    Raises:
        OSError: nobody listens.
    """
    peer = socket.socket(socket.AF_UNIX)
    try:
        peer.connect(f"{address.removeprefix('ipc://')}/ingest.sock")
    except OSError:
        peer.close()
        raise
    return peer


def join(address: str) -> socket.socket:
    """A connection that is past its handshake: what is written to it now is messages.

    Raises:
        OSError: nobody listens, or it is closed.
    """
    peer = connect(address)
    peer.settimeout(5)
    try:
        peer.sendall(greeting() + ready())
        got = b""
        while b"READY" not in got:
            more = peer.recv(4096)
            if not more:
                raise ConnectionError("the collector closed the connection")
            got += more
    except OSError:
        peer.close()
        raise
    return peer
