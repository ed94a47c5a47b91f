"""Latency sketches as arrays; ``llmmon.protocol.sketch`` says what a bin is.

A histogram is ``BINS`` integers; adding two of them merges them exactly, so neither the order nor
the grouping of what was counted can show in a quantile.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from llmmon.protocol.sketch import BINS, GAMMA, RELATIVE_ERROR, SMALLEST_MS

__all__ = [
    "BINS",
    "BLOCK",
    "BLOCKS",
    "LARGEST_MS",
    "RELATIVE_ERROR",
    "SMALLEST_MS",
    "before",
    "bin_of",
    "maximum",
    "narrow_bin_of",
    "position",
    "quantiles",
    "ranks",
    "value_of",
]

BLOCK: Final = 32
"""Bins that a search for a quantile skips at a time."""
BLOCKS: Final = BINS // BLOCK
_PER_LOG: Final = np.float32(1 / math.log(GAMMA))
_OFFSET: Final = np.float32(math.log(SMALLEST_MS) / math.log(GAMMA))
LARGEST_MS: Final = SMALLEST_MS * GAMMA ** (BINS - 1)

Bins = NDArray[np.int64]
Floats = NDArray[np.float64]


def bin_of(values_ms: NDArray[Any]) -> Bins:
    """The bin of each value; 0 where it is NaN.

    Works in 32-bit floats, as latencies travel: at a bin's edge that moves a value by 2e-6 of it.
    """
    return narrow_bin_of(values_ms).astype(np.int64)


def narrow_bin_of(values_ms: NDArray[Any]) -> NDArray[np.int32]:
    """The same in half the width."""
    scale = np.fmax(values_ms, SMALLEST_MS, dtype=np.float32)
    np.minimum(scale, np.float32(LARGEST_MS), out=scale)
    np.log(scale, out=scale)
    scale *= _PER_LOG
    scale -= _OFFSET
    np.ceil(scale, out=scale)
    bins: NDArray[np.int32] = np.clip(scale, 0, BINS - 1, out=scale).astype(np.int32)
    return bins


def value_of(bins: NDArray[Any]) -> Floats:
    """The value in ms that each bin stands for."""
    value: Floats = 2 * SMALLEST_MS / (GAMMA + 1) * np.power(GAMMA, bins.astype(np.float64))
    return value


def ranks(counts: NDArray[Any], q: float) -> Bins:
    """The rank, from 0, of the lower quantile ``q`` among each of ``counts`` values.

    The lower quantile is the value of rank ``floor(q * (n - 1))``, as in the paper's section 2.1
    and in ``numpy.quantile(method="lower")``. It is 0 where there are no values.
    """
    rank: Bins = np.floor(q * np.maximum(counts - 1, 0)).astype(np.int64)
    return rank


def position(cumulative: NDArray[Any], rank: NDArray[Any]) -> Bins:
    """Where along the last axis of ``cumulative`` counts the value of ``rank`` falls."""
    at: Bins = (cumulative <= rank[..., None]).argmin(axis=-1)
    return at


def before(cumulative: NDArray[Any], at: NDArray[Any]) -> Bins:
    """How many values lie before position ``at`` on the last axis of ``cumulative`` counts."""
    previous = np.take_along_axis(cumulative, np.maximum(at - 1, 0)[..., None], axis=-1)[..., 0]
    return np.where(at > 0, previous, 0)


def quantiles(hist: NDArray[Any], qs: Sequence[float]) -> Floats:
    """Lower quantiles of ``hist[..., BINS]`` in ms: ``float64[..., len(qs)]``, NaN where empty."""
    blocks = hist.reshape(*hist.shape[:-1], BLOCKS, BLOCK)
    cumulative = blocks.sum(axis=-1, dtype=np.int64).cumsum(axis=-1)
    count = cumulative[..., -1]
    values = np.empty((*count.shape, len(qs)))
    for i, q in enumerate(qs):
        rank = ranks(count, q)
        block = position(cumulative, rank)
        inside = np.take_along_axis(blocks, block[..., None, None], axis=-2)[..., 0, :]
        running = inside.cumsum(axis=-1, dtype=np.int64)
        found = block * BLOCK + position(running, rank - before(cumulative, block))
        values[..., i] = np.where(count > 0, value_of(found), np.nan)
    return values


def maximum(hist: NDArray[Any]) -> Floats:
    """The largest value of ``hist[..., BINS]`` in ms, to the sketch's error; NaN where empty."""
    return quantiles(hist, (1.0,))[..., 0]
