"""Objectives and spending limits as they are written in TOML, checked on load."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from llmmon.protocol.money import pico_usd
from llmmon_collector.duration import Duration, format_duration
from llmmon_collector.objectives.burn import Tier, tiers
from llmmon_collector.objectives.good import parse_good
from llmmon_collector.rules.filter import check_dimensions, compile_where

_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,59}$"
_DAY_S: Final = 86_400
_LEAST_DAYS: Final = 7
"""In a shorter period the share of a budget that pages is burnt at hardly more than rate 1."""
_MOST_DAYS: Final = 90
_LEAST_USD: Final = 1e-6
_MOST_USD: Final = 1e9

Name = Annotated[str, Field(pattern=_NAME)]


class _Grouped(BaseModel):
    """What objectives and limits have in common: which requests, told apart by what, to whom."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False
    )

    name: Name
    """Its identity: its alerts go on while it keeps it."""
    where: str = ""
    """A filter over dimensions; empty for all requests."""
    by: tuple[str, ...] = ()
    """Dimensions to group by, each group with a budget of its own; none for the whole."""
    channels: tuple[str, ...] = ()
    """Where notifications go; none named means every channel."""
    runbook: str = ""

    @field_validator("where")
    @classmethod
    def _check_where(cls, text: str) -> str:
        if text:
            compile_where(text)
        return text

    @field_validator("by")
    @classmethod
    def _check_by(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        check_dimensions(names)
        return names


class SloSpec(_Grouped):
    """One ``[[slo]]``."""

    good: str
    """What makes a request a good event, such as ``error is None and latency_ms < 3000``."""
    objective: float
    """Share of good events to reach."""
    period_s: Duration = Field(default=30.0 * _DAY_S, alias="period")
    """The rolling time over which the objective is to be met: whole days."""
    min_bad_events: int = Field(default=3, ge=1)
    """With fewer bad events in a burn rate's long window it does not alert."""
    page: bool = True
    """Whether a fast burn pages (severity critical); slow burns open tickets (warning)."""

    @field_validator("good")
    @classmethod
    def _check_good(cls, text: str) -> str:
        parse_good(text)
        return text

    @field_validator("objective")
    @classmethod
    def _check_objective(cls, objective: float) -> float:
        if not 0 < objective < 1:
            raise ValueError("a share between 0 and 1, such as 0.999 for 99.9 %")
        return objective

    @field_validator("period_s")
    @classmethod
    def _check_period(cls, period_s: float) -> float:
        days = period_s / _DAY_S
        if days % 1 or not _LEAST_DAYS <= days <= _MOST_DAYS:
            raise ValueError(f"a period is whole days, {_LEAST_DAYS}d to {_MOST_DAYS}d")
        return period_s

    @model_validator(mode="after")
    def _check_tiers(self) -> SloSpec:
        if self.page and not self.limits("page"):
            gentlest = min(tier.factor for tier in tiers(self.period_s) if tier.severity == "page")
            raise ValueError(
                f"at an objective of {self.objective:g} over {format_duration(self.period_s)} no "
                f"page can ever fire: it takes a burn rate of {gentlest:g}, and with every request "
                f"bad it is {1 / (1 - self.objective):.3g}; set page = false to have tickets only, "
                "shorten the period or raise the objective"
            )
        if not self.limits("ticket"):
            raise ValueError(
                f"at an objective of {self.objective:g} over {format_duration(self.period_s)} "
                "nothing can ever fire: shorten the period or raise the objective"
            )
        return self

    def limits(self, severity: Literal["page", "ticket"]) -> tuple[Tier, ...]:
        """The burn rates that alert. Those that no service could reach are left out."""
        return tuple(
            tier
            for tier in tiers(self.period_s)
            if tier.severity == severity and tier.can_fire(self.objective)
        )

    @property
    def left_out(self) -> tuple[str, ...]:
        """Tiers that cannot fire at this objective, a line each."""
        return tuple(
            f"slo {self.name}: no {tier.severity} over {tier.long}, which takes a burn rate of "
            f"{tier.factor:g}: at an objective of {self.objective:g} none is that high"
            for tier in tiers(self.period_s)
            if not tier.can_fire(self.objective) and (self.page or tier.severity != "page")
        )


class BudgetSpec(_Grouped):
    """One ``[[budget]]``."""

    limit_usd: float = Field(ge=_LEAST_USD, le=_MOST_USD)
    period: Literal["day", "month"] = "month"
    """Of the calendar, by the collector's ``timezone``."""
    warn_at: float = 0.8
    """Share of the limit whose spending warns."""
    forecast: bool = True
    """Whether being on course to overspend warns as well."""

    @field_validator("warn_at")
    @classmethod
    def _check_warn_at(cls, share: float) -> float:
        if not 0 < share <= 1:
            raise ValueError("a share of the limit, over 0 and up to 1, such as 0.8 for 80 %")
        return share

    @property
    def limit_pico(self) -> int:
        """The limit in 1e-12 USD."""
        return pico_usd(self.limit_usd)
