"""A file of tests for rules, as it is written in TOML. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from llmmon_collector.config.suggest import nearest
from llmmon_collector.duration import Duration, format_duration
from llmmon_collector.rules.families import FAMILY_OF, REQUESTS
from llmmon_collector.rules.filter import check_dimensions
from llmmon_collector.rules.model import Severity
from llmmon_collector.tools.notation import expand

_MOST_EVALUATIONS: Final = 100_000
_STRICT: Final = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False)

Values = tuple[float | None, ...]
Cycle = tuple[float, ...]
"""What requests have in turn; empty where they do not say."""


def _values(written: object) -> object:
    return expand(written) if isinstance(written, str) else written


def _cycle(written: object) -> object:
    return written if isinstance(written, list | tuple) else (written,)


SeriesValues = Annotated[Values | float, BeforeValidator(_values)]
"""A value an evaluation, in compact notation; a plain number is the same at all of them."""
Numbers = Annotated[Cycle, BeforeValidator(_cycle)]


class SeriesCase(BaseModel):
    """One ``[[test.series]]``: the metrics of one group, given as they are."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)
    __pydantic_extra__: dict[str, SeriesValues]

    labels: dict[str, str] = {}

    @property
    def metrics(self) -> dict[str, Values | float]:
        """The values by metric."""
        return dict(self.__pydantic_extra__)

    @property
    def family(self) -> str:
        """What the metrics are of."""
        return FAMILY_OF[next(iter(self.metrics))]

    @model_validator(mode="before")
    @classmethod
    def _check_names(cls, data: Any) -> Any:
        names = [name for name in data if name != "labels"] if isinstance(data, dict) else []
        for name in names:
            if name not in FAMILY_OF:
                raise ValueError(f'there is no metric "{name}"{nearest(name, FAMILY_OF)}')
        if len({FAMILY_OF[name] for name in names}) != 1:
            raise ValueError("name metrics of one family, such as latency_p95 and requests")
        return data

    @model_validator(mode="after")
    def _check_labels(self) -> SeriesCase:
        if self.family == REQUESTS:
            check_dimensions(self.labels)
        return self


class MeasureCase(BaseModel):
    """One ``[[test.measure]]``: what a health check measured, for ``check(...)`` in rules."""

    model_config = _STRICT

    check: str
    name: str = ""
    """Empty for the check's plain value."""
    values: SeriesValues


class TrafficCase(BaseModel):
    """One ``[[test.traffic]]``: requests that go through the real windows."""

    model_config = _STRICT

    from_s: Duration = Field(0.0, alias="from", ge=0)
    to_s: Duration | None = Field(None, alias="to", ge=0)
    """Exclusive; the end of the test when not given."""
    every_s: Duration = Field(1.0, alias="every", ge=0.001)
    count: int = Field(1, ge=1, le=100_000)
    """Requests each time."""
    labels: dict[str, str] = {}
    error: bool | float = False
    """Whether they fail, or the share that does, evenly spread."""
    latency_ms: Numbers = ()
    ttft_ms: Numbers = ()
    max_gap_ms: Numbers = ()
    input_tokens: Numbers = ()
    output_tokens: Numbers = ()
    cached_tokens: Numbers = ()
    cost_usd: Numbers = ()
    quality: Numbers = ()
    relevance: Numbers = ()
    coherence: Numbers = ()
    safety: Numbers = ()
    format: Numbers = ()
    factuality: Numbers = ()
    refusal: Numbers = ()

    @field_validator("labels")
    @classmethod
    def _check_labels(cls, labels: dict[str, str]) -> dict[str, str]:
        check_dimensions(labels)
        return labels

    @field_validator("error")
    @classmethod
    def _check_error(cls, error: bool | float) -> bool | float:
        if not 0 <= error <= 1:
            raise ValueError("true, false, or the share of requests that fail, 0 to 1")
        return error


class ExpectedAlert(BaseModel):
    """One alert that must be there. What is not given is not compared."""

    model_config = _STRICT

    labels: dict[str, str] = {}
    state: Literal["firing", "pending", "resolved"] = "firing"
    severity: Severity | None = None
    value: float | None = None
    """To two percent: quantiles are sketched."""
    summary: str | None = None


class Expectation(BaseModel):
    """One ``[[test.expect]]``: all alerts of a rule that are pending or firing at a time."""

    model_config = _STRICT

    at_s: Duration = Field(alias="at", ge=0)
    rule: str
    alerts: tuple[ExpectedAlert, ...] = ()


class Case(BaseModel):
    """One ``[[test]]``."""

    model_config = _STRICT

    name: str = Field(min_length=1)
    start: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    """The wall time of its first evaluation; UTC where it does not say."""
    every_s: Duration = Field(60.0, alias="every", ge=0.1)
    """Between evaluations, and between the values of a series."""
    series: tuple[SeriesCase, ...] = ()
    measures: tuple[MeasureCase, ...] = Field((), alias="measure")
    traffic: tuple[TrafficCase, ...] = ()
    expect: tuple[Expectation, ...] = ()

    @property
    def start_ns(self) -> int:
        """``start`` in nanoseconds since 1970."""
        moment = self.start if self.start.tzinfo else self.start.replace(tzinfo=UTC)
        return round(moment.timestamp()) * 10**9

    @property
    def evaluations(self) -> int:
        """How many there are, the one at the start included."""
        return round(max(one.at_s for one in self.expect) / self.every_s) + 1

    @model_validator(mode="after")
    def _check(self) -> Case:
        if not self.expect:
            raise ValueError("it expects nothing: write a [[test.expect]]")
        for one in self.expect:
            turns = one.at_s / self.every_s
            if abs(turns - round(turns)) > 1e-6:
                at, every = format_duration(one.at_s), format_duration(self.every_s)
                raise ValueError(f"nothing is evaluated at {at}: it is no multiple of {every}")
        if self.evaluations > _MOST_EVALUATIONS:
            raise ValueError(f"{self.evaluations:,} evaluations: raise every, or ask earlier")
        if self.traffic and any(one.family == REQUESTS for one in self.series):
            raise ValueError("give requests as traffic or as series, not both")
        return self


class CaseFile(BaseModel):
    """A whole file of tests."""

    model_config = _STRICT

    rules: tuple[str, ...] = Field(min_length=1)
    """Files of rules, or whole configurations, from where this file is; may have ``*``."""
    tests: tuple[Case, ...] = Field(alias="test")
