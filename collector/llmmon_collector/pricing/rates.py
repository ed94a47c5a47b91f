"""Price lists: what a model costs, from when, at what time of day, above how many tokens."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from llmmon_collector.pricing.model import PriceOverride

DAY_NS: Final = 86_400 * 10**9
FRACTION: Final = 10**9
"""A coefficient is whole pico-dollars per token and this fraction of one."""

_PICO_PER_TOKEN: Final = 10**6
"""1 USD per million tokens is this many pico-dollars per token."""
_PICO_PER_USD: Final = 10**12


class Rates(NamedTuple):
    """USD per million tokens, each exact."""

    input: Decimal
    output: Decimal
    cached: Decimal
    cache_write: Decimal
    request_usd: Decimal = Decimal(0)
    """USD for every request, beside its tokens."""


class Price(NamedTuple):
    """Rates, and when they hold. ``rates`` is None where a model has no price."""

    rates: Rates | None
    from_ns: int = -(2**63)
    """First instant (request start, wall clock)."""
    day_start_ns: int = 0
    """Every day from here (UTC) for ``day_span_ns``, over midnight where it must."""
    day_span_ns: int = DAY_NS
    above_input_tokens: int = -1
    """Only for requests with more input tokens than this; then it holds for all their tokens."""

    @property
    def always(self) -> bool:
        """Whether these rates hold whenever nothing later in the list does."""
        return self == Price(self.rates)


UNPRICED: Final = Price(None)

PriceList = tuple[Price, ...]
"""In growing precedence: the last one whose conditions hold is the price."""


def override_prices(overrides: Iterable[PriceOverride]) -> PriceList:
    """The prices of ``overrides``, in their order."""
    return tuple(Price(_override_rates(o), _midnight_ns(o.valid_from)) for o in overrides)


def _override_rates(override: PriceOverride) -> Rates:
    cached, write = override.cached_input_per_mtok, override.cache_write_per_mtok
    return Rates(
        override.input_per_mtok,
        override.output_per_mtok,
        override.input_per_mtok if cached is None else cached,
        override.input_per_mtok if write is None else write,
    )


def _midnight_ns(day: date | None) -> int:
    if day is None:
        return Price(None).from_ns
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return int(midnight.timestamp()) * 10**9


def shorten(prices: PriceList) -> PriceList:
    """The same list without what can never hold; its first price always holds."""
    last = max((i for i, price in enumerate(prices) if price.always), default=None)
    return (UNPRICED, *prices) if last is None else prices[last:]


class Coefficients(NamedTuple):
    """Price lists as columns, a row a price."""

    priced: NDArray[np.bool_]
    whole: NDArray[np.int64]
    """Pico-dollars per token: a row each for plain input, output, cached and cache-write."""
    fraction: NDArray[np.int64]
    """What ``whole`` leaves, in ``1 / FRACTION`` pico-dollars."""
    has_fraction: NDArray[np.bool_]
    request_pico: NDArray[np.int64]
    from_ns: NDArray[np.int64]
    day_start_ns: NDArray[np.int64]
    day_span_ns: NDArray[np.int64]
    above_input_tokens: NDArray[np.int64]


def coefficients(prices: Sequence[Price]) -> Coefficients:
    """``prices`` as columns; rates with up to 15 decimals are exact."""
    rates = [price.rates or Rates(*(Decimal(0),) * 4) for price in prices]
    split = [[_split(rate) for rate in row[:4]] for row in rates]
    both = np.array(split, dtype=np.int64).reshape(len(prices), 4, 2)
    return Coefficients(
        np.array([price.rates is not None for price in prices], dtype=np.bool_),
        np.ascontiguousarray(both[:, :, 0].T),
        np.ascontiguousarray(both[:, :, 1].T),
        both[:, :, 1].max(axis=1) > 0,
        np.array([int(row.request_usd * _PICO_PER_USD) for row in rates], dtype=np.int64),
        *np.array([price[1:] for price in prices], dtype=np.int64).reshape(len(prices), 4).T,
    )


def _split(usd_per_mtok: Decimal) -> tuple[int, int]:
    pico = usd_per_mtok * _PICO_PER_TOKEN
    whole = pico.to_integral_value(ROUND_FLOOR)
    fraction = int(((pico - whole) * FRACTION).to_integral_value(ROUND_HALF_EVEN))
    return int(whole) + fraction // FRACTION, fraction % FRACTION
