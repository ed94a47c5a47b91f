"""Prices of one's own, as a configuration gives them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

MOST_USD_PER_MTOK: Final = 1000
"""The dearest rate that is taken: beyond it, sums of pico-dollars could overflow."""

_GLOB: Final = frozenset("*?[")

Rate = Annotated[Decimal, Field(ge=0, le=MOST_USD_PER_MTOK, allow_inf_nan=False)]
"""USD per million tokens."""


class PriceOverride(BaseModel):
    """What a model costs, over what the catalogue says. Rates are USD per million tokens.

    ``cached_input_per_mtok`` and ``cache_write_per_mtok`` are as ``input_per_mtok`` where they are
    left out. Of several that fit a request, an exact model name goes before a pattern, one that
    names the provider before one that does not, a later ``from`` before an earlier one, and the
    last in the file before the others.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    model: str = Field(min_length=1, description='model name, or a pattern such as "gpt-4o-*"')
    provider: str | None = Field(None, description="any provider where it is left out")
    input_per_mtok: Rate
    output_per_mtok: Rate
    cached_input_per_mtok: Rate | None = None
    cache_write_per_mtok: Rate | None = None
    valid_from: date | None = Field(None, alias="from", description="first day, UTC")

    @property
    def is_exact(self) -> bool:
        """Whether ``model`` is a name and no pattern."""
        return not _GLOB & set(self.model)

    def fits(self, provider: str | None, model: str) -> bool:
        """Whether this is the price of ``model``; upper and lower case are alike."""
        if self.provider is not None and self.provider.lower() != (provider or "").lower():
            return False
        if self.is_exact:
            return self.model.lower() == model.lower()
        return fnmatchcase(model.lower(), self.model.lower())
