"""Golden messages: what other implementations of the protocol can hold themselves to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.vectors import DIRECTORY, Vector, read_payload, segment, vectors

from llmmon.protocol.segment import Record, decode_body, read_nonce, scan
from llmmon.protocol.wire import Message, decode_message


@pytest.mark.parametrize("vector", vectors(), ids=lambda vector: vector.name)
def test_a_message_is_encoded_as_it_was(vector: Vector) -> None:
    assert vector.as_json() == (DIRECTORY / f"{vector.name}.json").read_text()


@pytest.mark.parametrize("path", sorted(DIRECTORY.glob("*.json")), ids=lambda path: path.stem)
def test_a_message_is_read_as_it_was(path: Path) -> None:
    document = json.loads(path.read_text())
    envelope = decode_message([bytes.fromhex(frame) for frame in document["frames"]])
    header = envelope.header._asdict() | {"agent_id": envelope.header.agent_id.hex()}
    assert (envelope.message.name, header) == (document["message"], document["header"])
    assert json.loads(json.dumps(read_payload(envelope))) == document["payload"]


def test_every_sort_of_message_has_a_vector() -> None:
    assert {decode_message(vector.frames).message for vector in vectors()} == set(Message)


def test_a_segment_is_written_and_read_as_it_was() -> None:
    content = bytes.fromhex((DIRECTORY / "segment.hex").read_text())
    assert content == segment()
    nonce = read_nonce(content)
    assert nonce is not None
    records = list(scan(memoryview(content), nonce))
    bodies = [decode_body(item.body)[1] for item in records if isinstance(item, Record)]
    assert [envelope.header.seq for envelope in bodies] == [4, 5]
