"""Series of values in promtool's compact notation, such as ``1000x5 9000+500x10 _x3``. Pure.

As there (prometheus.io, "Unit testing for rules"): ``a`` is one value, ``axn`` that value and ``n``
more, ``a+bxn`` and ``a-bxn`` a value and ``n`` more that each differ by ``b`` from the one before,
``_`` a missing value and ``_xn`` ``n`` missing values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

MAX_VALUES: Final = 100_000
_NUMBER: Final = r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
_RUN: Final = re.compile(rf"(-?{_NUMBER})(?:([+-]{_NUMBER})(?=x))?(?:x(\d+))?")
_GAP: Final = re.compile(r"_(?:x(\d+))?")


def expand(text: str) -> tuple[float | None, ...]:
    """The values that ``text`` stands for, None where one is missing.

    Raises:
        ValueError: a part is not in the notation, or they are too many.
    """
    values: list[float | None] = []
    for part in text.split():
        values += _part(part, MAX_VALUES - len(values))
    return tuple(values)


def _part(part: str, room: int) -> Iterator[float | None]:
    gap, run = _GAP.fullmatch(part), _RUN.fullmatch(part)
    if gap is None and run is None:
        raise ValueError(
            f"{part!r} is no value: write 5, 5x3 (5 and three more), 5+2x3 (5 7 9 11), _ or _x3"
        )
    times = gap[1] if gap else run and run[3]
    count = (int(times) if times else 1) if gap else int(times or 0) + 1
    if count > room:
        raise ValueError(f"{part!r}: more than {MAX_VALUES:,} values")
    if run is None:
        yield from [None] * count
        return
    first, step = float(run[1]), float(run[2] or 0)
    yield from (first + step * i for i in range(count))
