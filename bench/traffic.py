"""Synthetic traffic as agents send it: batches of 256 requests with all common fields told.

Latencies are lognormal, a fiftieth of the requests fail, a tenth are scored. Of 256 requests in a
batch each belongs to one of at most eight series, as those of one service do.
"""

from __future__ import annotations

import random
from typing import Any, Final

import numpy as np

from llmmon.protocol.event import SERIES_FIELDS, Kind
from llmmon.protocol.names import SCORES
from llmmon.protocol.wire import Header, Message, encode_batch, encode_message, encode_series

BATCH: Final = 256
START_NS: Final = 1_795_500_000_000_000_000
"""2026-11-24 06:00:00 UTC."""
SECOND_NS: Final = 1_000_000_000
AGENT: Final = bytes(range(16))

_A_BATCH: Final = 8
_KNOWN: Final = (
    ("openai", "gpt-4o"),
    ("openai", "gpt-4o-mini"),
    ("anthropic", "claude-3-5-sonnet-20241022"),
    ("anthropic", "claude-3-5-haiku-20241022"),
    ("google", "gemini-1.5-pro"),
    ("mistral", "mistral-large-2411"),
)
"""Models that have a list price; the rest are made up and have none."""


class Traffic:
    """Requests over ``series`` series in ``models`` models."""

    def __init__(self, series: int, models: int, seed: int = 7) -> None:
        self._keys = [_key(i % models, i // models) for i in range(series)]
        self._random = random.Random(seed)
        self._numpy = np.random.default_rng(seed)

    def payload(self, second: int) -> bytes:
        """A batch of requests that ended within ``second``, counted from ``START_NS``."""
        keys = self._random.sample(self._keys, min(_A_BATCH, len(self._keys)))
        table = BATCH, self._columns(len(keys), START_NS + second * SECOND_NS)
        return encode_batch("host-1", "a1b2c3", keys, {Kind.REQUEST: table}, {})

    def frames(self, second: int, seq: int) -> list[bytes]:
        """The message of batch number ``seq`` of the one stream there is."""
        return message(self.payload(second), seq)

    def _columns(self, keys: int, end_ns: int) -> dict[str, list[Any]]:
        rng = self._numpy
        latency_ms = rng.lognormal(6.5, 0.6, BATCH)
        ends_ns = end_ns + np.sort(rng.integers(0, SECOND_NS, BATCH))
        columns: dict[str, list[Any]] = {
            "series": rng.integers(0, keys, BATCH).tolist(),
            "counter": list(range(BATCH)),
            "start_ns": (ends_ns - (latency_ms * 1e6).astype(np.int64)).tolist(),
            "latency_ms": latency_ms.tolist(),
            "ttft_ms": (latency_ms * 0.2).tolist(),
            "max_gap_ms": (latency_ms * 0.05).tolist(),
            "stream": [1] * BATCH,
            "input_tokens": rng.integers(10, 4000, BATCH).tolist(),
            "output_tokens": rng.integers(1, 800, BATCH).tolist(),
            "cached_tokens": rng.integers(0, 10, BATCH).tolist(),
            "status_code": [200] * BATCH,
            "finish_reason": ["stop"] * BATCH,
            "error": self._some(0.02, ["RateLimitError"] * BATCH),
        }
        return columns | {name: self._some(0.1, rng.random(BATCH).tolist()) for name in SCORES}

    def _some(self, share: float, values: list[Any]) -> list[Any]:
        told = self._numpy.random(BATCH) < share
        return [value if some else None for value, some in zip(values, told, strict=True)]


def message(payload: bytes, seq: int) -> list[bytes]:
    """The four frames of a batch of ``BATCH`` events."""
    header = Header(AGENT, 1, seq, seq, (seq - 1) * BATCH, BATCH, START_NS, 0)
    return encode_message(Message.BATCH, header, payload)


def _key(model: int, place: int) -> bytes:
    provider, name = _KNOWN[model] if model < len(_KNOWN) else ("own", f"model-{model}")
    known = {
        "service": f"service-{place % 4}",
        "environment": "production",
        "operation": "chat",
        "provider": provider,
        "model": name,
        "route": f"/route/{place}",
    }
    return encode_series([known.get(field) for field in SERIES_FIELDS])
