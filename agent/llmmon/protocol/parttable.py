"""What can be added up: exact counts and sketches, a row a window, group or bucket of time.

A table travels as columns, a name once and then a number a row, packed little-endian as narrowly
as the largest number allows: 1, 2 or 4 bytes unsigned or 8 signed; none at all where all are 0. A
sketch column is three: how many bins each row fills (2 bytes), which (2 bytes each, ascending
within a row), and how much each holds.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from operator import lt
from typing import Any, Final, NamedTuple

from llmmon.errors import SchemaError
from llmmon.protocol.sketch import BINS, EMPTY, Sketch

SCORES: Final = ("quality", "relevance", "coherence", "safety", "format", "factuality")
QUALITY_BUCKETS: Final = 5
COUNTS: Final = (
    "requests",
    "errors",
    "latency_n",
    "latency_us",
    "input_n",
    "input",
    "output_n",
    "output",
    "cached_n",
    "cached",
    "cached_of",
    "priced",
    "cost_pico",
    "unpriced",
    *chain.from_iterable((f"{score}_n", score) for score in SCORES),
    "judged",
    "refused",
    *(f"bucket_{i}" for i in range(QUALITY_BUCKETS)),
    "hour_cost_pico",
    "hour_priced",
    "hour_unpriced",
    "day_cost_pico",
    "day_priced",
    "day_unpriced",
)
"""The exact columns. ``*_n`` is how many requests told the value that follows, which is a sum:
latencies in whole microseconds, scores in millionths, money in pico-USD. ``hour_*`` and ``day_*``
are of the trailing hour and of today, whatever the window."""
SKETCHES: Final = ("latency", "ttft", "max_gap", "tpot")
MAX_ROWS: Final = 200_000
_TYPES: Final = {1: "B", 2: "H", 4: "I", 8: "q"}
_NARROW: Final = ((1, 1 << 8), (2, 1 << 16), (4, 1 << 32))


class Part(NamedTuple):
    """One row."""

    counts: tuple[int, ...]
    """In the order of ``COUNTS``."""
    sketches: tuple[Sketch, ...]
    """In the order of ``SKETCHES``."""


class SketchColumn(NamedTuple):
    """The sketches of all rows, packed."""

    lengths: bytes
    bins: bytes
    counts: bytes


@dataclass(frozen=True, slots=True)
class PartTable:
    """Rows as they travel."""

    size: int
    counts: Mapping[str, bytes]
    sketches: Mapping[str, SketchColumn]

    @classmethod
    def of(cls, rows: Sequence[Part]) -> PartTable:
        """``rows`` packed."""
        columns = zip(*(row.counts for row in rows), strict=True) if rows else ()
        sketches = zip(*(row.sketches for row in rows), strict=True) if rows else ()
        return cls(
            len(rows),
            {name: pack_integers(column) for name, column in zip(COUNTS, columns, strict=False)},
            {
                name: _pack_sketches(column)
                for name, column in zip(SKETCHES, sketches, strict=False)
            },
        )

    def plain(self) -> list[Any]:
        """The table as plain values for msgpack."""
        sketches = {name: list(column) for name, column in self.sketches.items()}
        return [self.size, dict(self.counts), sketches]


def read_rows(plain: Any) -> tuple[Part, ...]:
    """The rows behind what :meth:`PartTable.plain` made.

    Raises:
        SchemaError: any other shape, type or length, or bins that do not ascend.
    """
    match plain:
        case [int() as size, dict() as counts, dict() as sketches] if 0 <= size <= MAX_ROWS:
            columns = [_unpack_integers(counts.get(name, b""), size) for name in COUNTS]
            drawn = [_unpack_sketches(sketches.get(name), size) for name in SKETCHES]
            rows = zip(zip(*columns, strict=True), zip(*drawn, strict=True), strict=True)
            return tuple(Part(*row) for row in rows)
    raise SchemaError("parts: expected [size, counts, sketches]")


def pack_integers(values: Iterable[int]) -> bytes:
    """``values`` in the narrowest width that holds them all."""
    column = array("q", values)
    if not any(column):
        return b""
    low, high = min(column), max(column)
    width = next((width for width, over in _NARROW if low >= 0 and high < over), 8)
    return _little_endian(column if width == 8 else array(_TYPES[width], column)).tobytes()


def _unpack_integers(packed: Any, size: int) -> Sequence[int]:
    if packed == b"":
        return [0] * size
    if not isinstance(packed, bytes) or not size or len(packed) % size:
        raise SchemaError("parts: expected a packed column")
    kind = _TYPES.get(len(packed) // size)
    if kind is None:
        raise SchemaError("parts: expected a column of 1, 2, 4 or 8 bytes a row")
    return _little_endian(array(kind, packed))


def _pack_sketches(sketches: Sequence[Sketch]) -> SketchColumn:
    lengths = array("H", (len(sketch.bins) for sketch in sketches))
    bins = array("H", chain.from_iterable(sketch.bins for sketch in sketches))
    counts = pack_integers(chain.from_iterable(sketch.counts for sketch in sketches))
    return SketchColumn(_little_endian(lengths).tobytes(), _little_endian(bins).tobytes(), counts)


def _unpack_sketches(plain: Any, size: int) -> Sequence[Sketch]:
    if plain is None:
        return [EMPTY] * size
    match plain:
        case [bytes() as lengths, bytes() as bins, bytes() as counts] if len(lengths) == 2 * size:
            ends = [0]
            for length in _little_endian(array("H", lengths)):
                ends.append(ends[-1] + length)
            if len(bins) == 2 * ends[-1]:
                filled = _little_endian(array("H", bins))
                return _cut(ends, filled, _unpack_integers(counts, len(filled)))
    raise SchemaError("parts: expected [lengths, bins, counts] for every sketch")


def _cut(ends: Sequence[int], bins: Sequence[int], counts: Sequence[int]) -> list[Sketch]:
    """The sketches that end at ``ends``."""
    if bins and (max(bins) >= BINS or min(counts) < 1):
        raise SchemaError(f"parts: expected bins under {BINS} that hold something")
    cut = [Sketch(bins[low:high], counts[low:high]) for low, high in pairwise(ends)]
    if not all(all(map(lt, sketch.bins, sketch.bins[1:])) for sketch in cut):
        raise SchemaError("parts: expected bins that ascend")
    return cut


def _little_endian(column: array[int]) -> array[int]:
    if sys.byteorder == "big":
        column.byteswap()
    return column
