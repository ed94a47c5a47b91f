"""Money is exact to the pico-dollar."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmon.protocol.money import PICO_PER_USD, pico_usd, usd


@pytest.mark.parametrize(
    ("amount", "pico"),
    [
        (0.1, PICO_PER_USD // 10),
        (1, PICO_PER_USD),
        ("0.000002", 2_000_000),
        (Decimal("1e-12"), 1),
        (Decimal("5e-13"), 0),
        (Decimal("15e-13"), 2),
    ],
)
def test_dollars_become_whole_pico_dollars(amount, pico: int) -> None:
    assert pico_usd(amount) == pico


@pytest.mark.parametrize("amount", [float("nan"), float("inf"), Decimal("nan")])
def test_what_is_no_amount_is_refused(amount) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        pico_usd(amount)


@given(st.integers(0, 10**15))
def test_reading_and_writing_agree_below_a_thousand_dollars(pico: int) -> None:
    assert pico_usd(usd(pico)) == pico
