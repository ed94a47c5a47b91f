"""A flipped bit or a torn tail costs the record that it hits, and that is counted."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.collector import CollectorProcess, eventually
from support.disk import EVENTS, SUMS, Agent
from support.report import Report

from llmmon.protocol.segment import FILE_HEADER_SIZE
from llmmon_collector.journal import Cursor, Journal

POSITIONS = 1000
RECORDS = 60

NEVER_FOLDS = """
from llmmon_collector.main import main
from llmmon_collector.store.folder import Folder
Folder.tend = lambda self: None
Folder.fold_once = lambda self: 0
main()
"""


@pytest.fixture
def collector() -> Iterator[CollectorProcess]:
    """One that leaves everything in its journal."""
    directory = Path(tempfile.mkdtemp(prefix="llmmon-"))
    process = CollectorProcess(directory, program=("-c", NEVER_FOLDS))
    process.start()
    yield process
    process.close()
    shutil.rmtree(directory)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("damage", ["flip", "tear"])
def test_damage_in_the_journal_costs_what_it_hits_and_is_counted(
    collector: CollectorProcess, damage: str, report: Report
) -> None:
    agent = Agent(collector)
    agent.push(20)
    agent.settle()
    collector.kill()
    [segment] = sorted((collector.directory / "state" / "journal").glob("*.seg"))
    content = bytearray(segment.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 0x10
    else:
        del content[-100:]
    segment.write_bytes(content)
    collector.program = ("-m", "llmmon_collector")
    collector.start()
    agent.push(1)
    agent.settle()
    kept = (agent.sent - 1) * EVENTS
    eventually(lambda: collector.query(SUMS)[0]["n"] == kept, 10, "not one batch lost")
    assert collector.query(SUMS)[0]["ids"] == kept
    ingest = collector.snapshot()["ingest"]
    assert (ingest["events_stored"], sum(ingest["events_lost"].values())) == (kept, EVENTS)
    status = json.loads(collector.client("status", "--json"))["collector"]
    assert status["journal_damaged_bytes"] > 0
    agent.close()
    report(f"journal damaged ({damage})", f"1 of {agent.sent} batches lost, counted exactly")


def journal_with_records(directory: Path) -> tuple[Path, list[bytes], list[tuple[int, int]]]:
    """A segment, the bodies in it, and where each one's record lies."""
    journal = Journal(directory, sync=False)
    bodies, places = [], []
    for number in range(RECORDS):
        body = bytes([number]) * (50 + 7 * number)
        before = journal.end.offset
        places.append((before, journal.append([body]).offset))
        bodies.append(body)
    journal.close()
    [segment] = directory.glob("*.seg")
    return segment, bodies, places


def read_back(segment: Path) -> tuple[list[bytes], int]:
    """What a journal opened on a segment tells, and how many bytes it counts as damaged."""
    journal = Journal(segment.parent, sync=False)
    read: list[bytes] = []
    cursor = Cursor(0, 0)
    while entries := journal.read(cursor):
        read += [entry.body for entry in entries]
        cursor = entries[-1].end
    journal.append([b"after"])
    assert journal.read(cursor)[-1].body == b"after"
    journal.close()
    return read, journal.damaged_bytes


def damaged_anywhere(tmp_path: Path) -> int:
    """Flip a bit, or tear the tail, at each of many places; how often a record was hit."""
    segment, bodies, places = journal_with_records(tmp_path / "journal")
    whole = segment.read_bytes()
    hits = 0
    for number in range(POSITIONS):
        at = number * len(whole) // POSITIONS
        torn = number % 4 == 0
        changed = bytearray(whole[:at] if torn else whole)
        if not torn:
            changed[at] ^= 1 << number % 8
        segment.write_bytes(changed)
        read, damaged_bytes = read_back(segment)
        kept = [
            body
            for body, (start, end) in zip(bodies, places, strict=True)
            if (end <= at if torn else not start <= at < end)
        ]
        assert read == kept, (at, torn)
        was_hit = any(start < at < end if torn else start <= at < end for start, end in places)
        assert (damaged_bytes > 0) == was_hit or at < FILE_HEADER_SIZE, (at, torn)
        hits += was_hit
    return hits


def test_damage_anywhere_in_a_segment_costs_the_record_that_it_hits(
    tmp_path: Path, report: Report
) -> None:
    began_s = time.monotonic()
    hits = damaged_anywhere(tmp_path)
    took_s = (time.monotonic() - began_s) / POSITIONS
    assert hits > POSITIONS // 2
    figure = f"{hits} records hit and counted, no other lost, {took_s * 1e3:.1f} ms an opening"
    report(f"bit flipped or tail torn at {POSITIONS} places", figure)


def test_control_without_a_checksum_a_changed_record_passes_for_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, report: Report
) -> None:
    monkeypatch.setattr(zlib, "crc32", lambda body, seed=0: 0)
    segment, bodies, places = journal_with_records(tmp_path / "journal")
    content = bytearray(segment.read_bytes())
    hit = RECORDS // 2
    content[places[hit][1] - 1] ^= 1
    segment.write_bytes(content)
    read, damaged_bytes = read_back(segment)
    changed = [n for n, pair in enumerate(zip(read, bodies, strict=True)) if pair[0] != pair[1]]
    assert (changed, damaged_bytes) == ([hit], 0)
    report("  control: records without a checksum", "a changed one is read as if whole")
