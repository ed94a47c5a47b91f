"""Every exception that llmmon raises on purpose.

::

    LlmmonError
    ├── ConfigError         a setting is wrong; names the file, the line and the key
    ├── EndpointError       an address is not one that llmmon can use
    ├── ProtocolError       bytes from a peer or a file are not what they should be
    │   ├── FrameError      wrong number, size or kind of frames
    │   ├── VersionError    a peer speaks another protocol version
    │   ├── ChecksumError   the bytes were changed on the way
    │   └── SchemaError     the content breaks the schema or its bounds
    ├── ControlError        the collector refused a request; carries its code
    └── UnreachableError    no collector answered in time

Recording calls never raise any of these: they belong to set-up, tools and the far side.
"""

from __future__ import annotations

__all__ = [
    "ChecksumError",
    "ConfigError",
    "ControlError",
    "EndpointError",
    "FrameError",
    "LlmmonError",
    "ProtocolError",
    "SchemaError",
    "UnreachableError",
    "VersionError",
]


class LlmmonError(Exception):
    """Base of all: catch it to catch whatever llmmon raises."""


class ConfigError(LlmmonError):
    """A setting is wrong. ``str()`` reads ``file:line: key: reason``."""

    def __init__(
        self,
        reason: str,
        *,
        file: str | None = None,
        line: int | None = None,
        key: str | None = None,
    ) -> None:
        self.reason = reason
        self.file = file
        self.line = line
        self.key = key
        place = ":".join(str(part) for part in (file, line) if part is not None)
        super().__init__(": ".join(part for part in (place, key, reason) if part))


class EndpointError(LlmmonError):
    """An address is neither ``ipc://DIR`` nor ``tcp://HOST:PORT``."""


class ProtocolError(LlmmonError):
    """Bytes from a peer or a file are not what they should be."""


class FrameError(ProtocolError):
    """A message has the wrong number, size or kind of frames."""


class VersionError(ProtocolError):
    """A peer speaks another protocol version."""

    def __init__(self, got: int, expected: int) -> None:
        self.got = got
        self.expected = expected
        super().__init__(f"protocol version {got}, expected {expected}: upgrade the older side")


class ChecksumError(ProtocolError):
    """The CRC does not match: the bytes were changed on the way."""


class SchemaError(ProtocolError):
    """The content breaks the schema or one of its bounds."""


class ControlError(LlmmonError):
    """The collector refused a request.

    ``code`` is one of the names in ``llmmon.protocol.control.CODES``; ``request_id`` says which
    request, where several are under way.
    """

    def __init__(self, code: str, reason: str, request_id: int = 0) -> None:
        self.code = code
        self.reason = reason
        self.request_id = request_id
        super().__init__(f"{code}: {reason}")


class UnreachableError(LlmmonError):
    """No collector answered at ``address`` within ``timeout_s``.

    ``refusal`` is why it let the connection not come about, where that is known.
    """

    def __init__(self, address: str, timeout_s: float, refusal: str = "") -> None:
        self.address = address
        self.timeout_s = timeout_s
        self.refusal = refusal
        super().__init__(
            f"the collector at {address} refuses the connection: {refusal}"
            if refusal
            else f"no collector answers at {address} within {timeout_s:g} s: "
            "start one with `llmmon-collector`, or name another with --connect"
        )
