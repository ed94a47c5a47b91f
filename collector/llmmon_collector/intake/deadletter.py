"""Where messages go that cannot be read: a bounded file, for somebody to look at."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import BinaryIO, Final

from llmmon.errors import ChecksumError, ProtocolError, SchemaError, VersionError
from llmmon.protocol.segment import (
    FILE_HEADER_SIZE,
    NONCE_SIZE,
    RECORD_OVERHEAD,
    encode_header,
    encode_record,
    read_nonce,
)

MAX_BYTES: Final = 16 << 20

_REASONS: Final[tuple[tuple[type[ProtocolError], str], ...]] = (
    (ChecksumError, "bad_crc"),
    (VersionError, "bad_version"),
    (SchemaError, "schema"),
)


def reason_of(error: ProtocolError) -> str:
    """In one word, what is wrong with a message: ``malformed`` where its frames are."""
    return next((word for kind, word in _REASONS if isinstance(error, kind)), "malformed")


class DeadLetters:
    """Appends bodies to one segment file until it is full; then only counts."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._full = False
        self.count = 0
        """Bodies handed in since start, the unwritten ones too."""
        self.reasons = Counter[str]()
        """Messages refused since start, by what was wrong with them."""

    def refuse(self, error: ProtocolError) -> None:
        """Count a message that is not worth keeping."""
        self.reasons[reason_of(error)] += 1

    def add(self, body: bytes) -> None:
        """Keep ``body`` if there is room. A disk that refuses costs the copy, not the daemon."""
        self.count += 1
        if self._full:
            return
        try:
            with self._path.open("a+b") as file:
                size = max(file.tell(), FILE_HEADER_SIZE)
                self._full = size + RECORD_OVERHEAD + len(body) > self._max_bytes
                if not self._full:
                    self._append(file, body)
        except OSError:
            return

    def _append(self, file: BinaryIO, body: bytes) -> None:
        file.seek(0)
        nonce = read_nonce(file.read(FILE_HEADER_SIZE))
        if nonce is None:
            file.truncate(0)
            nonce = os.urandom(NONCE_SIZE)
            file.write(encode_header(nonce))
        file.write(encode_record(nonce, body))
