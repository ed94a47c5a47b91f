"""A rule as it is written in TOML, checked on load with messages for an operator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from llmmon_collector.duration import Duration
from llmmon_collector.rules.compile import compile_value
from llmmon_collector.rules.families import LABELS, REQUESTS
from llmmon_collector.rules.filter import check_dimensions, compile_where, compile_where_labels
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

    value: str | None = None
    """An expression of its own; None for the rule's."""
    above: float | None = None
    below: float | None = None
    clear_below: float | None = None
    """Hysteresis: what went ``above`` stays until the value is below this."""
    clear_above: float | None = None
    """Hysteresis: what went ``below`` stays until the value is above this."""

    @field_validator("value")
    @classmethod
    def _check_value(cls, text: str | None) -> str | None:
        if text is not None:
            compile_value(text)
        return text

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
    """An expression over metric names; where each limit has one of its own, it may be left out."""
    where: str = ""
    """A filter over dimensions, or over the labels of another family; empty for all."""
    by: tuple[str, ...] = ()
    """Dimensions to group requests by, an alert instance a group; none for the whole. In other
    families each row is an instance."""
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

    @model_validator(mode="before")
    @classmethod
    def _fill_value(cls, data: Any) -> Any:
        """The value of the mildest limit, where all limits have one of their own."""
        if not isinstance(data, Mapping) or "value" in data:
            return data
        limits = [data[severity] for severity in SEVERITIES if data.get(severity) is not None]
        values = [_own_value(limit) for limit in limits]
        return {**data, "value": values[0]} if values and None not in values else data

    @field_validator("value")
    @classmethod
    def _check_value(cls, text: str) -> str:
        compile_value(text)
        return text

    @field_validator("where")
    @classmethod
    def _check_where(cls, text: str, info: ValidationInfo) -> str:
        if text and "value" in info.data:
            family = compile_value(info.data["value"]).family
            if family == REQUESTS:
                compile_where(text)
            else:
                compile_where_labels(text, family)
        return text

    @field_validator("by")
    @classmethod
    def _check_by(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        check_dimensions(names)
        return names

    @model_validator(mode="after")
    def _check_rule(self) -> RuleSpec:
        if self.warning is None and self.critical is None:
            raise ValueError("give warning or critical a limit, such as critical = { above = 5 }")
        for severity, _ in self.thresholds:
            _check_family(self.family, severity, self.expression(severity))
        if self.by and self.family != REQUESTS:
            raise ValueError(
                f"by is for metrics of requests: of {self.family} each is an alert of its own; "
                "choose some with where"
            )
        check_template(self.summary, self.label_names)
        if self.warning is not None and self.critical is not None and not self.split:
            _check_order(self.warning, self.critical)
        return self

    @property
    def family(self) -> str:
        """What its metrics are of: ``requests``, ``checks``, ``slos`` or ``budgets``."""
        return compile_value(self.value).family

    @property
    def label_names(self) -> tuple[str, ...]:
        """What its alerts can be labelled with."""
        return self.by if self.family == REQUESTS else LABELS[self.family]

    @property
    def checks(self) -> frozenset[tuple[str, str]]:
        """The health checks that it reads by name, each with the measurement or ``""``."""
        texts = {self.expression(severity) for severity, _ in self.thresholds}
        return frozenset().union(*(compile_value(text).checks for text in texts))

    @property
    def split(self) -> bool:
        """Whether critical judges another value than warning."""
        warning, critical = self.warning, self.critical
        if warning is None or critical is None or warning.value == critical.value:
            return False
        return self.expression("warning") != self.expression("critical")

    @property
    def thresholds(self) -> tuple[tuple[Severity, Threshold], ...]:
        """The limits there are, mildest first."""
        pairs: tuple[tuple[Severity, Threshold | None], ...] = (
            ("warning", self.warning),
            ("critical", self.critical),
        )
        return tuple((severity, limit) for severity, limit in pairs if limit is not None)

    def expression(self, severity: Severity) -> str:
        """What the limit of ``severity`` judges."""
        return self.threshold(severity).value or self.value

    def threshold(self, severity: Severity) -> Threshold:
        """The limit of ``severity``, or the mildest one where that severity has none."""
        return dict(self.thresholds).get(severity, self.thresholds[0][1])


def _own_value(limit: Any) -> str | None:
    value = limit.get("value") if isinstance(limit, Mapping) else getattr(limit, "value", None)
    return value if isinstance(value, str) else None


def _check_family(family: str, severity: Severity, text: str) -> None:
    own = compile_value(text)
    if own.metrics and own.family != family:
        raise ValueError(
            f"{severity} judges metrics of {own.family}, and the rule is about {family}: "
            "make two rules"
        )


def _check_order(warning: Threshold, critical: Threshold) -> None:
    if warning.comparison != critical.comparison:
        raise ValueError("warning and critical must both be above or both be below")
    milder = critical.limit < warning.limit
    if milder if warning.comparison == "above" else critical.limit > warning.limit:
        raise ValueError(
            f"critical ({critical.limit:g}) is milder than warning ({warning.limit:g}): swap them"
        )
