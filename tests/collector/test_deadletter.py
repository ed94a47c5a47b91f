"""Dead letters: one file that goes on after a restart, whatever it began with."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmmon.protocol.segment import Record, read_nonce, scan
from llmmon_collector.intake.deadletter import DeadLetters


def bodies(path: Path) -> list[bytes]:
    content = path.read_bytes()
    nonce = read_nonce(content)
    assert nonce is not None
    return [
        bytes(item.body) for item in scan(memoryview(content), nonce) if isinstance(item, Record)
    ]


def test_a_later_collector_adds_to_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "dead.seg"
    for body in (b"one", b"two", b"three"):
        DeadLetters(path).add(body)
    assert bodies(path) == [b"one", b"two", b"three"]


@pytest.mark.parametrize("content", [b"", b"LLMMON", bytes(100)])
def test_a_file_without_a_header_begins_anew(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "dead.seg"
    path.write_bytes(content)
    DeadLetters(path).add(b"kept")
    assert bodies(path) == [b"kept"]
