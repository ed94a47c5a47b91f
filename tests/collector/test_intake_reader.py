"""A batch is read whole, and what is remembered of its series is bounded."""

from __future__ import annotations

import pytest
from support.frames import AGENT

from llmmon.errors import SchemaError
from llmmon.protocol.event import SERIES_FIELDS
from llmmon.protocol.wire import Envelope, Header, Message, encode_batch, encode_series
from llmmon_collector.intake.reader import LONGEST_KEY, MOST_KEYS, BatchReader


def envelope(*keys: bytes) -> Envelope:
    return Envelope(Message.BATCH, Header(AGENT, 1, 1), encode_batch("h", "p", keys, {}, {}))


def series(model: str) -> bytes:
    return encode_series([model if name == "model" else None for name in SERIES_FIELDS])


def test_a_batch_says_whose_it_is() -> None:
    batch = BatchReader().read(envelope(series("m")))
    assert (batch.agent_id, batch.series) == (AGENT, (series("m"),))


def test_a_bad_key_is_refused_every_time() -> None:
    reader = BatchReader()
    for _ in range(2):
        with pytest.raises(SchemaError):
            reader.read(envelope(series("m"), b"\x01"))
    assert len(reader) == 1


def test_long_keys_are_not_remembered_and_the_others_not_without_bound() -> None:
    reader = BatchReader()
    reader.read(envelope(series("m" * 200), series("é" * 256)))
    assert len(series("é" * 256)) > LONGEST_KEY
    assert len(reader) == 1
    for first in range(0, 2 * MOST_KEYS, 1000):
        reader.read(envelope(*(series(f"m{n}") for n in range(first, first + 1000))))
        assert len(reader) <= MOST_KEYS
