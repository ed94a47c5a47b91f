"""List prices from the ``genai-prices`` package, offline. The only module that knows it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from llmmon_collector.pricing.model import MOST_USD_PER_MTOK
from llmmon_collector.pricing.rates import DAY_NS, Price, PriceList, Rates

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, Provider

_PROVIDERS: Final = {
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "fireworks_ai": "fireworks",
    "gcp.gen_ai": "google",
    "x_ai": "x-ai",
}
"""OpenTelemetry provider names that the package does not know, or takes for another."""

_KEYS: Final = ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok")
_REQUESTS: Final = "requests_kcount"


class ListPrices:
    """The catalogue that comes with the ``genai-prices`` package."""

    def __init__(self) -> None:
        self._providers: list[Provider] | None = None

    def load(self) -> None:
        """Import the package: half a second, best spent before the first request comes."""
        if self._providers is None:
            self._providers = _snapshot_module().get_snapshot().providers

    def prices(self, provider: str | None, model: str) -> PriceList | None:
        """The prices of a model, None where the catalogue does not know it.

        A model that is listed with no price at all is free; one that is billed by the hour or the
        page has no rates and stays unpriced.
        """
        self.load()
        found = self._find(provider, model)
        return None if found is None else tuple(_model_prices(found))

    def _find(self, provider: str | None, model: str) -> ModelInfo | None:
        providers = self._providers or []
        if provider is not None:
            name = _PROVIDERS.get(provider.lower(), provider)
            known = _snapshot_module().find_provider_by_id(providers, name)
            return known.find_model(model, all_providers=providers) if known else None
        for candidate in providers:
            if candidate.model_match is not None and candidate.model_match.is_match(model):
                return candidate.find_model(model, all_providers=providers)
        return None


def _snapshot_module() -> Any:
    return import_module("genai_prices.data_snapshot")


def _model_prices(model: ModelInfo) -> Iterator[Price]:
    if not isinstance(model.prices, list):
        yield from _tiers(model.prices, Price(None))
        return
    for i, entry in enumerate(model.prices):
        condition = _condition(entry.constraint) if i else Price(None)
        yield from _tiers(entry.prices, condition)


def _condition(constraint: Any) -> Price:
    """When a price holds, by the fields that its constraint has."""
    if constraint is None:
        return Price(None)
    if (start := getattr(constraint, "start_date", None)) is not None:
        return Price(None, from_ns=_midnight_ns(start))
    start_ns, end_ns = _in_day_ns(constraint.start_time), _in_day_ns(constraint.end_time)
    return Price(None, day_start_ns=start_ns, day_span_ns=(end_ns - start_ns) % DAY_NS)


def _tiers(prices: ModelPrice, condition: Price) -> Iterator[Price]:
    starts = sorted({tier.start for key in _KEYS for tier in _tiers_of(prices, key)})
    for above in (-1, *starts):
        yield condition._replace(rates=_rates(prices, above), above_input_tokens=above)


def _tiers_of(prices: ModelPrice, key: str) -> list[Any]:
    return list(getattr(getattr(prices, key), "tiers", ()))


def _rates(prices: ModelPrice, above: int) -> Rates | None:
    plain, output, cached, write = (_rate(prices, key, above) for key in _KEYS)
    if plain is None and output is None and any(vars(prices).values()):
        return None
    plain, output = plain or Decimal(0), output or Decimal(0)
    per_thousand: Decimal = getattr(prices, _REQUESTS) or Decimal(0)
    rates = Rates(
        plain,
        output,
        plain if cached is None else cached,
        plain if write is None else write,
        per_thousand / 1000,
    )
    return rates if max(rates) <= MOST_USD_PER_MTOK else None


def _rate(prices: ModelPrice, key: str, above: int) -> Decimal | None:
    price: Any = getattr(prices, key)
    if price is None or isinstance(price, Decimal):
        return price
    reached = [tier.price for tier in price.tiers if tier.start <= above]
    rate: Decimal = reached[-1] if reached else price.base
    return rate


def _midnight_ns(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 10**9


def _in_day_ns(moment: time) -> int:
    offset = moment.utcoffset()
    seconds = moment.hour * 3600 + moment.minute * 60 + moment.second
    return (seconds - (int(offset.total_seconds()) if offset else 0)) % 86_400 * 10**9
