"""Requests as numpy columns, and what prices them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

MISSING: Final = -1
"""A token count or cost that is not known."""

REPEATS: Final = -1
"""The price code of operations whose tokens their children's requests count already."""

UNKNOWN_SOURCE, FROM_PROVIDER, FROM_PRICES = 0, 1, 2
"""Where a cost comes from: ``Requests.cost_source``."""

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests of many batches, a row each. NaN and ``MISSING`` stand for no value."""

    series: NDArray[np.int32]
    start_ns: Integers
    end_ns: Integers
    """``start_ns`` plus latency: the moment that windows count a request at."""
    latency_ms: Floats
    ttft_ms: Floats
    max_gap_ms: Floats
    input_tokens: Integers
    output_tokens: Integers
    cached_tokens: Integers
    cache_write_tokens: Integers
    reasoning_tokens: Integers
    cost_pico: Integers
    cost_source: NDArray[np.uint8]
    error: NDArray[np.bool_]
    relevance: Floats
    coherence: Floats
    safety: Floats
    format: Floats
    factuality: Floats
    refusal: Floats
    quality: Floats
    """Mean of the scores, without refusal, that the request has."""

    def __len__(self) -> int:
        return len(self.series)

    def take(self, rows: NDArray[Any] | slice) -> Requests:
        """The requests that ``rows`` (a mask, indices or a slice) picks."""
        if isinstance(rows, np.ndarray) and rows.dtype == np.bool_:
            rows = np.flatnonzero(rows)
        return Requests(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def ending(self, end_ns: Integers) -> Requests:
        """The same requests, ending at ``end_ns``."""
        return replace(self, end_ns=end_ns)


class Prices(Protocol):
    """What prices tokens; ``pricing.book.PriceBook`` is one."""

    def code(self, provider: str | None, model: str) -> int:
        """A small number for the price list of a model."""
        ...

    def cost(
        self, codes: NDArray[np.int32], at_ns: Integers, tokens: Sequence[Integers]
    ) -> Integers:
        """Pico-USD of each row, ``MISSING`` where it has no price.

        ``codes`` may hold ``REPEATS``: those rows cost nothing here. ``tokens`` are input, output,
        cached and cache-write tokens.
        """
        ...
