"""Requests that a test describes, as columns for the windows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from llmmon.protocol.money import pico_usd
from llmmon.protocol.names import DIMENSIONS, REFUSAL, SCORES
from llmmon_collector.requests import FROM_PROVIDER, MISSING, UNKNOWN_SOURCE, Requests
from llmmon_collector.series import SeriesKey, SeriesTable
from llmmon_collector.tools.casefile import Cycle, TrafficCase

MAX_REQUESTS: Final = 5_000_000
_TIMES_MS: Final = ("latency_ms", "ttft_ms", "max_gap_ms")
_TOKENS: Final = ("input_tokens", "output_tokens", "cached_tokens")
_UNTOLD: Final = ("cache_write_tokens", "reasoning_tokens")


class TooManyRequestsError(ValueError):
    """A test describes more traffic than anybody can mean."""


def requests_of(
    traffic: Sequence[TrafficCase], start_ns: int, end_s: float, series: SeriesTable
) -> Requests:
    """All requests of ``traffic``, at least one piece, up to ``end_s``, by when they end.

    Raises:
        TooManyRequestsError: they are more than ``MAX_REQUESTS``.
    """
    total = sum(_length(piece, end_s) for piece in traffic)
    if total > MAX_REQUESTS:
        raise TooManyRequestsError(
            f"{total:,} requests, at most {MAX_REQUESTS:,}: raise every or lower count"
        )
    parts = [_requests(piece, start_ns, _length(piece, end_s), series) for piece in traffic]
    joined = _join(parts)
    return joined.take(np.argsort(joined.end_ns, kind="stable"))


def _length(piece: TrafficCase, end_s: float) -> int:
    to_s = end_s + piece.every_s if piece.to_s is None else piece.to_s
    return piece.count * max(0, int(np.ceil((to_s - piece.from_s) / piece.every_s - 1e-9)))


def _requests(piece: TrafficCase, start_ns: int, length: int, series: SeriesTable) -> Requests:
    index = np.arange(length)
    offset_s = piece.from_s + index // piece.count * piece.every_s
    end_ns = start_ns + np.rint(offset_s * 1e9).astype(np.int64)
    key = SeriesKey(*(piece.labels.get(name, "") for name in DIMENSIONS))
    floats = {name: _floats(getattr(piece, name), index) for name in (*_TIMES_MS, *SCORES, REFUSAL)}
    cost_pico = _integers(tuple(map(pico_usd, piece.cost_usd)), index)
    latency_ns = np.nan_to_num(floats["latency_ms"].astype(np.float64)) * 1e6
    columns: dict[str, Any] = {
        **floats,
        **{name: _integers(getattr(piece, name), index) for name in _TOKENS},
        **{name: _integers((), index) for name in _UNTOLD},
    }
    return Requests(
        series=np.full(length, series.code(key), np.int32),
        start_ns=end_ns - latency_ns.astype(np.int64),
        end_ns=end_ns,
        cost_pico=cost_pico,
        cost_source=np.where(cost_pico == MISSING, UNKNOWN_SOURCE, FROM_PROVIDER).astype(np.uint8),
        error=_failing(float(piece.error), index),
        quality=_quality(piece, floats, index),
        **columns,
    )


def _quality(
    piece: TrafficCase, floats: dict[str, NDArray[np.float32]], index: NDArray[np.int64]
) -> NDArray[np.float32]:
    """As told, else the mean of the scores."""
    if piece.quality or not any(getattr(piece, name) for name in SCORES):
        return _floats(piece.quality, index)
    told = [floats[name] for name in SCORES if getattr(piece, name)]
    mean: NDArray[np.float32] = np.mean(told, axis=0, dtype=np.float32)
    return mean


def _failing(share: float, index: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Evenly spread: so many of the first n, for every n."""
    failed: NDArray[np.bool_] = np.floor((index + 1) * share + 1e-9) > np.floor(
        index * share + 1e-9
    )
    return failed


def _floats(cycle: Cycle, index: NDArray[np.int64]) -> NDArray[np.float32]:
    values = np.array(cycle or (np.nan,), np.float32)
    return values[index % len(values)]


def _integers(cycle: Sequence[float], index: NDArray[np.int64]) -> NDArray[np.int64]:
    values = np.array([round(value) for value in cycle] or [MISSING], np.int64)
    return values[index % len(values)]


def _join(parts: Iterable[Requests]) -> Requests:
    all_parts = tuple(parts)
    return Requests(
        **{
            field.name: np.concatenate([getattr(part, field.name) for part in all_parts])
            for field in fields(Requests)
        }
    )
