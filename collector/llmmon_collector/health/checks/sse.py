"""Server-sent events out of bytes, as the WHATWG HTML standard, section 9.2.6, reads them. Pure."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

MAX_EVENT_BYTES: Final = 256 * 1024
_LINE_END: Final = re.compile(rb"\r\n|\r|\n")
_BOM: Final = b"\xef\xbb\xbf"


class Event(NamedTuple):
    """One event; comments and fields that nobody needs are gone."""

    type: str
    data: str


class EventReader:
    """Fed with pieces as they come, whatever is cut where."""

    def __init__(self) -> None:
        self._rest = b""
        self._after_cr = False
        self._at_start = True
        self._type = ""
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, piece: bytes) -> list[Event]:
        """The events that ``piece`` completes.

        Raises:
            ValueError: an event is larger than ``MAX_EVENT_BYTES``.
        """
        if self._after_cr and piece.startswith(b"\n"):
            piece = piece[1:]
            self._after_cr = False
        if not piece:
            return []
        self._after_cr = piece.endswith(b"\r")
        *lines, self._rest = _LINE_END.split(self._rest + piece)
        found = [event for line in lines if (event := self._take(line)) is not None]
        if self._size + len(self._rest) > MAX_EVENT_BYTES:
            raise ValueError(f"an event is larger than {MAX_EVENT_BYTES} bytes")
        return found

    def _take(self, line: bytes) -> Event | None:
        if self._at_start:
            self._at_start = False
            line = line.removeprefix(_BOM)
        if not line:
            return self._dispatch()
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
            self._size += len(value)
        elif name == b"event":
            self._type = value.decode(errors="replace")
        return None

    def _dispatch(self) -> Event | None:
        event_type, data = self._type, self._data
        self._type, self._data, self._size = "", [], 0
        if not data:
            return None
        return Event(event_type or "message", b"\n".join(data).decode(errors="replace"))
