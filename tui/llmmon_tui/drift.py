"""Has the distribution of quality moved? The population stability index. Pure.

Over buckets i, with the shares a of now and e of the reference,

    PSI = sum of (a_i - e_i) * ln(a_i / e_i)

(N. Siddiqi, Credit Risk Scorecards, Wiley 2006; it is the symmetrised Kullback-Leibler divergence).
Custom reads below 0.1 as steady, from 0.1 as moved and from 0.25 as shifted. Where nothing moves,
PSI is about (1/n + 1/m) times a chi-squared variable with one degree of freedom less than there are
buckets (B. Yurdakul, Statistical Properties of Population Stability Index, Western Michigan
University 2018): with few scores it is large by chance alone, so what is within the 95th percentile
of that is no finding, and below `LEAST` scores on either side nothing is said at all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

MOVED: Final = 0.1
SHIFTED: Final = 0.25
LEAST: Final = 50
"""Scores that either side needs."""
_HALF: Final = 0.5
"""Added to each bucket: an empty one would make the index infinite."""
_CHI_SQUARED_95: Final = {1: 3.841, 2: 5.991, 3: 7.815, 4: 9.488, 5: 11.070, 6: 12.592}
"""By degrees of freedom."""


class Finding(StrEnum):
    """What an index says."""

    TOO_FEW = "too few"
    STEADY = "steady"
    CHANCE = "within chance"
    MOVED = "moved"
    SHIFTED = "shifted"


class Drift(NamedTuple):
    """Two distributions beside each other."""

    finding: Finding
    psi: float | None
    """None where there are too few scores."""
    scored: int
    scored_before: int


def compare(now: Sequence[int], before: Sequence[int]) -> Drift:
    """What moved between two counts over the same two to seven buckets."""
    n, m = sum(now), sum(before)
    if min(n, m) < LEAST:
        return Drift(Finding.TOO_FEW, None, n, m)
    index = stability_index(now, before)
    by_chance = _CHI_SQUARED_95[len(now) - 1] * (1 / n + 1 / m)
    return Drift(_finding(index, by_chance), index, n, m)


def stability_index(now: Sequence[int], before: Sequence[int]) -> float:
    """The PSI of two counts over the same buckets, half a score added to each."""
    pairs = zip(_shares(now), _shares(before), strict=True)
    return sum((a - e) * math.log(a / e) for a, e in pairs)


def _finding(index: float, by_chance: float) -> Finding:
    if index < MOVED:
        return Finding.STEADY
    if index <= by_chance:
        return Finding.CHANCE
    return Finding.MOVED if index < SHIFTED else Finding.SHIFTED


def _shares(counts: Sequence[int]) -> list[float]:
    whole = sum(counts) + _HALF * len(counts)
    return [(count + _HALF) / whole for count in counts]
