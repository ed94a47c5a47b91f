"""A rule as it is written in TOML, checked on load with messages for an operator."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from llmmon.protocol.names import DIMENSIONS
from llmmon_collector.duration import Duration
from llmmon_collector.rules.compile import compile_value, compile_where
from llmmon_collector.rules.grammar import nearest
from llmmon_collector.rules.summary import check_template

Severity = Literal["warning", "critical"]
Comparison = Literal["above", "below"]
SEVERITIES: Final[tuple[Severity, ...]] = ("warning", "critical")
"""Mildest first."""

MAX_INSTANCES: Final = 10_000
_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$"


class Threshold(BaseModel):
    """Where one severity begins, and where it ends."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    above: float | None = None
    below: float | None = None
    clear_below: float | None = None
    """Hysteresis: what went ``above`` stays until the value is below this."""
    clear_above: float | None = None
    """Hysteresis: what went ``below`` stays until the value is above this."""

    @model_validator(mode="after")
    def _check(self) -> Threshold:
        if (self.above is None) == (self.below is None):
            raise ValueError("give either above or below, not both or neither")
        if self.above is not None:
            _check_clear("below", self.above, self.clear_below, self.clear_above)
        elif self.below is not None:
            _check_clear("above", self.below, self.clear_above, self.clear_below)
        return self

    @property
    def comparison(self) -> Comparison:
        """On which side of ``limit`` the trouble is."""
        return "below" if self.above is None else "above"

    @property
    def limit(self) -> float:
        """The value beyond which the severity applies."""
        return (self.below or 0.0) if self.above is None else self.above

    def breached(self, value: float, held: bool) -> bool:
        """Whether ``value`` is beyond the limit, or, when already ``held``, not yet clear."""
        if self.above is not None:
            holding = held and self.clear_below is not None and value >= self.clear_below
            return holding or value > self.above
        holding = held and self.clear_above is not None and value <= self.clear_above
        return holding or value < self.limit


def _check_clear(side: str, limit: float, right: float | None, wrong: float | None) -> None:
    other = "above" if side == "below" else "below"
    if wrong is not None:
        raise ValueError(f"clear_{other} does not go with {other}: use clear_{side}")
    if right is not None and (right > limit if side == "below" else right < limit):
        raise ValueError(
            f"clear_{side} = {right:g} is on the wrong side: "
            f"it must not be {other} the limit of {limit:g}"
        )


class RuleSpec(BaseModel):
    """One ``[[rule]]``."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False
    )

    name: str = Field(pattern=_NAME)
    """Its identity: a rule of a built-in's name replaces that."""
    value: str
    """An expression over metric names."""
    where: str = ""
    """A filter over dimensions; empty for all series."""
    by: tuple[str, ...] = ()
    """Dimensions to group by, an alert instance a group; none for the whole."""
    window_s: Duration = Field(300.0, alias="window", ge=1)
    warning: Threshold | None = None
    critical: Threshold | None = None
    for_s: Duration = Field(0.0, alias="for", ge=0)
    """How long a limit must be exceeded without a break before the alert fires."""
    keep_firing_for_s: Duration = Field(0.0, alias="keep_firing_for", ge=0)
    """How long the value must be clear before the alert resolves."""
    min_requests: int = Field(0, ge=0)
    """Fewer requests in the window count as no data."""
    no_data: Literal["keep", "ok", "alert"] = "keep"
    cooldown_s: Duration = Field(900.0, alias="cooldown", ge=0)
    """Least time between notifications of one instance at one severity."""
    channels: tuple[str, ...] = ()
    """Where notifications go; none named means every channel."""
    summary: str = ""
    """A template; empty for a line made of metric, value and limit."""
    runbook: str = ""
    limit: Annotated[int, Field(ge=1, le=MAX_INSTANCES)] = 200
    """Most alert instances at a time."""
    disabled: bool = False

    @field_validator("value")
    @classmethod
    def _check_value(cls, text: str) -> str:
        compile_value(text)
        return text

    @field_validator("where")
    @classmethod
    def _check_where(cls, text: str) -> str:
        if text:
            compile_where(text)
        return text

    @field_validator("by")
    @classmethod
    def _check_by(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in DIMENSIONS:
                hint = nearest(name, DIMENSIONS) or f"; there are {', '.join(DIMENSIONS)}"
                raise ValueError(f'there is no dimension "{name}"{hint}')
        if len(set(names)) < len(names):
            raise ValueError("a dimension is named twice")
        return names

    @model_validator(mode="after")
    def _check_rule(self) -> RuleSpec:
        check_template(self.summary, self.by)
        if self.warning is None and self.critical is None:
            raise ValueError("give warning or critical a limit, such as critical = { above = 5 }")
        if self.warning is not None and self.critical is not None:
            _check_order(self.warning, self.critical)
        return self

    @property
    def thresholds(self) -> tuple[tuple[Severity, Threshold], ...]:
        """The limits there are, mildest first."""
        pairs: tuple[tuple[Severity, Threshold | None], ...] = (
            ("warning", self.warning),
            ("critical", self.critical),
        )
        return tuple((severity, limit) for severity, limit in pairs if limit is not None)

    def threshold(self, severity: Severity) -> Threshold:
        """The limit of ``severity``, or the mildest one where that severity has none."""
        return dict(self.thresholds).get(severity, self.thresholds[0][1])


def _check_order(warning: Threshold, critical: Threshold) -> None:
    if warning.comparison != critical.comparison:
        raise ValueError("warning and critical must both be above or both be below")
    milder = critical.limit < warning.limit
    if milder if warning.comparison == "above" else critical.limit > warning.limit:
        raise ValueError(
            f"critical ({critical.limit:g}) is milder than warning ({warning.limit:g}): swap them"
        )
