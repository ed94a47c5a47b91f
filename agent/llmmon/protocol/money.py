"""Exact money: integer pico-dollars (1e-12 USD) inside, dollars only where a person reads."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

PICO_PER_USD: Final = 10**12


def pico_usd(usd: Decimal | float | int | str) -> int:
    """``usd`` in whole pico-dollars, rounded half to even.

    A float is taken at its shortest decimal form, so ``0.1`` is exactly a tenth of a dollar.

    Raises:
        ValueError: not a finite number.
    """
    amount = usd if isinstance(usd, Decimal) else Decimal(str(usd))
    if not amount.is_finite():
        raise ValueError(f"{usd!r} is not an amount of money")
    return int((amount * PICO_PER_USD).to_integral_value(ROUND_HALF_EVEN))


def usd(pico: int) -> float:
    """``pico`` pico-dollars as a float of dollars, for reading."""
    return pico / PICO_PER_USD
