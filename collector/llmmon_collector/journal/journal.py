"""An append-only journal of records in numbered segment files.

What :meth:`Journal.append` returned from is committed: it survives a crash of the process, and
with ``sync`` of the machine. A crash in the middle of a write leaves a torn tail, which the next
opening cuts off; a record that was damaged later is passed over. Both are counted.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from llmmon.protocol.segment import (
    FILE_HEADER_SIZE,
    MAX_BODY,
    MAX_RECORD,
    Damage,
    encode_record,
    read_nonce,
    scan,
)
from llmmon_collector.journal.errors import JournalError
from llmmon_collector.journal.files import (
    OpenSegment,
    create_segment,
    list_segments,
    segment_path,
    write_header,
    write_whole,
)

MAX_SEGMENT_BYTES: Final = 64 * 1024 * 1024


class Cursor(NamedTuple):
    """A place in the journal; later places compare greater."""

    segment: int
    offset: int


START: Final = Cursor(0, 0)
"""Before everything."""


class Entry(NamedTuple):
    """One committed record."""

    body: bytes
    end: Cursor
    """The place behind it: where to read on."""


class Journal:
    """One writer appends while one reader reads and discards."""

    def __init__(
        self,
        directory: Path,
        sync: bool = True,
        max_segment_bytes: int = MAX_SEGMENT_BYTES,
        after: Cursor = START,
    ) -> None:
        """Open or begin the journal in ``directory`` (made if need be) and cut off a torn tail.

        ``after`` is how far its reader has come: a journal that ends before that place (lost, or
        restored from an old copy) goes on behind it, so that the reader misses nothing new.

        Raises:
            JournalError: the directory or its last segment cannot be opened for writing.
        """
        self._directory = directory
        self._sync = sync
        self._max_segment_bytes = max_segment_bytes
        self._lock = threading.Lock()
        self._sizes: dict[int, int] = {}
        self._counted = START
        self._torn = False
        self.damaged_bytes = 0
        """Bytes that held no whole record: torn tails cut off and damage passed over."""
        try:
            self._last, self._end = self._open(after)
        except OSError as error:
            raise JournalError("open the journal in", directory, error) from error

    @property
    def end(self) -> Cursor:
        """The place behind the last committed record."""
        return self._end

    @property
    def size_bytes(self) -> int:
        """Bytes on disk."""
        with self._lock:
            return sum(self._sizes.values())

    def size_after(self, cursor: Cursor) -> int:
        """Bytes committed behind ``cursor``."""
        sizes = self._committed(cursor.segment)
        return sum(size - cursor.offset * (n == cursor.segment) for n, size in sizes)

    def append(self, bodies: Sequence[bytes]) -> Cursor:
        """Commit ``bodies`` as one group; the place behind them.

        Only when this has returned may anyone be told that they are safe.

        Raises:
            JournalError: none of them is committed; the next append starts from a clean place.
            ValueError: a body is larger than a record may be.
        """
        if max(map(len, bodies), default=0) > MAX_BODY:
            raise ValueError(f"a body over the {MAX_BODY} bytes that a record may hold")
        try:
            if self._torn or self._end.offset >= self._max_segment_bytes:
                self._roll()
            end = self._write([encode_record(self._last.nonce, body) for body in bodies])
        except OSError as error:
            path = segment_path(self._directory, self._end.segment)
            raise JournalError("write", path, error) from error
        with self._lock:
            self._sizes[end.segment] = end.offset
            self._end = end
        return end

    def read(self, start: Cursor, limit_bytes: int = 4 * 1024 * 1024) -> list[Entry]:
        """Committed records from ``start`` on, about ``limit_bytes`` of them; empty at the end.

        Raises:
            JournalError: a segment cannot be read.
        """
        for number, size in self._committed(start.segment):
            offset = max(start.offset if number == start.segment else 0, FILE_HEADER_SIZE)
            while offset < size:
                entries, offset = self._read_chunk(Cursor(number, offset), size, limit_bytes)
                if entries:
                    return entries
        return []

    def discard_before(self, cursor: Cursor) -> None:
        """Unlink the segments that lie wholly before ``cursor``; the last one always stays.

        Raises:
            JournalError: a file cannot be unlinked.
        """
        with self._lock:
            number = min(cursor.segment, self._end.segment)
            old = [known for known in self._sizes if known < number]
        for known in old:
            path = segment_path(self._directory, known)
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise JournalError("unlink", path, error) from error
            with self._lock:
                del self._sizes[known]

    def close(self) -> None:
        """Let go of the files. Everything committed is on disk already."""
        os.close(self._last.descriptor)

    def _open(self, after: Cursor) -> tuple[OpenSegment, Cursor]:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        numbers = list_segments(self._directory)
        for number in numbers:
            self._sizes[number] = segment_path(self._directory, number).stat().st_size
        if numbers:
            last, end = self._open_last(numbers[-1])
            if last.nonce and end >= after:
                return last, end
            os.close(last.descriptor)
        return self._begin(max([after.segment, *numbers]) + 1)

    def _open_last(self, number: int) -> tuple[OpenSegment, Cursor]:
        """The segment without its torn tail. It has no nonce, and is as it was, if unreadable."""
        path = segment_path(self._directory, number)
        content = path.read_bytes()
        nonce, whole = read_nonce(content), _whole_bytes(content)
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            if whole < len(content):
                self.damaged_bytes += len(content) - whole
                os.ftruncate(descriptor, whole)
            if whole == 0:
                nonce, whole = write_header(descriptor), FILE_HEADER_SIZE
            if self._sync:
                os.fdatasync(descriptor)
        except OSError:
            os.close(descriptor)
            raise
        self._sizes[number] = whole
        return OpenSegment(descriptor, nonce or b""), Cursor(number, whole)

    def _begin(self, number: int) -> tuple[OpenSegment, Cursor]:
        created = create_segment(self._directory, number, self._sync)
        with self._lock:
            self._sizes[number] = FILE_HEADER_SIZE
        return created, Cursor(number, FILE_HEADER_SIZE)

    def _roll(self) -> None:
        created, end = self._begin(self._end.segment + 1)
        os.close(self._last.descriptor)
        self._last, self._end, self._torn = created, end, False

    def _write(self, records: Sequence[bytes]) -> Cursor:
        start = self._end
        try:
            offset = write_whole(self._last.descriptor, records, start.offset)
            if self._sync:
                os.fdatasync(self._last.descriptor)
        except OSError:
            self._cut_off(start.offset)
            raise
        return Cursor(start.segment, offset)

    def _cut_off(self, offset: int) -> None:
        # After a failed sync the kernel may hold pages that it will never write: this segment
        # takes no more records, whether or not its tail could be cut.
        self._torn = True
        try:
            os.ftruncate(self._last.descriptor, offset)
        except OSError:
            return

    def _committed(self, first: int) -> list[tuple[int, int]]:
        with self._lock:
            return sorted(item for item in self._sizes.items() if item[0] >= first)

    def _read_chunk(self, start: Cursor, size: int, limit_bytes: int) -> tuple[list[Entry], int]:
        """The records of one chunk of a segment, and the offset to read on from."""
        wanted = min(size - start.offset, max(limit_bytes, 2 * MAX_RECORD))
        nonce, chunk = self._load(start, wanted)
        if nonce is None:
            self._count_damage(start, 0, size - start.offset)
            return [], size
        at_end = len(chunk) < wanted or start.offset + wanted >= size
        entries: list[Entry] = []
        for item in scan(memoryview(chunk), nonce, 0):
            if not isinstance(item, Damage):
                end = Cursor(start.segment, start.offset + item.end)
                entries.append(Entry(bytes(item.body), end))
            elif item.at_tail and not at_end:
                # The chunk may cut a whole record here, but only one that starts near its end.
                cut = max(item.start, len(chunk) - MAX_RECORD)
                self._count_damage(start, item.start, cut)
                return entries, start.offset + cut
            else:
                self._count_damage(start, item.start, item.end)
        return entries, size if at_end else start.offset + len(chunk)

    def _load(self, start: Cursor, size: int) -> tuple[bytes | None, bytes]:
        """A segment's nonce, None if its header is damaged, and ``size`` bytes from ``start``."""
        path = segment_path(self._directory, start.segment)
        try:
            with path.open("rb") as file:
                nonce = read_nonce(file.read(FILE_HEADER_SIZE))
                file.seek(start.offset)
                return nonce, file.read(size)
        except OSError as error:
            raise JournalError("read", path, error) from error

    def _count_damage(self, chunk: Cursor, start: int, end: int) -> None:
        """Count damage once, however often it is read."""
        first = max(self._counted, Cursor(chunk.segment, chunk.offset + start))
        last = Cursor(chunk.segment, chunk.offset + end)
        if last > first:
            self.damaged_bytes += last.offset - first.offset
            self._counted = last


def _whole_bytes(content: bytes) -> int:
    """How much of a segment is left when its torn tail is cut off."""
    nonce = read_nonce(content)
    if nonce is None:
        return 0 if len(content) < FILE_HEADER_SIZE else len(content)
    for item in scan(memoryview(content), nonce):
        if isinstance(item, Damage) and item.at_tail:
            return item.start
    return len(content)
