"""Adds parts of several collectors up, and tells the metrics of the sum.

Counts and money are added as integers and sketches bin by bin: a merged percentile is the one that
a single collector would have told that had seen all the requests.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import add
from typing import Final

from llmmon.protocol.groups import Value
from llmmon.protocol.money import PICO_PER_USD
from llmmon.protocol.names import METRICS
from llmmon.protocol.parttable import COUNTS, QUALITY_BUCKETS, SCORES, SKETCHES, Part
from llmmon.protocol.sketch import EMPTY, merge_sketches, sketch_quantiles

NOTHING: Final = Part((0,) * len(COUNTS), (EMPTY,) * len(SKETCHES))
"""The parts of no requests."""
QUANTILES: Final = {
    "latency": {
        "latency_p50": 0.5,
        "latency_p90": 0.9,
        "latency_p95": 0.95,
        "latency_p99": 0.99,
        "latency_max": 1.0,
    },
    "ttft": {"ttft_p50": 0.5, "ttft_p95": 0.95, "ttft_p99": 0.99},
    "max_gap": {"max_gap_p95": 0.95},
    "tpot": {"tpot_p50": 0.5, "tpot_p95": 0.95},
}
"""The fraction behind each metric that is a quantile, by sketch."""
_SCORE_UNIT: Final = 1_000_000
_US_PER_MS: Final = 1000
_FIRST_BUCKET: Final = COUNTS.index("bucket_0")


def merge_parts(parts: Sequence[Part]) -> Part:
    """All of ``parts`` in one."""
    if len(parts) < 2:
        return parts[0] if parts else NOTHING
    counts = reduce(lambda a, b: tuple(map(add, a, b)), (part.counts for part in parts))
    sketches = zip(*(part.sketches for part in parts), strict=True)
    return Part(counts, tuple(map(merge_sketches, sketches)))


def merge_groups(
    groups: Iterable[tuple[dict[str, str], Part]],
) -> list[tuple[dict[str, str], Part]]:
    """Groups of the same labels in one, in the order in which they come first."""
    together: dict[tuple[str, ...], tuple[dict[str, str], list[Part]]] = {}
    for labels, part in groups:
        together.setdefault(tuple(labels.values()), (labels, []))[1].append(part)
    return [(labels, merge_parts(parts)) for labels, parts in together.values()]


def requests_of(part: Part) -> int:
    """How many requests ``part`` speaks of."""
    return part.counts[0]


def quality_buckets(part: Part) -> tuple[int, ...]:
    """Scored requests by quality, in five buckets of a fifth each."""
    return part.counts[_FIRST_BUCKET : _FIRST_BUCKET + QUALITY_BUCKETS]


def derive(part: Part, seconds: float) -> dict[str, Value]:
    """All metrics that ``part`` tells of ``seconds`` of time, in the order of ``METRICS``.

    None is no value: a mean of nothing, or a sum that none of the requests told. The open requests
    are not told here.
    """
    told = dict(zip(COUNTS, part.counts, strict=True))
    output = _known_sum(told["output"], told["output_n"], told["requests"])
    values: dict[str, Value] = {
        "requests": told["requests"],
        "request_rate": told["requests"] / seconds,
        "errors": told["errors"],
        "error_rate": _ratio(told["errors"], told["requests"]),
        "latency_mean": _ratio(told["latency_us"], told["latency_n"], _US_PER_MS),
        "tokens_per_second": None if output is None else output / seconds,
        "input_tokens": _known_sum(told["input"], told["input_n"], told["requests"]),
        "output_tokens": output,
        "cached_tokens": _known_sum(told["cached"], told["cached_n"], told["requests"]),
        "cached_token_ratio": _ratio(told["cached"], told["cached_of"]),
        "cost_usd": _cost_usd(told, ""),
        "hourly_cost": _cost_usd(told, "hour_"),
        "daily_cost": _cost_usd(told, "day_"),
        "unpriced_requests": told["unpriced"],
        "refusal_rate": _ratio(told["refused"], told["judged"]),
        "scored_requests": told["quality_n"],
    }
    for score in SCORES:
        name = "quality_score_mean" if score == "quality" else f"{score}_mean"
        values[name] = _ratio(told[score], told[f"{score}_n"], _SCORE_UNIT)
    for sketch, wanted in zip(part.sketches, QUANTILES.values(), strict=True):
        values.update(zip(wanted, sketch_quantiles(sketch, tuple(wanted.values())), strict=True))
    return {name: values[name] for name in METRICS if name in values}


def _cost_usd(told: Mapping[str, int], of: str) -> float | None:
    pico = _known_sum(told[f"{of}cost_pico"], told[f"{of}priced"], told[f"{of}unpriced"])
    return None if pico is None else pico / PICO_PER_USD


def _known_sum(total: int, told: int, requests: int) -> int | None:
    """``total``, None where there are ``requests`` and none of them told anything."""
    return total if told > 0 or requests == 0 else None


def _ratio(part: int, whole: int, unit: int = 1) -> float | None:
    """``part`` over ``whole`` in ``unit``, None where that is nothing."""
    return part / whole / unit if whole > 0 else None
