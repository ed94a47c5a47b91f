"""Where messages go that cannot be read: a bounded file, for somebody to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from llmmon.protocol.segment import MAGIC, encode_record

MAX_BYTES: Final = 16 << 20


class DeadLetters:
    """Appends bodies to one segment file until it is full; then only counts."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self.count = 0
        """Bodies handed in since start, the unwritten ones too."""

    def add(self, body: bytes) -> None:
        """Keep ``body`` if there is room. A disk that refuses costs the copy, not the daemon."""
        self.count += 1
        record = encode_record(body)
        try:
            size = self._path.stat().st_size if self._path.exists() else 0
            if size + len(record) > self._max_bytes:
                return
            with self._path.open("ab") as file:
                file.write(record if size else MAGIC + record)
        except OSError:
            return
