"""CURVE keys, roles, and what a failed handshake means to the side that connects. Pure."""

from __future__ import annotations

import re
import struct
from typing import Final, NamedTuple

AGENT: Final = "agent"
"""Sends events, and does nothing else."""
VIEWER: Final = "viewer"
"""Looks and asks."""
OPERATOR: Final = "operator"
"""A viewer that may also acknowledge, silence and reload."""
ROLES: Final = (AGENT, VIEWER, OPERATOR)

KEY_FILE_VARIABLE: Final = "LLMMON_KEY_FILE"

_NAME_ONE: Final = f"name your key file in {KEY_FILE_VARIABLE}, --key-file, or init(key_file=)"
_Z85_KEY: Final = re.compile(r"[0-9A-Za-z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}")

# ZeroMQ's socket monitor: zmq_socket_monitor(3)
_FAILED_NO_DETAIL: Final = 0x0800
_SUCCEEDED: Final = 0x1000
_FAILED_PROTOCOL: Final = 0x2000
_FAILED_AUTH: Final = 0x4000
HANDSHAKE_EVENTS: Final = _FAILED_NO_DETAIL | _SUCCEEDED | _FAILED_PROTOCOL | _FAILED_AUTH
"""What to ask a socket monitor for."""
_EVENT: Final = struct.Struct("=HI")
_MECHANISM_MISMATCH: Final = 0x11000002


class CurveKeys(NamedTuple):
    """A client's keys, 40 characters of Z85 each: the collector's public one and its own pair."""

    server_key: str
    public_key: str
    secret_key: str

    def __repr__(self) -> str:
        return f"CurveKeys(server_key={self.server_key!r}, public_key={self.public_key!r}, ...)"


def is_key(text: str) -> bool:
    """Whether ``text`` is 40 characters of Z85."""
    return _Z85_KEY.fullmatch(text) is not None


class Handshake(NamedTuple):
    """How a handshake ended, as far as the side that connects can tell."""

    trouble: str
    """Why it failed; empty when it went well."""
    final: bool
    """Whether ZeroMQ gives up: only a new socket tries again."""


def decode_handshake(frame: bytes, has_keys: bool) -> Handshake | None:
    """The handshake in the first ``frame`` of a monitor's message; None for other events.

    ``has_keys`` says whether this side has keys.
    """
    if len(frame) < _EVENT.size:
        return None
    event, value = _EVENT.unpack_from(frame)
    if event == _SUCCEEDED:
        return Handshake("", final=False)
    if event == _FAILED_AUTH:
        return Handshake(
            "this key is not allowed there, or its role is another one (agents send, viewers and "
            "operators look): on its machine see `llmmon keys show`, and `llmmon keys allow` it",
            final=True,
        )
    if event == _FAILED_PROTOCOL and value == _MECHANISM_MISMATCH:
        return Handshake(_mismatch(has_keys), final=True)
    if event in (_FAILED_PROTOCOL, _FAILED_NO_DETAIL):
        return Handshake(_closed(has_keys), final=event == _FAILED_PROTOCOL)
    return None


def _mismatch(has_keys: bool) -> str:
    if has_keys:
        return f"it asks for no key: leave out --key-file and {KEY_FILE_VARIABLE}"
    return f"it asks for a key: {_NAME_ONE}"


def _closed(has_keys: bool) -> str:
    if has_keys:
        return (
            "it ends the connection while keys are exchanged: the server_key in the key file "
            "must be the public_key that `llmmon keys show` tells on its machine"
        )
    return f"it ends the connection at once: if it asks for a key, {_NAME_ONE}"
