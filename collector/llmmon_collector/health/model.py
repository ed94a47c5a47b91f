"""What a health check is: the ``[[check]]`` tables of the configuration, by ``type``."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from llmmon_collector.duration import Duration
from llmmon_collector.health.serving import MEASUREMENTS
from llmmon_collector.secret import SecretRef

OWN_NAME: Final = "collector"
"""Of the collector's check of itself; no configured check may have it."""
ACTIVE_INTERVAL_S: Final = 300.0
"""Default interval of an ``llm`` check that spends tokens."""

Percent = Annotated[float, Field(gt=0, le=100)]
Seconds = Annotated[Duration, Field(gt=0, lt=1e9)]
Milliseconds = Annotated[float, Field(gt=0, lt=1e9)]


def _check_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("expected a URL such as http://127.0.0.1:8000/health")
    if parts.port == 0 or any(char.isspace() for char in url):
        raise ValueError("no server can be at this URL: look at its port, and for white space")
    if parts.password:
        raise ValueError("the URL holds a password: use a secret key of the check instead")
    return url


Url = Annotated[str, AfterValidator(_check_url)]


def _check_limits(limits: dict[str, float]) -> dict[str, float]:
    for name in limits:
        if name not in MEASUREMENTS:
            nearest = get_close_matches(name, MEASUREMENTS, 1)
            hint = f"did you mean {nearest[0]}?" if nearest else f"use {', '.join(MEASUREMENTS)}"
            raise ValueError(f"{name} is not measured: {hint}")
    return limits


Limits = Annotated[dict[str, Annotated[float, Field(ge=0)]], AfterValidator(_check_limits)]
"""By measurement, above what."""


class CheckBase(BaseModel):
    """What every check has."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    interval_s: Seconds = Field(default=30.0, alias="interval")
    jitter: float = Field(default=0.1, ge=0, le=0.5)
    """By which share of ``interval`` a run may be early or late."""
    timeout_s: Seconds = Field(default=5.0, alias="timeout")
    """How long one run may take; then it counts as failed."""
    failures: int = Field(default=3, ge=1)
    """Failures in a row before the check is failing."""
    successes: int = Field(default=2, ge=1)
    """Successes in a row before a failing check is fine again."""
    grace_s: Annotated[Duration, Field(ge=0, lt=1e9)] = Field(default=60.0, alias="grace")
    """How long after the start failures only degrade, unless a run was fine before."""
    critical: bool = False
    """Whether the whole is failing when this check is."""

    @model_validator(mode="after")
    def _in_order(self) -> CheckBase:
        if self.timeout_s > self.interval_s:
            raise ValueError(
                "timeout is longer than interval: lengthen interval or shorten timeout"
            )
        for unit in ("percent", "ms"):
            warn, fail = (getattr(self, f"{level}_{unit}", None) for level in ("warn", "fail"))
            if warn is not None and fail is not None and warn > fail:
                raise ValueError(f"warn_{unit} is above fail_{unit}: it would never be seen")
        return self


class _Timed(CheckBase):
    """A check whose value is how long the answer took."""

    warn_ms: Milliseconds | None = None
    fail_ms: Milliseconds | None = None


class _Percentage(CheckBase):
    """A check whose value is a share in use."""

    warn_percent: Percent = 85.0
    fail_percent: Percent = 95.0


class MemoryCheck(_Percentage):
    """Memory in use, of the machine or of the control group, whichever is nearer its limit."""

    type: Literal["memory"]


class DiskCheck(_Percentage):
    """Space in use on the file system of ``path``."""

    type: Literal["disk"]
    path: str = "/"


class CpuCheck(_Percentage):
    """Processor time in use since the run before."""

    type: Literal["cpu"]
    warn_percent: Percent = 90.0
    fail_percent: Percent = 99.0


class ProcessCheck(CheckBase):
    """A process that must run, by its pid file or its name."""

    type: Literal["process"]
    pid_file: str | None = None
    program: str | None = None
    """The program's name, as in ``ps -C``."""

    @model_validator(mode="after")
    def _one_of(self) -> ProcessCheck:
        if (self.pid_file is None) == (self.program is None):
            raise ValueError("give exactly one of pid_file and program")
        return self


class HttpCheck(_Timed):
    """A URL that must answer GET with one of the statuses in ``expect``."""

    type: Literal["http"]
    url: Url
    expect: tuple[Annotated[int, Field(ge=100, le=599)], ...] = ()
    """Statuses that are fine; any of 200 to 399 when empty. Redirects are not followed."""


class TcpCheck(_Timed):
    """A port that must accept a connection, and say what is expected of it."""

    type: Literal["tcp"]
    host: str = Field(min_length=1)
    port: int = Field(ge=1, le=65535)
    send: str = Field(default="", max_length=4096)
    """What to send once connected, such as ``PING\\r\\n``."""
    expect: str = Field(default="", max_length=1024)
    """Text that must be in the answer; empty to read none."""


class LlmCheck(_Timed):
    """An OpenAI-compatible API: its model list, or with ``active`` one streamed token."""

    type: Literal["llm"]
    url: Url
    """The base, such as ``http://127.0.0.1:8000/v1``."""
    model: str | None = None
    api_key: SecretRef | None = None
    active: bool = False
    """Ask for one token and time it. Costs money: runs every five minutes unless told otherwise."""

    @model_validator(mode="before")
    @classmethod
    def _run_active_rarely(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("active") and "interval" not in values:
            return {**values, "interval": ACTIVE_INTERVAL_S}
        return values

    @model_validator(mode="after")
    def _active_needs_model(self) -> LlmCheck:
        if self.active and not self.model:
            raise ValueError("active needs model: name the model to ask")
        return self


class ScrapeCheck(_Timed):
    """The Prometheus endpoint of an inference server: vLLM, SGLang, Text Generation Inference."""

    type: Literal["scrape"]
    url: Url
    """Where its metrics are, such as ``http://127.0.0.1:8000/metrics``."""
    model: str | None = None
    """Only the series of this model; all when not given."""
    api_key: SecretRef | None = None
    warn: Limits = {}
    """By measurement, above what the check degrades."""
    fail: Limits = {}
    """By measurement, above what it fails."""

    @model_validator(mode="after")
    def _limits_in_order(self) -> ScrapeCheck:
        for name in self.warn.keys() & self.fail.keys():
            if self.warn[name] > self.fail[name]:
                raise ValueError(f"warn.{name} is above fail.{name}: it would never be seen")
        return self


class SqlCheck(_Timed):
    """A database that must answer ``query``, through SQLAlchemy."""

    type: Literal["sql"]
    dsn: str
    """An SQLAlchemy URL without a password, or ``env:NAME`` or ``file:/path`` of one."""
    query: str = "SELECT 1"

    @model_validator(mode="after")
    def _no_password(self) -> SqlCheck:
        if urlsplit(self.dsn).password:
            raise ValueError("dsn holds a password: write it as env:NAME or file:/absolute/path")
        return self


class AgentsCheck(CheckBase):
    """Agents that must be heard of: fails when one is silent for ``silent_intervals``."""

    type: Literal["agents"]
    silent_intervals: float = Field(default=3.0, gt=1)
    """Heartbeat intervals without a word before an agent counts as silent."""
    forget_s: Seconds = Field(default=3600.0, alias="forget")
    """Silence after which an agent is no longer expected back."""


class PythonCheck(CheckBase):
    """A function of yours, ``module:function``, run in a thread."""

    type: Literal["python"]
    function: str = Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")


class InternalCheck(CheckBase):
    """A check that the program registers by name; no configuration names this type."""

    type: Literal["internal"] = "internal"


def _not_our_own(spec: CheckBase) -> CheckBase:
    if spec.name == OWN_NAME:
        raise ValueError(f"{OWN_NAME} is the collector's check of itself: choose another name")
    return spec


CheckSpec = Annotated[
    MemoryCheck
    | DiskCheck
    | CpuCheck
    | ProcessCheck
    | HttpCheck
    | TcpCheck
    | LlmCheck
    | ScrapeCheck
    | SqlCheck
    | AgentsCheck
    | PythonCheck,
    Field(discriminator="type"),
    AfterValidator(_not_our_own),
]
"""One ``[[check]]`` table."""


def default_checks(state_dir: str) -> tuple[CheckSpec, ...]:
    """The checks of a collector without configuration."""
    return (
        MemoryCheck(name="memory", type="memory"),
        DiskCheck(name="disk", type="disk", path=state_dir, critical=True),
        CpuCheck(name="cpu", type="cpu", failures=10),
        AgentsCheck(name="agents", type="agents", interval=5.0, timeout=2.0, failures=1, grace=0.0),
    )


def with_defaults(specs: tuple[CheckSpec, ...], state_dir: str) -> tuple[CheckSpec, ...]:
    """``specs`` and the default checks whose names they leave free."""
    names = {spec.name for spec in specs}
    return (*(spec for spec in default_checks(state_dir) if spec.name not in names), *specs)
