"""A line of blocks, one a value, from 0 to a fixed maximum.

The scale is fixed on purpose: a spark that stretches itself to its own data makes a flat, noisy
series look like a drama.
"""

import math
from collections.abc import Sequence

LEVELS = "▁▂▃▄▅▆▇█"
NO_VALUE = "·"


def spark(values: Sequence[float | None], width: int, maximum: float) -> str:
    """The last `width` values in exactly `width` cells, the newest at the right.

    None is drawn as `NO_VALUE`; where there is no history yet the line is blank. Values beyond 0 to
    `maximum` are drawn as the lowest or highest block, as are all when `maximum` is not above 0.
    """
    if width <= 0:
        return ""
    text = "".join(_block(value, maximum) for value in values[-width:])
    return text.rjust(width)


def _block(value: float | None, maximum: float) -> str:
    if value is None or not math.isfinite(value):
        return NO_VALUE
    if maximum <= 0:
        return LEVELS[0] if value <= 0 else LEVELS[-1]
    share = min(1.0, max(0.0, value / maximum))
    return LEVELS[min(len(LEVELS) - 1, int(share * len(LEVELS)))]
