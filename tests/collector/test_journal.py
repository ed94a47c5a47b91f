"""The journal: what append returned from comes back, whatever happens to the files."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmmon.errors import LlmmonError
from llmmon.protocol.segment import (
    FILE_HEADER_SIZE,
    MAX_BODY,
    MAX_RECORD,
    RECORD_OVERHEAD,
    encode_header,
)
from llmmon_collector.journal import Cursor, Journal, JournalError
from llmmon_collector.journal.journal import START

LIMITED = """
import resource, signal, sys
from pathlib import Path
from llmmon_collector.journal import Journal, JournalError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
journal = Journal(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
for i in range(40):
    body = b"%04d" % i + bytes(996)
    try:
        journal.append([body, body])
    except JournalError as error:
        assert error.errno == 27, error
        print("refused", i)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
"""
"""A child whose files may not grow over 10 kB: a disk that fills up and is freed again."""


def read_all(journal: Journal, start: Cursor = START, limit_bytes: int = 4096) -> list[bytes]:
    bodies: list[bytes] = []
    while entries := journal.read(start, limit_bytes):
        bodies += [entry.body for entry in entries]
        start = entries[-1].end
    return bodies


def segments(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def test_what_was_appended_comes_back_in_order_after_reopening(directory: Path) -> None:
    journal = Journal(directory)
    journal.append([b"a", b"b"])
    end = journal.append([b"c"])
    assert journal.end == end
    journal.close()
    again = Journal(directory)
    assert read_all(again) == [b"a", b"b", b"c"]
    assert again.end == end
    assert again.damaged_bytes == 0
    again.close()


def test_a_cursor_resumes_behind_its_entry(directory: Path) -> None:
    journal = Journal(directory, max_segment_bytes=40)
    for i in range(9):
        journal.append([b"%d" % i, b"x"])
    entries = journal.read(START, 1)
    assert read_all(journal, entries[0].end) == read_all(journal)[1:]
    assert journal.read(journal.end) == []
    journal.close()


def test_segments_roll_and_are_discarded_whole(directory: Path) -> None:
    journal = Journal(directory, max_segment_bytes=80)
    ends = [journal.append([bytes([i]) * 30]) for i in range(6)]
    assert [end.segment for end in ends] == [1, 1, 2, 2, 3, 3]
    assert journal.size_bytes == sum(p.stat().st_size for p in directory.iterdir())
    journal.discard_before(ends[3])
    assert segments(directory) == ["000000000002.seg", "000000000003.seg"]
    assert read_all(journal, ends[3]) == [bytes([4]) * 30, bytes([5]) * 30]
    journal.discard_before(Cursor(99, 0))
    assert segments(directory) == ["000000000003.seg"]
    journal.append([b"on"])
    journal.close()


@pytest.mark.parametrize("size", [1, 50])
def test_a_tail_torn_at_any_byte_of_the_last_record_costs_only_that(
    directory: Path, size: int
) -> None:
    journal = Journal(directory, sync=False)
    before = journal.append([b"first", b"second"])
    after = journal.append([b"z" * size])
    journal.close()
    path = directory / segments(directory)[-1]
    whole = path.read_bytes()
    for cut in range(before.offset, after.offset):
        path.write_bytes(whole[:cut])
        torn = Journal(directory, sync=False)
        assert torn.end == before
        assert torn.damaged_bytes == cut - before.offset
        torn.append([b"new"])
        assert read_all(torn) == [b"first", b"second", b"new"]
        torn.close()


def test_a_file_header_torn_in_creation_is_written_again(directory: Path) -> None:
    directory.mkdir()
    for cut in range(FILE_HEADER_SIZE):
        (directory / "000000000004.seg").write_bytes(encode_header(bytes(8))[:cut])
        journal = Journal(directory)
        assert journal.damaged_bytes == cut
        journal.append([b"fine"])
        assert read_all(journal) == [b"fine"]
        journal.close()


def test_a_header_past_reading_costs_its_segment_and_is_counted(directory: Path) -> None:
    journal = Journal(directory, sync=False, max_segment_bytes=60)
    for body in (b"one", b"two" * 10, b"three", b"four" * 9):
        journal.append([body])
    assert len(segments(directory)) == 2
    journal.close()
    whole = {path: path.read_bytes() for path in directory.iterdir()}
    for path, content in whole.items():
        path.write_bytes(bytes(FILE_HEADER_SIZE) + content[FILE_HEADER_SIZE:])
        damaged = Journal(directory, sync=False)
        damaged.append([b"after"])
        kept = [b"three", b"four" * 9] if path == min(whole) else [b"one", b"two" * 10]
        assert read_all(damaged) == [*kept, b"after"]
        assert damaged.damaged_bytes == len(content) - FILE_HEADER_SIZE
        damaged.close()
        for other in directory.iterdir():
            other.unlink()
        for other, held in whole.items():
            other.write_bytes(held)


def test_records_that_another_segment_held_are_not_read(directory: Path) -> None:
    journal = Journal(directory, sync=False)
    journal.append([b"old"])
    journal.close()
    [path] = directory.iterdir()
    stale = path.read_bytes()[FILE_HEADER_SIZE:]
    path.unlink()
    journal = Journal(directory, sync=False)
    journal.append([b"new"])
    journal.close()
    with path.open("ab") as file:
        file.write(stale)
    journal = Journal(directory, sync=False)
    assert read_all(journal) == [b"new"]
    assert journal.damaged_bytes == len(stale)
    journal.close()


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 40), min_size=2, max_size=8),
    data=st.data(),
)
def test_a_flipped_bit_costs_one_record_and_is_counted(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], data: st.DataObject
) -> None:
    directory = tmp_path_factory.mktemp("flip")
    bodies = [bytes([i]) * size for i, size in enumerate(sizes)]
    journal = Journal(directory, sync=False)
    ends = [journal.append([body]).offset for body in bodies]
    journal.append([b"last"])
    journal.close()
    path = directory / segments(directory)[0]
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, ends[-1] - 1))
    content[at] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    journal = Journal(directory, sync=False)
    hit = next(i for i, end in enumerate([FILE_HEADER_SIZE, *ends]) if at < end)
    lost = [] if hit == 0 else [hit - 1]
    kept = [body for i, body in enumerate(bodies) if i not in lost]
    assert read_all(journal) == [*kept, b"last"]
    assert read_all(journal) == [*kept, b"last"]
    assert journal.damaged_bytes == sum(RECORD_OVERHEAD + sizes[i] for i in lost)
    journal.close()


def test_damage_larger_than_a_chunk_is_passed_over(directory: Path) -> None:
    journal = Journal(directory, sync=False)
    journal.append([b"before"])
    start = journal.end.offset
    journal.append([bytes(MAX_BODY)] * 4)
    stop = journal.end.offset
    journal.append([b"after"])
    journal.close()
    path = directory / segments(directory)[0]
    content = bytearray(path.read_bytes())
    content[start:stop] = bytes(stop - start)
    path.write_bytes(content)
    journal = Journal(directory, sync=False)
    assert read_all(journal) == [b"before", b"after"]
    assert journal.damaged_bytes == stop - start == 4 * MAX_RECORD
    journal.close()


def test_records_cut_by_a_chunk_are_not_damage(directory: Path) -> None:
    journal = Journal(directory, sync=False)
    bodies = [bytes([i]) * (MAX_BODY - i) for i in range(5)]
    journal.append(bodies)
    assert read_all(journal) == bodies
    assert journal.damaged_bytes == 0
    journal.close()


def test_a_full_disk_refuses_the_group_and_later_appends_go_on(directory: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", LIMITED, str(directory)], capture_output=True, text=True, check=True
    )
    assert ran.stdout.splitlines() == ["refused 4"]
    journal = Journal(directory)
    numbers = [int(body[:4]) for body in read_all(journal)]
    assert numbers == [i for i in range(40) if i != 4 for _ in range(2)]
    assert journal.damaged_bytes == 0
    journal.close()


def test_a_directory_that_cannot_be_made_is_a_plain_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(JournalError, match="Not a directory") as caught:
        Journal(tmp_path / "file" / "journal")
    assert isinstance(caught.value, LlmmonError)
    assert isinstance(caught.value, OSError)
    assert caught.value.errno == errno.ENOTDIR


def test_a_body_that_no_reader_would_accept_is_refused(directory: Path) -> None:
    journal = Journal(directory)
    with pytest.raises(ValueError, match="record"):
        journal.append([bytes(MAX_BODY + 1)])
    assert read_all(journal) == []
    journal.close()


def test_a_journal_behind_its_reader_goes_on_behind_it(directory: Path) -> None:
    journal = Journal(directory, after=Cursor(17, 4000))
    journal.append([b"new"])
    assert read_all(journal, Cursor(17, 4000)) == [b"new"]
    journal.close()
    again = Journal(directory, after=Cursor(18, 8))
    assert read_all(again, Cursor(17, 4000)) == [b"new"]
    again.close()


def test_a_reader_beside_the_writer_sees_every_record_once(directory: Path) -> None:
    journal = Journal(directory, sync=False, max_segment_bytes=3000)
    written = [b"%06d" % i for i in range(3000)]
    done = threading.Event()

    def write() -> None:
        for first in range(0, len(written), 7):
            journal.append(written[first : first + 7])
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen: list[bytes] = []
    cursor = START
    while True:
        finished = done.is_set()
        entries = journal.read(cursor, 500)
        if entries:
            seen += [entry.body for entry in entries]
            cursor = entries[-1].end
            journal.discard_before(cursor)
        elif finished:
            break
    writer.join()
    assert seen == written
    assert len(segments(directory)) == 1
    journal.close()


def test_other_files_in_the_directory_are_left_alone(directory: Path) -> None:
    directory.mkdir()
    (directory / "notes.txt").write_text("mine")
    journal = Journal(directory)
    journal.append([b"x"])
    journal.discard_before(Cursor(50, 0))
    assert (directory / "notes.txt").read_text() == "mine"
    assert os.stat(directory / "000000000001.seg").st_mode & 0o777 == 0o600
    journal.close()
