"""The price book: models to price lists once, then whole columns of requests at a time."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from llmmon_collector.pricing.model import PriceOverride
from llmmon_collector.pricing.rates import (
    DAY_NS,
    FRACTION,
    UNPRICED,
    Coefficients,
    PriceList,
    coefficients,
    override_prices,
    shorten,
)
from llmmon_collector.requests import MISSING, REPEATS

MAX_MODELS: Final = 10_000
"""Models resolved at the most; what comes after them is unpriced."""

_MOST_TOKENS: Final = 2**31
"""Counts from here on are no counts: such a request is unpriced."""

_UNPRICED_CODE: Final = 0

Integers = NDArray[np.int64]


class Catalogue(Protocol):
    """Public list prices."""

    def prices(self, provider: str | None, model: str) -> PriceList | None:
        """The prices of a model, None where it is not known. Never raises."""
        ...


class _Table(NamedTuple):
    prices: Coefficients
    first: NDArray[np.int64]
    """Row of each code's first price."""
    many: NDArray[np.int64]
    """How many prices it has."""
    most: int
    """The most prices that any code has."""
    flat_fees: bool
    """Whether any price is for the request, beside its tokens."""
    fractions: bool
    """Whether any rate is not in whole pico-dollars."""
    day_parts: bool
    """Whether any price holds for a part of the day only."""


class PriceBook:
    """Prices of one's own before those of a catalogue. Safe to share between threads.

    It is what ``RequestDecoder`` asks. Nothing here raises: what has no price is ``MISSING``, and
    its model is listed.
    """

    def __init__(
        self, overrides: Sequence[PriceOverride] = (), catalogue: Catalogue | None = None
    ) -> None:
        self._overrides = sorted(
            overrides,
            key=lambda o: (o.is_exact, o.provider is not None, str(o.valid_from or "")),
        )
        self._catalogue = catalogue
        self._lock = threading.Lock()
        self._codes: dict[tuple[str | None, str], int] = {}
        self._lists: dict[PriceList, int] = {(UNPRICED,): _UNPRICED_CODE}
        self._table: _Table | None = None

    @property
    def unpriced_models(self) -> tuple[str, ...]:
        """Models seen that have no price, as ``provider/model``, sorted."""
        with self._lock:
            unknown = [name for name, code in self._codes.items() if code == _UNPRICED_CODE]
        return tuple(sorted("/".join(filter(None, name)) for name in unknown if name[1]))

    def code(self, provider: str | None, model: str) -> int:
        """A small number for the price list of a model."""
        known = self._codes.get((provider, model))
        return self._learn(provider, model) if known is None else known

    def cost(
        self, codes: NDArray[np.int32], at_ns: Integers, tokens: Sequence[Integers]
    ) -> Integers:
        """Pico-USD of each row, ``MISSING`` where the model or the tokens are unknown.

        ``codes`` come from :meth:`code`, or are ``REPEATS``: those rows cost nothing. ``tokens``
        are input (cached and cache-write tokens included), output, cached and cache-write tokens.
        Each row is exact, then rounded half to even.
        """
        table = self._table or self._tabulate()
        prices = table.prices
        rows = _choose(table, np.maximum(codes, 0, dtype=np.int64), at_ns, tokens[0])
        counts, known = _billable(tokens)
        cost = prices.request_pico[rows] if table.flat_fees else np.zeros(len(rows), np.int64)
        for rate, count in zip(prices.whole, counts, strict=True):
            if count.any():
                cost += rate[rows] * count
        if table.fractions:
            inexact = np.flatnonzero(prices.has_fraction[rows])
            _add_fractions(cost, inexact, prices.fraction[:, rows[inexact]], counts)
        cost[~(known & prices.priced[rows])] = MISSING
        repeats = np.flatnonzero(codes == REPEATS)
        cost[repeats] = 0
        return cost

    def _learn(self, provider: str | None, model: str) -> int:
        with self._lock:
            if len(self._codes) >= MAX_MODELS:
                return _UNPRICED_CODE
            prices = shorten(self._resolve(provider, model))
            code = self._lists.setdefault(prices, len(self._lists))
            self._codes[provider, model] = code
            self._table = None
            return code

    def _resolve(self, provider: str | None, model: str) -> PriceList:
        names = _spellings(provider, model)
        own = [o for o in self._overrides if any(o.fits(*name) for name in names)]
        return self._listed(names) + override_prices(own)

    def _listed(self, names: Sequence[tuple[str | None, str]]) -> PriceList:
        if self._catalogue is not None:
            for name in names:
                prices = self._catalogue.prices(*name)
                if prices is not None:
                    return prices
        return ()

    def _tabulate(self) -> _Table:
        with self._lock:
            lists = list(self._lists)
            count = np.array([len(prices) for prices in lists], dtype=np.int64)
            flat = coefficients([price for prices in lists for price in prices])
            self._table = _Table(
                prices=flat,
                first=np.cumsum(count) - count,
                many=count,
                most=int(count.max()),
                flat_fees=bool(flat.request_pico.any()),
                fractions=bool(flat.has_fraction.any()),
                day_parts=bool((flat.day_span_ns < DAY_NS).any()),
            )
            return self._table


def _spellings(provider: str | None, model: str) -> list[tuple[str | None, str]]:
    """How a model may be listed: as it is, or ``provider/model`` taken apart."""
    prefix, slash, rest = model.partition("/")
    if not slash:
        return [(provider or None, model)]
    return [(provider or None, model), (provider or prefix, rest), (prefix, rest)]


def _choose(
    table: _Table, codes: NDArray[Any], at_ns: Integers, input_tokens: Integers
) -> NDArray[np.int64]:
    """The row of the last price of each code that holds."""
    first: NDArray[np.int64] = table.first[codes]
    if table.most == 1:
        return first
    rows, count = first.copy(), table.many[codes]
    for step in range(1, int(count.max(initial=1))):
        at = np.flatnonzero(count > step)
        row = first[at] + step
        holds = _holds(table, row, at_ns[at], input_tokens[at])
        rows[at[holds]] = row[holds]
    return rows


def _holds(
    table: _Table, rows: NDArray[np.int64], at_ns: Integers, input_tokens: Integers
) -> NDArray[np.bool_]:
    prices = table.prices
    holds: NDArray[np.bool_] = at_ns >= prices.from_ns[rows]
    holds &= input_tokens > prices.above_input_tokens[rows]
    if table.day_parts:
        in_day_ns = (at_ns % DAY_NS - prices.day_start_ns[rows]) % DAY_NS
        holds &= in_day_ns < prices.day_span_ns[rows]
    return holds


def _billable(tokens: Sequence[Integers]) -> tuple[list[Integers], NDArray[np.bool_]]:
    """Plain input, output, cached and cache-write tokens, and whether enough is known."""
    given, output, *_ = tokens
    known = (given != MISSING) | (output != MISSING)
    for column in tokens:
        if column.max(initial=0) >= _MOST_TOKENS:
            known &= column < _MOST_TOKENS
    plain, *counts = (np.maximum(column, 0) for column in tokens)
    for cache in counts[1:]:
        plain -= cache
    return [np.maximum(plain, 0, out=plain), *counts], known


def _add_fractions(
    cost: Integers, at: NDArray[Any], fractions: Integers, counts: Sequence[Integers]
) -> None:
    parts = sum(rate * count[at] for rate, count in zip(fractions, counts, strict=True))
    whole, rest = np.divmod(parts, FRACTION)
    total = cost[at] + whole
    up = (2 * rest > FRACTION) | ((2 * rest == FRACTION) & (total % 2 == 1))
    cost[at] = total + up
