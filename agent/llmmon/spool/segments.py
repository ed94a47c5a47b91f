"""The segment files of one spool: append a record, read it back, remove what nobody needs.

A record's place is its segment, its offset and its length. A file is removed when every record
that was written to it, or found in it, has been released.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Iterator
from io import FileIO
from itertools import count
from typing import Final, NamedTuple

from llmmon.delivery.numbered import Place
from llmmon.errors import ProtocolError
from llmmon.protocol.segment import (
    FILE_HEADER_SIZE,
    NONCE_SIZE,
    Damage,
    decode_body,
    encode_header,
    encode_record,
    read_nonce,
    scan,
)
from llmmon.protocol.wire import Envelope

SEGMENT_BYTES: Final = 8 << 20
"""Bytes of one segment at most, but for the last record."""

_FILE: Final = re.compile(r"([0-9]{8,10})\.seg")

Lane = tuple[int, int]
"""Who writes (the depth of signal handlers inside one another) and the rank that is written."""


class _Writer(NamedTuple):
    number: int
    file: FileIO
    nonce: bytes


class Segments:
    """Files in one directory. The caller sees to it that one thread at a time works with them."""

    def __init__(self, directory: str, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._next_number = count(1).__next__
        self._writers: dict[Lane, _Writer] = {}
        self._sizes: dict[int, int] = {}
        self._records: dict[int, int] = {}

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(list(self._sizes.values()))

    @property
    def records(self) -> int:
        """Records that were not released."""
        return sum(list(self._records.values()))

    def append(self, lane: Lane, body: bytes) -> Place:
        """Write ``body`` as a record, all of it or nothing.

        Raises:
            OSError: the disk is full, read-only, broken.
            ValueError: the files were closed.
        """
        number, file, nonce = self._writer(lane)
        record = encode_record(nonce, body)
        # of the file itself: an exception may have come between a write and its booking
        offset = file.tell()
        self._write(lane, record)
        self._sizes[number] = offset + len(record)
        self._records[number] += 1
        return Place(number, offset, len(record))

    def _writer(self, lane: Lane) -> _Writer:
        writer = self._writers.get(lane)
        if writer is not None and self._sizes[writer.number] >= self._segment_bytes:
            self._retire(lane)
            writer = None
        if writer is None:
            number = self._next_number()
            file = FileIO(self._path(number), "x", opener=_open_private)
            writer = _Writer(number, file, os.urandom(NONCE_SIZE))
            # known before anything is in it, so that whatever fails below does not leave it
            self._sizes[number] = self._records[number] = 0
            self._writers[lane] = writer
            self._write(lane, encode_header(writer.nonce))
            self._sizes[number] = FILE_HEADER_SIZE
        return writer

    def _write(self, lane: Lane, data: bytes) -> None:
        file = self._writers[lane].file
        offset = file.tell()
        try:
            _write_whole(file, data)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(file.fileno(), offset)
            self._retire(lane)
            raise

    def _retire(self, lane: Lane) -> None:
        writer = self._writers.pop(lane)
        writer.file.close()
        self._remove_if_unneeded(writer.number)

    def read(self, place: Place) -> Envelope | None:
        """The message at ``place``; None if it is not there whole."""
        try:
            with open(self._path(place.segment), "rb", buffering=0) as file:
                nonce = read_nonce(file.read(FILE_HEADER_SIZE))
                if nonce is None:
                    return None
                record = os.pread(file.fileno(), place.length, place.offset)
                found = next(scan(memoryview(record), nonce, 0))
            return None if isinstance(found, Damage) else decode_body(found.body)[1]
        except (OSError, StopIteration, ProtocolError):
            return None

    def release(self, number: int) -> None:
        """One record of segment ``number`` is needed no more."""
        if number in self._records:
            self._records[number] -= 1
            self._remove_if_unneeded(number)

    def _remove_if_unneeded(self, number: int) -> None:
        if self._records[number] > 0:
            return
        for lane, writer in list(self._writers.items()):
            if writer.number == number:
                del self._writers[lane]
                writer.file.close()
        del self._records[number], self._sizes[number]
        with contextlib.suppress(OSError):
            os.unlink(self._path(number))

    def numbers(self) -> list[int]:
        """Numbers of the segments that lie in the directory, whoever wrote them.

        Raises:
            OSError: the directory cannot be read.
        """
        found = map(_FILE.fullmatch, os.listdir(self._directory))
        return sorted(int(match[1]) for match in found if match is not None)

    def load(self, number: int) -> Iterator[tuple[Place, Envelope] | Damage]:
        """Every message of segment ``number``, and the damage between them.

        Raises:
            OSError: the file cannot be read.
        """
        with open(self._path(number), "rb") as file:
            buffer = file.read()
        nonce = read_nonce(buffer)
        if nonce is None:
            if buffer:
                yield Damage(0, len(buffer), at_tail=True)
            return
        start = FILE_HEADER_SIZE
        if buffer[:start] != encode_header(nonce):
            yield Damage(0, start, at_tail=False)
        for item in scan(memoryview(buffer), nonce, start):
            if isinstance(item, Damage):
                start = item.end
                yield item
                continue
            place = Place(number, start, item.end - start)
            start = item.end
            try:
                yield place, decode_body(item.body)[1]
            except ProtocolError:
                yield Damage(place.offset, item.end, at_tail=False)

    def need(self, number: int) -> None:
        """A record that was loaded from segment ``number`` is to be released before it goes."""
        self._records[number] = self._records.get(number, 0) + 1
        self._sizes.setdefault(number, 0)

    def close(self) -> None:
        """Close what is open; the files stay."""
        while self._writers:
            self._writers.popitem()[1].file.close()

    def _path(self, number: int) -> str:
        return os.path.join(self._directory, f"{number:08d}.seg")


def _write_whole(file: FileIO, data: bytes) -> None:
    if file.write(data) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
