"""Value axes with limits and ticks at 1, 2 or 5 times a power of ten."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Axis:
    """From `low` at the bottom to `high` at the top; `ticks` ascend and include both ends."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def fraction(self, value: float) -> float:
        """Height of a value: 0 at the bottom, 1 at the top, cut to that range."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))


def nice_step(span: float, intervals: int) -> float:
    """The smallest 1-2-5 step that covers a positive span in at most `intervals` steps."""
    rough = span / max(1, intervals)
    power = 10.0 ** math.floor(math.log10(rough))
    for factor in (1, 2, 5):
        if factor * power >= rough * (1 - 1e-9):
            return factor * power
    return 10 * power


def nice_axis(low: float, high: float, intervals: int) -> Axis:
    """An axis that holds `low` and `high` with at most about `intervals` steps."""
    if high - low < max(abs(high), abs(low), 1e-9) * 1e-6:
        high = low + max(abs(low), 1.0)
    step = nice_step(high - low, intervals)
    first = math.floor(low / step + 1e-9)
    last = math.ceil(high / step - 1e-9)
    # round() takes off the binary dust of n * 0.1
    digits = max(0, 2 - math.floor(math.log10(step)))
    ticks = tuple(round(index * step, digits) for index in range(first, last + 1))
    return Axis(ticks[0], ticks[-1], ticks)


def steady_axis(before: Axis | None, low: float, high: float, intervals: int) -> Axis:
    """As `nice_axis`, but keep the axis of the frame before while the values still suit it.

    It suits when it holds them all and they reach at least 40 % of its height: a chart whose peak
    wobbles around a step does not jump to and fro.
    """
    fits = before is not None and before.low <= low and high <= before.high
    if before is not None and fits and before.fraction(high) >= 0.4:
        return before
    return nice_axis(low, high, intervals)
