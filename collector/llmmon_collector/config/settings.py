"""Every key of ``llmmon.toml``. What each room needs to know is its own model."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from llmmon.errors import ConfigError, EndpointError
from llmmon.protocol.endpoint import parse_address
from llmmon_collector.alerts.model import InhibitSpec, RouteSpec, ScheduleSpec
from llmmon_collector.day import Timezone
from llmmon_collector.duration import Duration
from llmmon_collector.health.model import CheckSpec
from llmmon_collector.httpd.bind import parse_bind
from llmmon_collector.notify.model import ChannelSpec
from llmmon_collector.objectives.model import BudgetSpec, SloSpec
from llmmon_collector.pricing.model import PriceOverride
from llmmon_collector.rules.model import RuleSpec
from llmmon_collector.security.model import SecuritySettings

MAX_WINDOWS: Final = 8
MAX_WINDOW_S: Final = 7 * 86_400
ChannelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


class CollectorSettings(BaseModel):
    """The ``[collector]`` table."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str = Field(default="llmmon", min_length=1, max_length=64)
    """Which collector this is, in every viewer's header."""
    note: str = Field(default="", max_length=200)
    """What to say of the data in every viewer's header, such as ``replay: ...``."""
    listen: str | None = None
    """``ipc://DIR`` or ``tcp://HOST:PORT``; the user's own directory when not given."""
    state_dir: str | None = None
    """Journal, store and alerts; ``$XDG_STATE_HOME/llmmon`` when not given."""
    http: str = "127.0.0.1:9460"
    """Where /livez, /readyz, /healthz and /metrics are; empty for nowhere."""
    http_allow_remote: bool = False
    """Whether ``http`` may be reached from other machines."""
    windows_s: tuple[Duration, ...] = Field(
        default=(60.0, 300.0, 3600.0, 86_400.0),
        alias="windows",
        min_length=1,
        max_length=MAX_WINDOWS,
    )
    """The rolling windows, shortest first."""
    lateness_s: Duration = Field(default=60.0, alias="lateness", ge=0, le=3600)
    """How late a request may come and still be in the live windows."""
    max_series: int = Field(default=2000, ge=1, le=1_000_000)
    """Series kept apart; what is more goes to ``__other__``."""
    retention_s: Duration = Field(default=30 * 86_400.0, alias="retention", ge=3600)
    """How long raw events are kept."""
    sync: bool = True
    """Whether an event is on the disk before it is acknowledged."""
    min_free_bytes: int | None = Field(default=None, ge=0)
    """Free disk space below which agents wait; 5 % of the disk or 1 GiB, the less, if not given."""
    agent_events_per_s: float = Field(default=250_000.0, ge=1, le=1e9)
    """What one agent may send for long; four seconds' worth at once."""
    tick_s: Duration = Field(default=1.0, alias="tick", ge=0.05, le=10)
    """Between snapshots and between evaluations of the rules."""
    rules_dir: str | None = None
    """A directory of ``*.toml`` files with more ``[[rule]]``, ``[[slo]]`` and ``[[budget]]``."""
    inhibit_defaults: bool = True
    """Whether a critical alert mutes warnings of the same series about the same."""
    timezone: Timezone = ""
    """Whose midnight starts a day and a month, such as ``Europe/Berlin``; else the machine's."""

    @field_validator("windows_s")
    @classmethod
    def _check_windows(cls, windows_s: tuple[float, ...]) -> tuple[float, ...]:
        for window_s in windows_s:
            if window_s != int(window_s) or not 1 <= window_s <= MAX_WINDOW_S:
                raise ValueError(f"a window is whole seconds, 1s to 7d; {window_s:g}s is not")
        if list(windows_s) != sorted(set(windows_s)):
            raise ValueError("write each window once, the shortest first")
        return windows_s

    @field_validator("listen")
    @classmethod
    def _check_listen(cls, text: str | None) -> str | None:
        try:
            return None if text is None else str(parse_address(text))
        except EndpointError as error:
            raise ValueError(str(error)) from None

    @model_validator(mode="after")
    def _check_http(self) -> CollectorSettings:
        if self.http:
            try:
                parse_bind(self.http, self.http_allow_remote)
            except ConfigError as error:
                raise ValueError(error.reason) from None
        return self

    @property
    def window_lengths_s(self) -> tuple[int, ...]:
        """The windows in whole seconds, shortest first."""
        return tuple(int(window_s) for window_s in self.windows_s)


class Settings(BaseModel):
    """A whole configuration: ``llmmon.toml`` with the rules of ``rules_dir``."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    collector: CollectorSettings = CollectorSettings()
    security: SecuritySettings = SecuritySettings()
    prices: tuple[PriceOverride, ...] = Field(default=(), alias="price")
    rules: tuple[RuleSpec, ...] = Field(default=(), alias="rule")
    slos: tuple[SloSpec, ...] = Field(default=(), alias="slo")
    budgets: tuple[BudgetSpec, ...] = Field(default=(), alias="budget")
    channels: dict[ChannelName, ChannelSpec] = {}
    routes: tuple[RouteSpec, ...] = Field(default=(), alias="route")
    schedules: dict[ChannelName, ScheduleSpec] = {}
    inhibitions: tuple[InhibitSpec, ...] = Field(default=(), alias="inhibit")
    checks: tuple[CheckSpec, ...] = Field(default=(), alias="check")


class RulesFile(BaseModel):
    """A file of ``rules_dir``."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    rules: tuple[RuleSpec, ...] = Field(default=(), alias="rule")
    slos: tuple[SloSpec, ...] = Field(default=(), alias="slo")
    budgets: tuple[BudgetSpec, ...] = Field(default=(), alias="budget")
