"""Batches whose requests can be made to end at other times, without encoding them again."""

from __future__ import annotations

import numpy as np

from bench.traffic import BATCH
from llmmon.protocol import codec
from llmmon.protocol.event import Kind
from llmmon.protocol.table import Form
from llmmon.protocol.wire import decode_batch


class Shiftable:
    """A batch's payload whose requests can be made to end at other times."""

    def __init__(self, payload: bytes) -> None:
        table = decode_batch(payload, BATCH).tables[Kind.REQUEST]
        starts = table.packed["start_ns"]
        self._number = starts[0]
        self._before, self._after = payload.split(codec.pack(starts))
        latency_ms = np.array(table.values("latency_ms"))
        self._latency_ns = (latency_ms * 1e6).astype(np.int64)

    def ending(self, first_ns: int, within_ns: int) -> bytes:
        """The payload with its requests ending evenly over ``within_ns`` from ``first_ns`` on."""
        ends_ns = first_ns + np.arange(BATCH, dtype=np.int64) * (within_ns // BATCH)
        starts_ns = (ends_ns - self._latency_ns).tobytes()
        packed = codec.pack([self._number, Form.ALL.value, starts_ns])
        return self._before + packed + self._after
