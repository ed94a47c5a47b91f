"""Reads a batch whole, series keys too: what passes here no later room chokes on. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from llmmon.protocol.wire import Batch, Envelope, decode_batch, decode_series

MOST_KEYS: Final = 10_000
"""Series keys remembered at most, of ``LONGEST_KEY`` bytes each."""
LONGEST_KEY: Final = 512
"""True keys are shorter; longer ones are read every time."""


class BatchReader:
    """Remembers which series keys are sound: every batch repeats those of its agent."""

    def __init__(self) -> None:
        self._sound: set[bytes] = set()

    def __len__(self) -> int:
        return len(self._sound)

    def read(self, envelope: Envelope) -> Batch:
        """The batch in ``envelope``.

        Raises:
            SchemaError: it, or one of its series keys, is not what an agent writes.
        """
        header = envelope.header
        batch = decode_batch(envelope.payload, header.events, header.agent_id)
        self._check(batch.series)
        return batch

    def _check(self, keys: Sequence[bytes]) -> None:
        for key in keys:
            if key in self._sound:
                continue
            decode_series(key)
            if len(key) > LONGEST_KEY:
                continue
            # all at once: those in use are read again with the next batch that brings them
            if len(self._sound) >= MOST_KEYS:
                self._sound.clear()
            self._sound.add(key)
