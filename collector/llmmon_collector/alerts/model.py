"""Who hears of an alert, and when: ``[[route]]``, ``[schedules.NAME]`` and ``[[inhibit]]``."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from llmmon_collector.alerts.matching import Matchers, check_label, check_name
from llmmon_collector.day import Timezone
from llmmon_collector.duration import Duration

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: Final[tuple[Day, ...]] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CONFIG: Final = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False)
_CLOCK: Final = re.compile(r"([01]\d|2[0-4]):([0-5]\d)")


def _minutes(value: object) -> object:
    """Minutes since midnight of ``07:30``."""
    if not isinstance(value, str):
        return value
    found = _CLOCK.fullmatch(value)
    minutes = int(found[1]) * 60 + int(found[2]) if found else -1
    if not 0 <= minutes <= 24 * 60:
        raise ValueError(f"{value!r} is no time of day: write it as 07:30, 00:00 to 24:00")
    return minutes


def _days(value: object) -> object:
    """Days one by one of ``["mon-fri", "sun"]``."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list | tuple):
        return value
    return [day for text in texts for day in _span(text)]


def _span(text: object) -> list[object]:
    first, dash, last = text.partition("-") if isinstance(text, str) else ("", "", "")
    known: tuple[str, ...] = DAYS
    if not dash or first not in known or last not in known:
        return [text]
    begin, end = known.index(first), known.index(last)
    return [known[i % 7] for i in range(begin, end + 1 if end >= begin else end + 8)]


Minutes = Annotated[int, BeforeValidator(_minutes), Field(ge=0, le=24 * 60)]
Days = Annotated[tuple[Day, ...], BeforeValidator(_days), Field(min_length=1)]
GroupName = Annotated[str, AfterValidator(check_name)]
Label = Annotated[str, AfterValidator(check_label)]


class RouteSpec(BaseModel):
    """One ``[[route]]``: the first that matches decides, and the next ones too after ``continue``.

    An alert that no route matches goes to its rule's channels, or to all.
    """

    model_config = _CONFIG

    match: Matchers = {}
    """``rule``, ``severity`` or a label to a glob or several; nothing matches every alert."""
    channels: tuple[str, ...] = ()
    """Where its notifications go; none named means the rule's channels, or all."""
    group_by: tuple[GroupName, ...] | None = None
    """Alerts that agree in these go in one message; ``[]`` puts all of the route into one. When
    not given, whatever waits at the same time goes together."""
    group_wait_s: Annotated[Duration, Field(ge=0, le=3600)] = Field(0.0, alias="group_wait")
    """How long a message waits for more alerts. What is over by then was never told."""
    repeat_s: Annotated[Duration, Field(ge=0, le=30 * 86_400)] | None = Field(None, alias="repeat")
    """Between notifications of one alert that goes on, instead of the rule's ``cooldown``."""
    mute: tuple[str, ...] = ()
    """Schedules in which nothing is told; what still fires afterwards is told then."""
    go_on: bool = Field(False, alias="continue")
    """Whether routes further down are looked at as well."""


class ScheduleSpec(BaseModel):
    """One ``[schedules.NAME]``: hours of the week."""

    model_config = _CONFIG

    days: Days = DAYS
    """On which days it begins: ``mon`` to ``sun``, or spans such as ``mon-fri``."""
    from_min: Minutes = Field(0, alias="from")
    """Local time, such as ``22:00``."""
    to_min: Minutes = Field(24 * 60, alias="to")
    """Local time; at or before ``from`` it is that of the next day."""
    timezone: Timezone = ""
    """Such as ``Europe/Berlin``; the machine's when empty."""


class InhibitSpec(BaseModel):
    """One ``[[inhibit]]``: while a source fires, targets that agree with it are not told."""

    model_config = _CONFIG

    source: Matchers
    """What mutes."""
    target: Matchers
    """What is muted."""
    equal: tuple[Label, ...] = ()
    """Labels in which both must agree; one that either lacks never agrees."""

    @model_validator(mode="after")
    def _check(self) -> InhibitSpec:
        if not self.source or not self.target:
            raise ValueError("source and target each need something to match, such as rule")
        return self
