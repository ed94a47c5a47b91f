"""Sums of windows as they are added to those of other collectors: ``llmmon.protocol.parttable``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from llmmon.protocol.parttable import COUNTS, SKETCHES, PartTable, SketchColumn
from llmmon_collector.sketch import BINS
from llmmon_collector.windows.delta import HISTOGRAMS, ROW

Integers = NDArray[np.int64]

COSTS: Final = 6
"""Cost in pico-USD, priced and unpriced requests of the trailing hour, then of today."""
_BIN_BITS: Final = BINS.bit_length() - 1
_ROW_BITS: Final = ROW.bit_length() - 1
_WIDTHS: Final = ("<u1", "<u2", "<u4")


class Sums(NamedTuple):
    """Rows of exact counts and of histograms."""

    counts: Integers
    """``int64[rows, COLUMNS]``."""
    costs: Integers
    """``int64[rows, COSTS]``."""
    bins: Integers
    """Bins that hold something, ascending: bin ``b`` of histogram ``h`` of row ``r`` is
    ``r * ROW + h * BINS + b``."""
    bin_counts: NDArray[Any]

    @classmethod
    def dense(cls, counts: Integers, bins: Integers, costs: Integers | None = None) -> Sums:
        """Sums with all bins told: ``int64[rows, ROW]``."""
        if costs is None:
            costs = np.zeros((len(counts), COSTS), np.int64)
        filled = np.flatnonzero(bins)
        return cls(counts, costs, filled, bins.ravel()[filled])

    def pick(self, wanted: NDArray[np.bool_]) -> Sums:
        """The rows that the mask ``wanted`` names, which must be all that have bins."""
        places = np.cumsum(wanted) - 1
        bins = places[self.bins >> _ROW_BITS] * ROW + (self.bins & (ROW - 1))
        return Sums(self.counts[wanted], self.costs[wanted], bins, self.bin_counts)


def stack(sums: Sequence[Sums]) -> Sums:
    """The rows of all ``sums``, at least one, one under the other."""
    firsts = np.cumsum([0, *(len(each.counts) for each in sums[:-1])])
    bins = [each.bins + first * ROW for each, first in zip(sums, firsts, strict=True)]
    return Sums(
        np.concatenate([each.counts for each in sums]),
        np.concatenate([each.costs for each in sums]),
        np.concatenate(bins),
        np.concatenate([each.bin_counts for each in sums]),
    )


def as_table(sums: Sums) -> PartTable:
    """``sums``, of fewer than a million rows, as they travel."""
    columns = np.ascontiguousarray(np.concatenate([sums.counts, sums.costs], axis=1).T)
    counts = {name: _packed(column) for name, column in zip(COUNTS, columns, strict=True)}
    size = len(sums.counts)
    bins = sums.bins.astype(np.uint32)
    sketches = {}
    for histogram, name in enumerate(SKETCHES):
        mine = np.flatnonzero((bins >> _BIN_BITS) & (HISTOGRAMS - 1) == histogram)
        lengths = np.bincount(bins[mine] >> _ROW_BITS, minlength=size)
        sketches[name] = SketchColumn(
            lengths.astype("<u2").tobytes(),
            (bins[mine] & (BINS - 1)).astype("<u2").tobytes(),
            _packed(sums.bin_counts[mine]),
        )
    return PartTable(size, counts, sketches)


def _packed(values: NDArray[Any]) -> bytes:
    """``values``, none of them negative, in the narrowest width that holds them all."""
    most = int(values.max(initial=0))
    if most == 0:
        return b""
    fitting = (width for width in _WIDTHS if most <= np.iinfo(width).max)
    return values.astype(next(fitting, "<i8")).tobytes()
