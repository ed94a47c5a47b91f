"""Segment files: what was written whole comes back, whatever happens to the rest."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.spools import NONCE, framed, record

from llmmon.delivery.numbered import Place
from llmmon.protocol.segment import FILE_HEADER_SIZE, Damage, encode_header
from llmmon.spool.segments import Segments


def sequences(directory: Path, number: int = 1) -> tuple[list[int], int]:
    """Sequence numbers that can be read, and how much damage there is."""
    loaded = list(Segments(str(directory)).load(number))
    found = [item[1].header.seq for item in loaded if not isinstance(item, Damage)]
    return found, len(loaded) - len(found)


def test_records_come_back_by_their_place(tmp_path: Path) -> None:
    segments = Segments(str(tmp_path))
    places = [segments.append((0, 2), record(seq, seq - 1)) for seq in (1, 2, 3)]
    read = [segments.read(place) for place in places]
    assert [envelope.header.seq for envelope in read if envelope is not None] == [1, 2, 3]
    segments.close()
    assert sequences(tmp_path) == ([1, 2, 3], 0)
    assert (tmp_path / "00000001.seg").stat().st_mode & 0o777 == 0o600


def test_each_rank_has_segments_of_its_own_and_full_ones_are_followed(tmp_path: Path) -> None:
    segments = Segments(str(tmp_path), segment_bytes=len(record(1, 0)) * 2)
    numbers = [
        segments.append((0, rank), record(n, n)).segment for n, rank in enumerate([2, 0] * 6)
    ]
    segments.close()
    assert numbers == [1, 2, 1, 2, 3, 4, 3, 4, 5, 6, 5, 6]
    assert Segments(str(tmp_path)).numbers() == [1, 2, 3, 4, 5, 6]


def test_a_file_goes_when_its_last_record_is_released_and_the_next_write_begins_anew(
    tmp_path: Path,
) -> None:
    segments = Segments(str(tmp_path))
    first = segments.append((0, 2), record(1, 0))
    segments.append((0, 2), record(2, 1))
    segments.release(1)
    assert segments.read(first) is not None
    segments.release(1)
    assert (list(tmp_path.iterdir()), segments.size, segments.records) == ([], 0, 0)
    assert segments.append((0, 2), record(3, 2)) == Place(2, FILE_HEADER_SIZE, len(framed(3, 2)))
    segments.release(1)
    segments.close()
    assert sequences(tmp_path, 2) == ([3], 0)


def test_a_segment_torn_at_any_byte_keeps_what_was_whole_before(tmp_path: Path) -> None:
    parts = [framed(seq, seq - 1) for seq in (1, 2, 3)]
    whole = encode_header(NONCE) + b"".join(parts)
    ends = [FILE_HEADER_SIZE + len(b"".join(parts[: n + 1])) for n in range(3)]
    path = tmp_path / "00000001.seg"
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        found, damaged = sequences(tmp_path)
        assert found == [n + 1 for n, end in enumerate(ends) if end <= cut]
        assert damaged == (cut not in (0, FILE_HEADER_SIZE, *ends))


def test_a_byte_flipped_anywhere_costs_the_record_that_it_hits(tmp_path: Path) -> None:
    parts = [framed(seq, seq - 1) for seq in (1, 2, 3)]
    whole = encode_header(NONCE) + b"".join(parts)
    path = tmp_path / "00000001.seg"
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= 0x55
        path.write_bytes(changed)
        hit = (at - FILE_HEADER_SIZE) // len(parts[0]) + 1 if at >= FILE_HEADER_SIZE else 0
        found, damaged = sequences(tmp_path)
        assert found == [seq for seq in (1, 2, 3) if seq != hit]
        assert damaged == 1


def test_what_is_not_there_is_read_as_none(tmp_path: Path) -> None:
    segments = Segments(str(tmp_path))
    place = segments.append((0, 2), record(1, 0))
    assert segments.read(place._replace(offset=FILE_HEADER_SIZE + 1)) is None
    assert segments.read(place._replace(segment=5)) is None
    assert segments.read(place._replace(offset=10_000)) is None
    segments.close()


def test_other_names_are_no_segments_and_no_file_is_overwritten(tmp_path: Path) -> None:
    for name in ("lock", "7.seg", "00000001.seg.tmp", "x.seg", "٣٣٣٣٣٣٣٣.seg"):
        (tmp_path / name).touch()
    segments = Segments(str(tmp_path))
    assert segments.numbers() == []
    (tmp_path / "00000001.seg").touch()
    with pytest.raises(FileExistsError):
        segments.append((0, 2), record(1, 0))
