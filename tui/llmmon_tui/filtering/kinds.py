"""What each kind of row has: its fields by the names of the store, and the short names of those."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from llmmon.protocol.names import DIMENSIONS, METRICS, REFUSAL, SCORES

_FAILED: Final = ("error", "errors", "failed")


class Kind(NamedTuple):
    """Fields that rows of a kind have."""

    texts: tuple[str, ...]
    numbers: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()

    @property
    def fields(self) -> tuple[str, ...]:
        """All of them, texts first."""
        return self.texts + self.numbers


KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "groups": Kind(DIMENSIONS, tuple(METRICS), (*_FAILED, "ok", "slow", "unpriced")),
        "requests": Kind(
            (
                *("model", "operation", "provider", "route", "error", "user_id", "service"),
                *("environment", "id", "trace_id", "session_id", "response_model", "host"),
                *("prompt_version", "finish_reason"),
            ),
            (
                *("latency_ms", "cost_usd", "status_code", "ttft_ms", "quality_score"),
                *("input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens"),
                *("reasoning_tokens", "max_gap_ms", "retries", *SCORES, REFUSAL),
            ),
            (*_FAILED, "ok", "slow", "unpriced"),
        ),
        "logs": Kind(
            (
                *("level", "logger", "message", "service", "environment", "host"),
                *("trace_id", "request_id"),
            ),
            (),
            ("error", "errors"),
        ),
        "spans": Kind(
            ("name", "error", "service", "host", "id", "trace_id", "parent_id"),
            ("duration_ms",),
            (*_FAILED, "ok", "slow"),
        ),
        "alerts": Kind(
            (
                *("rule", "severity", "state", *DIMENSIONS, "metric", "check", "summary"),
                *("acknowledged_by", "inhibited_by"),
            ),
            ("value", "threshold", "peak", "window_s", "age_s"),
        ),
        "checks": Kind(
            ("name", "type", "status", "message"),
            ("took_ms", "value", "age_s"),
            (*_FAILED, "ok", "slow"),
        ),
    }
)
"""By name: `groups`, `requests`, `logs`, `spans`, `alerts`, `checks`."""

ALIASES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "op": ("operation",),
        "env": ("environment",),
        "user": ("user_id",),
        "session": ("session_id",),
        "trace": ("trace_id",),
        "status": ("status_code", "status"),
        "latency": ("latency_ms", "duration_ms", "took_ms"),
        "took": ("latency_ms", "duration_ms", "took_ms"),
        "duration": ("duration_ms", "latency_ms", "took_ms"),
        "ttft": ("ttft_p95", "ttft_ms"),
        "gap": ("max_gap_p95", "max_gap_ms"),
        "cost": ("hourly_cost", "cost_usd"),
        "q": ("quality_score_mean", "quality_score"),
        "quality": ("quality_score_mean", "quality_score"),
        "in": ("input_tokens",),
        "out": ("output_tokens",),
        "cached": ("cached_tokens",),
        "req": ("request_rate",),
        "rate": ("request_rate",),
        "n": ("requests",),
        "err": ("error_rate",),
        "p50": ("latency_p50",),
        "p90": ("latency_p90",),
        "p95": ("latency_p95",),
        "p99": ("latency_p99",),
        "refusal": ("refusal_rate", REFUSAL),
        "check": ("check", "name"),
        "msg": ("message",),
        "window": ("window_s",),
        "age": ("age_s",),
        "by": ("acknowledged_by",),
        **{score: (score, f"{score}_mean") for score in SCORES},
    }
)
"""Short names, each with the fields it may mean: the first that a row has."""

KNOWN: Final = frozenset(field for kind in KINDS.values() for field in kind.fields)
FLAGS: Final = frozenset(flag for kind in KINDS.values() for flag in kind.flags)


def candidates(name: str) -> tuple[str, ...]:
    """The fields that `name` may mean, the likeliest first."""
    return ALIASES.get(name, (name,))


def resolve(name: str, fields: Collection[str]) -> str | None:
    """The one of `fields` that `name` means; None where it means none of them."""
    return next((field for field in candidates(name) if field in fields), None)


def is_known(name: str) -> bool:
    """Whether rows of any kind have what `name` means."""
    return any(field in KNOWN for field in candidates(name))


def chosen(kinds: Collection[str]) -> tuple[Kind, ...]:
    """The kinds of these names; all of them where none is named."""
    return tuple(KINDS[name] for name in kinds or KINDS)


def names_of(kinds: Collection[str]) -> dict[str, str]:
    """Every name that rows of these kinds answer to, with the field meant; full names first."""
    of_kinds = chosen(kinds)
    fields = dict.fromkeys(field for kind in of_kinds for field in kind.fields)
    names = {field: field for field in fields}
    for alias in ALIASES:
        field = resolve(alias, fields)
        if field is not None:
            names.setdefault(alias, field)
    return names


def is_number(field: str, kinds: Collection[str]) -> bool:
    """Whether `field` is a number in one of these kinds."""
    return any(field in kind.numbers for kind in chosen(kinds))
