"""Amounts with units: `2s`, `$0.05`, `5%`, `1.5k`."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Final, NamedTuple

_AMOUNT: Final = re.compile(
    r"(-?)\$?([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ms|us|µs|s|min|m|h|%|k|M)?", re.ASCII
)
_TIMES_MS: Final = {
    "us": Decimal("0.001"),
    "µs": Decimal("0.001"),
    "ms": Decimal(1),
    "s": Decimal(1_000),
    "m": Decimal(60_000),
    "min": Decimal(60_000),
    "h": Decimal(3_600_000),
}
_FACTORS: Final = {
    **_TIMES_MS,
    "": Decimal(1),
    "%": Decimal("0.01"),
    "k": Decimal(1_000),
    "M": Decimal(1_000_000),
}


class Amount(NamedTuple):
    """A number; a time is in ms."""

    number: float
    is_time: bool = False

    def of_field(self, field: str) -> float:
        """The number in the unit of `field`: one whose name ends in `_s` is in seconds."""
        return self.number / 1e3 if self.is_time and field.endswith("_s") else self.number


def parse_amount(text: str) -> Amount | None:
    """The amount that `text` says, or None: `2s`, `350ms`, `$0.05`, `5%`, `1.5k`, `2M`."""
    found = _AMOUNT.fullmatch(text)
    if found is None:
        return None
    unit = found[3] or ""
    number = float(Decimal(found[2]) * _FACTORS[unit])
    if not math.isfinite(number):
        return None
    return Amount(-number if found[1] else number, unit in _TIMES_MS)
