"""Segment files on disk: names, creation, whole writes. All raise plain ``OSError``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from llmmon.protocol.segment import NONCE_SIZE, encode_header

_SUFFIX: Final = ".seg"
_MAX_PARTS: Final = 1024
"""Buffers that one ``pwritev`` takes on Linux and macOS."""


class OpenSegment(NamedTuple):
    """A segment to write to."""

    descriptor: int
    nonce: bytes


def segment_path(directory: Path, number: int) -> Path:
    """Where segment ``number`` lives."""
    return directory / f"{number:012d}{_SUFFIX}"


def list_segments(directory: Path) -> list[int]:
    """The numbers of the segments in ``directory``, ascending; other files are left alone."""
    stems = (path.stem for path in directory.glob(f"*{_SUFFIX}"))
    return sorted(int(stem) for stem in stems if stem.isdigit())


def create_segment(directory: Path, number: int, sync: bool) -> OpenSegment:
    """A new segment with nothing but its file header, its name durable."""
    path = segment_path(directory, number)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        nonce = write_header(descriptor)
        if sync:
            os.fdatasync(descriptor)
            sync_directory(directory)
    except OSError:
        os.close(descriptor)
        path.unlink(missing_ok=True)
        raise
    return OpenSegment(descriptor, nonce)


def write_header(descriptor: int) -> bytes:
    """Begin a segment; its nonce."""
    nonce = os.urandom(NONCE_SIZE)
    write_whole(descriptor, [encode_header(nonce)], 0)
    return nonce


def write_whole(descriptor: int, parts: Sequence[bytes], offset: int) -> int:
    """Write all of ``parts`` at ``offset``; the offset behind them."""
    for first in range(0, len(parts), _MAX_PARTS):
        group = parts[first : first + _MAX_PARTS]
        end = offset + sum(map(len, group))
        written = os.pwritev(descriptor, group, offset)
        if offset + written < end:
            _write_rest(descriptor, b"".join(group)[written:], offset + written)
        offset = end
    return offset


def _write_rest(descriptor: int, rest: bytes, offset: int) -> None:
    view = memoryview(rest)
    while view:
        written = os.pwrite(descriptor, view, offset)
        offset += written
        view = view[written:]


def sync_directory(directory: Path) -> None:
    """Make the names in ``directory`` durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
