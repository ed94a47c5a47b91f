"""What expressions do to whole columns. The unknown is NaN and never becomes known. Pure.

A column has a float a row. Truth is 1, falsehood 0. Nothing here returns an infinity.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.float64]
"""A value a row, NaN where there is none."""
Pairwise = Callable[[Column, Column], Column]


def finite(column: Column) -> Column:
    """``column`` with infinities made unknown."""
    return np.where(np.isfinite(column), column, np.nan)


def _arithmetic(function: Pairwise) -> Pairwise:
    return lambda left, right: finite(function(left, right))


def _comparison(function: Callable[[Any, Any], Any]) -> Pairwise:
    def compared(left: Column, right: Column) -> Column:
        unknown = np.isnan(left) | np.isnan(right)
        return np.where(unknown, np.nan, function(left, right))

    return compared


def conjunction(left: Column, right: Column) -> Column:
    """False if either is false, whatever the other; else unknown if either is unknown."""
    return np.where((left == 0) | (right == 0), 0.0, left * right)


def disjunction(left: Column, right: Column) -> Column:
    """True if either is true, whatever the other; else unknown if either is unknown."""
    return np.where((left == 1) | (right == 1), 1.0, left + right)


ARITHMETIC: Final[dict[str, Pairwise]] = {
    "+": _arithmetic(np.add),
    "-": _arithmetic(np.subtract),
    "*": _arithmetic(np.multiply),
    "/": _arithmetic(np.divide),
}
COMPARISONS: Final[dict[str, Pairwise]] = {
    ">": _comparison(operator.gt),
    ">=": _comparison(operator.ge),
    "<": _comparison(operator.lt),
    "<=": _comparison(operator.le),
    "==": _comparison(operator.eq),
    "!=": _comparison(operator.ne),
}
EXTREMES: Final[dict[str, Pairwise]] = {"min": np.minimum, "max": np.maximum}
"""Unknown where any argument is."""
